"""A new site, typed as the guide has it: its stack file, its facility, a key rotation, and its end."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.facility import STATE, execute, kubectl, pod_name, rollout, run
from tests.guides import ROOT, commands, under

GUIDE = ROOT / "docs" / "operator" / "new-site.md"
OPERATOR = ROOT / "docs" / "operator.md"
NAME = "mysite"
FILE = ROOT / f"Pulumi.{NAME}.yaml"
STATE_OF_SITE = STATE / "tenants" / NAME
KEYS = """
import json, ssl, urllib.request
context = ssl.create_default_context(cafile="/etc/coffea-casa/credentials/ca.pem")
# The pod calls itself, by an address that is in no certificate.
context.check_hostname = False
answer = urllib.request.urlopen("https://127.0.0.1:8444/jwks", context=context, timeout=10)
print(json.dumps([key["kid"] for key in json.load(answer)["keys"]]))
"""


def typed(*blocks: str) -> str:
    """Type blocks into the guide's shell and return what they print; questions are answered with yes."""
    (state,) = under(GUIDE, "State of its own", "sh")
    script = "\n".join((f"cd {ROOT}", f"SITE={STATE_OF_SITE}", state, *blocks))
    words = ("env", "PULUMI_SKIP_CONFIRMATIONS=true", "bash", "-euo", "pipefail", "-c", script)
    return run(sys.executable, "-m", "local", "shell", "--", *words, timeout=1800).stdout


def exists() -> bool:
    """Tell whether there is a namespace of the site's."""
    return kubectl("get", "namespace", NAME, check=False).returncode == 0


def keys() -> list[str]:
    """Return the names of the keys that the site publishes."""
    done = execute(pod_name("credentials", namespace=NAME), "python", "-c", KEYS, namespace=NAME)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The site as the guide's first parts make it; what they print."""

    def remove() -> None:
        kubectl("delete", "namespace", NAME, "--ignore-not-found", "--wait", "--timeout=300s")
        shutil.rmtree(STATE_OF_SITE, ignore_errors=True)
        FILE.unlink(missing_ok=True)

    remove()
    yield typed(*under(GUIDE, "The stack file", "sh"), *under(GUIDE, "Up", "sh"))
    remove()


def test_a_new_site_is_checked_brought_up_and_well(site: str) -> None:
    checked, _, health = site.partition("Updating (mysite)")
    assert "FAILED" not in site
    for name in ("settings", "cluster", "storage class", "XCache origin"):
        assert f"\n{name:<16} ok" in checked, checked
    for title in ("log-in", "notebook server", "coffea over Dask", "coffea through XCache"):
        assert f"\n{title:<24} ok" in health, health
    assert exists()


def test_its_key_is_rotated_and_an_analysis_still_reads(site: str) -> None:
    assert site
    before = keys()
    (block,) = under(OPERATOR, "Rotating the key of data tokens", "console")
    typed(f"pulumi stack select {NAME}", *commands(block))
    rollout("credentials", namespace=NAME)
    after = keys()
    assert set(before) < set(after), (before, after)
    assert "FAILED" not in typed(f"make health STACK={NAME}")


def test_it_ends_and_leaves_nothing(site: str) -> None:
    assert site
    typed(*under(GUIDE, "The end", "sh"))
    assert not exists()
    assert not FILE.exists()
