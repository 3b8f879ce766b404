#!/bin/sh
# Renders nginx.conf from NAMESPACE, DNS_DOMAIN and resolv.conf, then becomes nginx.
# WORLD_DOMAIN, if set, is the domain of sessions' names outside; without it there is no port for the world.
# "entrypoint.sh render" prints the configuration and ends.
# ROUTER_TEMPLATES, ROUTER_RESOLV_CONF and ROUTER_IF_INET6 name other places of what is read.
set -eu

templates=${ROUTER_TEMPLATES:-/etc/coffea-casa/router}
resolv_conf=${ROUTER_RESOLV_CONF:-/etc/resolv.conf}
if_inet6=${ROUTER_IF_INET6:-/proc/net/if_inet6}

fail() {
    echo "entrypoint: $1" >&2
    exit 1
}

# These go into regular expressions and host names, so nothing else may be in them.
case ${NAMESPACE:-} in
    '' | *[!a-z0-9-]*) fail "NAMESPACE must be a Kubernetes namespace, not '${NAMESPACE:-}'" ;;
esac
case ${DNS_DOMAIN:-} in
    '' | *[!a-z0-9.-]*) fail "DNS_DOMAIN must be a DNS domain such as cluster.local, not '${DNS_DOMAIN:-}'" ;;
esac
case ${WORLD_DOMAIN:-} in
    *[!a-z0-9.-]*) fail "WORLD_DOMAIN must be a DNS domain such as dask.example.org, not '$WORLD_DOMAIN'" ;;
esac

# nginx wants IPv6 addresses in brackets, and asks for AAAA records unless told not to:
# a cluster whose DNS server has an IPv4 address gives its Services IPv4 addresses.
resolver() {
    awk '
        $1 == "nameserver" && $2 ~ /^[0-9.]+$/ { list = list " " $2; four = 1 }
        $1 == "nameserver" && $2 ~ /^[0-9a-fA-F:]+:[0-9a-fA-F:]*$/ { list = list " [" $2 "]" }
        END { if (list != "") print substr(list, 2) (four ? " ipv6=off" : "") }
    ' "$resolv_conf"
}
resolver=$(resolver)
[ -n "$resolver" ] || fail "no nameserver in $resolv_conf"

render() {
    # Listening on [::] fails where the kernel has no IPv6.
    if [ -s "$if_inet6" ]; then six='s/#ipv6# //'; else six='/#ipv6#/d'; fi
    if [ -n "${WORLD_DOMAIN:-}" ]; then world="r $templates/world.conf.template"; else world=d; fi
    # A dot of the domain is one in the regular expression, too.
    domain=$(printf %s "${WORLD_DOMAIN:-}" | sed 's/\./\\\\./g')
    sed -e "/@WORLD@/{$world" -e 'd' -e '}' "$templates/nginx.conf.template" | sed \
        -e "s/@WORLD_DOMAIN@/$domain/g" -e "s/@NAMESPACE@/$NAMESPACE/g" -e "s/@DNS_DOMAIN@/$DNS_DOMAIN/g" \
        -e "s/@RESOLVER@/$resolver/g" -e "$six"
}

if [ "${1:-}" = render ]; then
    render
else
    render >/tmp/nginx.conf
    # -e: nginx otherwise opens a log file of its own before it reads the configuration.
    exec nginx -e stderr -c /tmp/nginx.conf
fi
