"""What several caches and their redirector are started with."""

from components.xcache_config import cluster_config, config, manager_config, redirector_config
from settings import XCache

CACHE = XCache(origin="origin.example.org", prefix="/store", replicas=2)
MANAGER = "xcache-redirector.af.svc.cluster.local:1213"
SERVER = config(CACHE, "af", MANAGER)
CMSD = cluster_config(CACHE, MANAGER)
REDIRECTOR = redirector_config(CACHE)
REDIRECTOR_CMSD = manager_config(CACHE)


def value(text: str, directive: str) -> str:
    """Return what follows a directive that is there once."""
    (found,) = [line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{directive} ")]
    return found


def test_a_single_cache_knows_of_no_redirector() -> None:
    assert not [
        line for line in config(CACHE, "af").splitlines() if line.startswith(("all.role", "all.manager"))
    ]


def test_caches_are_servers_and_the_redirector_is_their_manager() -> None:
    assert [value(text, "all.role") for text in (SERVER, CMSD, REDIRECTOR, REDIRECTOR_CMSD)] == [
        "server",
        "server",
        "manager",
        "manager",
    ]
    assert [value(text, "all.manager") for text in (SERVER, CMSD)] == [MANAGER] * 2
    # No NetworkPolicy lets a pod call itself through its Service.
    assert [value(text, "all.manager") for text in (REDIRECTOR, REDIRECTOR_CMSD)] == ["localhost:1213"] * 2


def test_every_daemon_exports_the_prefix_as_what_may_be_fetched_and_not_written() -> None:
    assert {value(text, "all.export") for text in (SERVER, CMSD, REDIRECTOR, REDIRECTOR_CMSD)} == {
        "/store stage r/o"
    }


def test_readers_are_sent_on_by_names_which_are_in_certificates() -> None:
    networks = [line for line in SERVER.splitlines() if line.startswith("xrd.network")]
    assert networks[-1] == "xrd.network rpipa dyndns"
    for text in (CMSD, REDIRECTOR, REDIRECTOR_CMSD):
        assert value(text, "xrd.network").endswith(" rpipa dyndns")


def test_the_redirectors_daemons_have_ports_of_their_own() -> None:
    assert [value(text, "xrd.port") for text in (REDIRECTOR, REDIRECTOR_CMSD)] == ["1094", "1213"]


def test_both_daemons_of_a_cache_see_the_same_names_and_meet_in_the_same_place() -> None:
    assert value(CMSD, "oss.localroot") == value(SERVER, "oss.localroot")
    assert value(CMSD, "all.adminpath") == value(SERVER, "all.adminpath")


def test_a_file_belongs_to_one_cache_until_that_has_been_away_for_long() -> None:
    assert value(REDIRECTOR_CMSD, "cms.sched") == "maxretries 0 nomultisrc affinity strict"
    assert "drop 30s" in value(REDIRECTOR_CMSD, "cms.delay")
