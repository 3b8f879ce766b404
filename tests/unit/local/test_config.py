"""What the one-machine Kubernetes is told."""

from __future__ import annotations

import ipaddress
import json
import tomllib
from pathlib import Path

from local import config, host
from local.certificates import Leaf, extensions, subject

PLACES = config.Places(
    state=Path("/s"),
    kubernetes=Path("/k"),
    kube_router=Path("/r"),
    local_path_provisioner=Path("/l"),
)


def test_the_cluster_s_ranges_do_not_overlap() -> None:
    link = ipaddress.ip_network(f"{config.HOST_ADDRESS}/30", strict=False)
    ranges = [ipaddress.ip_network(text) for text in (config.POD_RANGE, config.SERVICE_RANGE)] + [link]
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    assert ipaddress.ip_address(config.NODE_ADDRESS) in link
    for address in (config.API_SERVICE, config.DNS_SERVICE):
        assert ipaddress.ip_address(address) in ipaddress.ip_network(config.SERVICE_RANGE)


def test_every_file_that_a_daemon_is_told_of_is_written_or_is_a_certificate() -> None:
    written = {f"{PLACES.config}/{name}" for name in config.files(PLACES, "pause:1", "")}
    pki = {f"{PLACES.pki}/{leaf.name}.{end}" for leaf in config.LEAVES for end in ("crt", "key")}
    pki |= {f"{PLACES.pki}/{name}" for name in ("ca.crt", "service-account.key", "service-account.pub")}
    for command in config.daemons(PLACES).values():
        for word in command[1:]:
            value = word.partition("=")[2]
            if value.startswith(("/s/config", "/s/pki")):
                assert value in written | pki, word


def test_every_client_has_a_certificate_of_its_own() -> None:
    users = {leaf.name: leaf.user for leaf in config.LEAVES}
    assert set(config.CLIENTS) <= set(users)
    assert len(set(users.values())) == len(users)


def test_only_the_administrator_and_the_api_server_may_do_everything() -> None:
    assert {leaf.name for leaf in config.LEAVES if leaf.group == "system:masters"} == {
        "admin",
        "apiserver-kubelet",
    }


def test_the_api_server_lets_nobody_in_without_a_name_and_enforces_roles() -> None:
    command = config.daemons(PLACES)["kube-apiserver"]
    assert "--anonymous-auth=false" in command
    assert "--authorization-mode=Node,RBAC" in command
    kubelet = json.loads(config.kubelet(PLACES))
    assert kubelet["authentication"]["anonymous"]["enabled"] is False
    assert kubelet["authorization"]["mode"] == "Webhook"


def test_containerd_keeps_to_its_own_places() -> None:
    told = tomllib.loads(config.containerd(PLACES, "pause:1"))
    assert told["root"].startswith("/s/") and told["state"].startswith("/run/coffea-casa")
    cri = told["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == "pause:1" and cri["restrict_oom_score_adj"] is True


def test_pods_get_name_servers_that_they_can_reach() -> None:
    text = (
        "# x\nsearch example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver ::1\nnameserver\n"
    )
    assert config.resolv_conf(text) == "nameserver 192.0.2.1\n"
    assert config.resolv_conf("nameserver 127.0.0.53\n") == ""


def test_a_server_s_certificate_names_its_addresses_and_a_client_s_none() -> None:
    server = Leaf("a", "server", hosts=("name", "10.0.0.1"))
    assert "subjectAltName=DNS:name,IP:10.0.0.1" in extensions(server)
    assert "extendedKeyUsage=serverAuth" in extensions(server)
    client = Leaf("b", "me", "us")
    assert "extendedKeyUsage=clientAuth" in extensions(client)
    assert not any(text.startswith("subjectAltName") for text in extensions(client))
    assert subject(client) == "/O=us/CN=me"


def test_routes_that_touch_the_cluster_s_ranges_are_found() -> None:
    assert host.overlapping(["default", "192.0.2.0/24", "10.1.0.0/16"]) == []
    assert host.overlapping(["10.244.7.0/24", "10.0.0.0/8", "10.97.0.2"]) == [
        "10.244.7.0/24",
        "10.0.0.0/8",
        "10.97.0.2",
    ]


def test_firewall_tables_are_read_from_what_iptables_save_prints() -> None:
    assert host.tables("# x\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n*nat\nCOMMIT\n") == {"filter", "nat"}
    assert host.tables("") == set()


def test_only_rules_with_our_mark_are_ours() -> None:
    ours = "-A POSTROUTING -s 127.0.0.0/8 -m comment --comment coffea-casa -j MASQUERADE"
    saved = (
        f'*nat\n:POSTROUTING ACCEPT\n{ours}\n-A POSTROUTING -m comment --comment "x coffea-casa" -j ACCEPT\n'
    )
    assert host.marked(f"{saved}-A OUTPUT -j ACCEPT\nCOMMIT\n") == [("nat", ours.split()[1:])]


def test_node_ports_answer_on_localhost_alone() -> None:
    (redirect,) = [words for _, chain, words in host.rules() if "DNAT" in words]
    assert redirect[redirect.index("-d") + 1] == "127.0.0.1/32"
    assert all(chain != "PREROUTING" for _, chain, _ in host.rules())
