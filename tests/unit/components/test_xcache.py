"""The text that XRootD is started with."""

from components.xcache_config import config, server
from settings import XCache


def lines(**settings: object) -> list[str]:
    """Return the configuration's directives."""
    given = {"origin": "eospublic.cern.ch", "prefix": "/eos/opendata"} | settings
    text = config(XCache(**given), "opendata")  # type: ignore[arg-type]
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_one_path_of_one_origin_is_exported_and_only_for_reading() -> None:
    directives = lines()
    assert [line for line in directives if line.startswith("all.export")] == ["all.export /eos/opendata r/o"]
    assert [line for line in directives if "origin" in line] == ["pss.origin root://eospublic.cern.ch:1094"]
    # The other ways to name an origin, which make an open proxy of a cache.
    assert not [line for line in directives if line.startswith(("pss.permit", "pss.origin ="))]


def test_there_is_no_door_but_the_root_protocol() -> None:
    assert not [line for line in lines() if line.startswith("xrd.protocol") or "http" in line.lower()]


def test_an_origin_has_the_protocols_port_unless_it_says_another() -> None:
    assert server("origin.example.org") == "origin.example.org:1094"
    assert server("origin.example.org:2094") == "origin.example.org:2094"


def test_sizes_are_bytes_and_watermarks_are_of_the_caches_own_size() -> None:
    directives = lines(size="10Gi", low_watermark=0.5, high_watermark=0.75, memory="2Gi", block_size="256Ki")
    assert f"pfc.ram {2 * 2**20}k" in directives
    assert "pfc.blocksize 256k" in directives
    (usage,) = [line.split() for line in directives if line.startswith("pfc.diskusage")]
    # A number without a letter would be a fraction.
    base, low, high = (int(word.removesuffix("k")) for word in usage[4:7] if word.endswith("k"))
    assert (low, high) == (5 * 2**20, 15 * 2**19)
    assert 0 < base < low < high


def test_names_bookkeeping_and_data_are_on_one_volume() -> None:
    places = [line.split()[-1] for line in lines() if line.startswith(("oss.localroot", "oss.space"))]
    assert len(places) == 3
    assert all(place.startswith("/cache/") for place in places)


def test_what_readers_did_is_told_on_loopback_alone() -> None:
    (stream,) = [line for line in lines() if line.startswith("xrootd.mongstream")]
    assert stream.split()[1] == "pfc"
    assert stream.split()[-1] == "127.0.0.1:9931"


def test_the_longest_name_of_a_file_fits_in_what_is_told() -> None:
    # XRootD checks neither; a line is at most 4096 bytes, and the header about 200.
    (stream,) = [line for line in lines() if line.startswith("xrootd.mongstream")]
    length = stream.split()[stream.split().index("maxlen") + 1]
    assert int(length.removesuffix("k")) * 1024 >= 2 * 4096
