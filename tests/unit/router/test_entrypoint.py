"""The router's configuration as its entry point renders it; tests/engine/router runs it in nginx."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROUTER = Path(__file__).resolve().parents[3] / "images" / "router"
ID = "0123456789abcdef0123456789abcdef"


def render(
    tmp_path: Path,
    namespace: str = "opendata",
    domain: str = "cluster.local",
    resolv: str = "search opendata.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
    ipv6: bool = True,
    world: str = "dask.example.org",
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "resolv.conf").write_text(resolv)
    (tmp_path / "if_inet6").write_text("00000000000000000000000000000001 01 80 10 80 lo\n" if ipv6 else "")
    environment = {
        "PATH": "/usr/bin:/bin",
        "NAMESPACE": namespace,
        "DNS_DOMAIN": domain,
        "WORLD_DOMAIN": world,
        "ROUTER_TEMPLATES": str(ROUTER),
        "ROUTER_RESOLV_CONF": str(tmp_path / "resolv.conf"),
        "ROUTER_IF_INET6": str(tmp_path / "if_inet6"),
    }
    return subprocess.run(
        ["/bin/sh", str(ROUTER / "entrypoint.sh"), "render"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def rendered(tmp_path: Path, **changes: object) -> str:
    done = render(tmp_path, **changes)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    return done.stdout


def scheduler_pattern(text: str) -> re.Pattern[str]:
    found = re.search(r'"~(\^daskgateway-.*)" (dask-.*);', text)
    assert found
    assert found.group(2) == "dask-$id.opendata.svc.cluster.local:8786"
    return re.compile(found.group(1).replace("(?<", "(?P<"))


def session_pattern(text: str) -> re.Pattern[str]:
    found = re.search(r'"~(\^\(\?<slug>.*)" (\S+);', text)
    assert found
    assert found.group(2) == "$slug.sessions.opendata.svc.cluster.local:8786"
    return re.compile(found.group(1).replace("(?<", "(?P<"))


@pytest.mark.parametrize("world", ["dask.example.org", ""])
def test_every_placeholder_is_filled(tmp_path: Path, world: str) -> None:
    text = rendered(tmp_path, world=world)
    assert not re.search(r"@[A-Z_]+@|#ipv6#", text)


def test_names_of_the_facilitys_clusters_are_routed(tmp_path: Path) -> None:
    found = scheduler_pattern(rendered(tmp_path)).match(f"daskgateway-opendata.{ID}")
    assert found
    assert found.group("id") == ID


@pytest.mark.parametrize(
    "name",
    [
        "",
        f"daskgateway-other.{ID}",
        f"daskgateway-opendata.{ID}0",
        f"daskgateway-opendata.{ID[:-1]}",
        f"daskgateway-opendata.{ID[:-1]}G",
        f"daskgateway-opendata.{ID}.example.org",
        f"x.daskgateway-opendata.{ID}",
        f"daskgateway-opendatax{ID}",
        "hub",
    ],
)
def test_other_names_are_not(tmp_path: Path, name: str) -> None:
    assert not scheduler_pattern(rendered(tmp_path)).match(name)


@pytest.mark.parametrize("slug", ["ada", "a", "ada-example-org---8b1d2c3e", "0" * 63])
def test_names_of_users_sessions_are_routed(tmp_path: Path, slug: str) -> None:
    found = session_pattern(rendered(tmp_path)).match(f"{slug}.dask.example.org")
    assert found
    assert found.group("slug") == slug


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ada",
        "dask.example.org",
        ".dask.example.org",
        "ada.daskXexample.org",
        "ada.dask.exampleXorg",
        "ada.dask.example.org.",
        "ada.dask.example.org.evil.org",
        "x.ada.dask.example.org",
        "-ada.dask.example.org",
        "ada-.dask.example.org",
        "Ada.dask.example.org",
        "a_b.dask.example.org",
        "0" * 64 + ".dask.example.org",
        "ada.sessions.opendata.svc.cluster.local",
        f"daskgateway-opendata.{ID}",
        f"daskgateway-opendata.{ID}.dask.example.org",
    ],
)
def test_the_world_is_routed_to_sessions_alone(tmp_path: Path, name: str) -> None:
    assert not session_pattern(rendered(tmp_path)).match(name)


def test_the_worlds_port_uses_the_sessions_map_and_the_facilitys_port_the_gateways(tmp_path: Path) -> None:
    text = rendered(tmp_path)
    servers = dict(re.findall(r"listen (\d+) so_keepalive=on;.*?proxy_pass (\S+);", text, re.DOTALL))
    assert servers == {"8786": "$scheduler", "9786": "$session"}


def test_without_a_domain_there_is_no_port_for_the_world(tmp_path: Path) -> None:
    text = rendered(tmp_path, world="")
    assert "9786" not in text
    assert "sessions" not in text


def test_the_worlds_connections_are_limited_for_each_source_and_in_all(tmp_path: Path) -> None:
    world = rendered(tmp_path).split("listen 9786")[1].split("}")[0]
    assert re.findall(r"limit_conn (\w+) (\d+);", world) == [("outside", "256"), ("world", "2048")]
    assert "preread_timeout 5s;" in world


@pytest.mark.parametrize(
    ("resolv", "expected"),
    [
        ("nameserver 10.96.0.10\n", "10.96.0.10 ipv6=off"),
        ("nameserver 10.96.0.10\nnameserver 10.96.0.11\n", "10.96.0.10 10.96.0.11 ipv6=off"),
        ("nameserver fd00::a\n", "[fd00::a]"),
        ("nameserver 10.96.0.10\nnameserver fd00::a\n", "10.96.0.10 [fd00::a] ipv6=off"),
        ("# nameserver 1.2.3.4\nnameserver 10.0.0.1\n", "10.0.0.1 ipv6=off"),
    ],
)
def test_the_resolver_is_the_pods(tmp_path: Path, resolv: str, expected: str) -> None:
    assert rendered(tmp_path, resolv=resolv).count(f"resolver {expected} valid=5s;") == 2


def test_ipv6_is_listened_on_where_there_is_ipv6(tmp_path: Path) -> None:
    assert rendered(tmp_path).count("listen [::]:") == 3
    assert "[::]" not in rendered(tmp_path, ipv6=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"namespace": ""}, "NAMESPACE must be a Kubernetes namespace"),
        ({"namespace": "open.data"}, "NAMESPACE must be a Kubernetes namespace"),
        ({"namespace": "a;evil"}, "NAMESPACE must be a Kubernetes namespace"),
        ({"domain": ""}, "DNS_DOMAIN must be a DNS domain"),
        ({"domain": "x/y"}, "DNS_DOMAIN must be a DNS domain"),
        ({"world": "dask.example.org;evil"}, "WORLD_DOMAIN must be a DNS domain"),
        ({"world": "(.*)"}, "WORLD_DOMAIN must be a DNS domain"),
        ({"world": "Dask.example.org"}, "WORLD_DOMAIN must be a DNS domain"),
        ({"resolv": "search x\n"}, "no nameserver in"),
        ({"resolv": "nameserver evil;\n"}, "no nameserver in"),
    ],
)
def test_bad_input_is_refused_before_nginx_starts(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    done = render(tmp_path, **changes)  # type: ignore[arg-type]
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_logs_leave_out_queries_and_credentials(tmp_path: Path) -> None:
    formats = re.findall(r"log_format \w+ ('.*');", rendered(tmp_path))
    assert len(formats) == 2
    for secret in ("$request ", "$request_uri", "$args", "$query_string", "$http_", "$cookie_", "$uri"):
        assert all(secret not in each for each in formats)


def test_a_read_only_root_file_system_is_enough(tmp_path: Path) -> None:
    text = rendered(tmp_path)
    paths = re.findall(r"(?:_temp_path|pid) (\S+);", text)
    assert len(paths) == 6
    assert all(path.startswith("/tmp/") for path in paths)
    assert not re.search(r"^\s*(user|ssl_certificate\w*) ", text, re.MULTILINE)
