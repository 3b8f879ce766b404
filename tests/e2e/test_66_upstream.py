"""A cache at an origin that asks who comes: its login by token and by X.509, and outside issuers' tokens."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local import origin
from tests.e2e import guarded, reader, tokens
from tests.e2e.authority import Authority
from tests.e2e.changes import changed
from tests.e2e.facility import execute, kubectl, objects, pod_name, wait_for
from tests.e2e.guarded import Guarded
from tests.e2e.server import Server

LOGIN = "origin-login"
POD = "xcache-0"
CONTENT = b"from an origin that asks" * 4096
TO_CACHE = f"root://xcache.opendata.svc.cluster.local/{origin.FOLDER}"


@pytest.fixture(scope="module")
def asking() -> Iterator[Guarded]:
    """The origin."""
    with guarded.guarded() as made:
        yield made


@pytest.fixture(scope="module")
def session(notebook: Server) -> str:
    """The first user's session pod."""
    return pod_name("session", notebook.account.user)


@pytest.fixture
def fresh() -> Iterator[str]:
    """The address in the cache of a file that it has never seen."""
    place = origin.data() / origin.FOLDER.lstrip("/") / f"asked-for-{time.time_ns()}"
    place.write_bytes(CONTENT)
    yield f"{TO_CACHE}/{place.name}"
    place.unlink()


def give(**files: str) -> None:
    """Write the Secret of the cache's login."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": LOGIN},
        "stringData": {name.replace("_", "."): content for name, content in files.items()},
    }
    kubectl("delete", "secret", LOGIN, "--ignore-not-found")
    kubectl("create", "--filename=-", stdin=json.dumps(secret))


def renew(**files: str) -> None:
    """Change that Secret, and have the kubelet see it now and not in a minute or two."""
    give(**files)
    kubectl("annotate", "pod", POD, f"tests/looked-at={time.time_ns()}")


def starts() -> dict[str, int]:
    """Return how often the containers of the cache have started again."""
    (pod,) = objects("pods", f"--field-selector=metadata.name={POD}")
    statuses = pod["status"]["containerStatuses"] + pod["status"].get("initContainerStatuses", [])
    return {f"{pod['metadata']['uid']} {each['name']}": each["restartCount"] for each in statuses}


def settled() -> None:
    """Wait until the cache is the new one."""
    kubectl("rollout", "status", "statefulset/xcache", "--timeout=180s")


def with_cache(asking: Guarded, **settings: Any) -> Any:
    """Give a context in which the facility's cache goes to that origin."""
    port = guarded.PORTS[settings["upstream"]]
    return changed(xcache={"origin": f"{guarded.HOST}:{port}", "upstreamSecret": LOGIN, **settings})


@pytest.fixture(scope="module")
def by_token(asking: Guarded, session: str) -> Iterator[None]:
    """The cache with a token whose life is over, for readers with tokens of whom it is told."""
    assert session
    over = int(time.time()) - 60
    give(token=asking.token(exp=over), ca_pem=asking.authority.pem)
    issuers = [{"issuer": guarded.ISSUER, "basePaths": ["/"]}]
    with with_cache(asking, upstream="token", mode="authorised", issuers=issuers):
        settled()
        yield


@pytest.fixture(scope="module")
def by_certificate(asking: Guarded, session: str) -> Iterator[None]:
    """The cache with a certificate of a CA that the origin does not know."""
    assert session
    certificate, key = Authority("Nobody's").leaf("cache")
    give(tls_crt=certificate, tls_key=key, ca_pem=asking.authority.pem)
    with with_cache(asking, upstream="x509"):
        settled()
        yield


def refused(session: str, file: str) -> str:
    """Read what the cache cannot, and return what the user is told."""
    status, said = reader.read(session, file)
    assert status != 0
    return said


def taken(session: str, file: str) -> None:
    """Wait until the cache can, and look whether it is right."""
    wait_for("a file by the new login", lambda: reader.read(session, file)[0] == 0, 150, pause=3)
    digest = execute(session, "sha256sum", reader.READ).stdout.split()[0]
    assert digest == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.usefixtures("by_token")
def test_a_token_that_is_over_is_refused_and_its_successor_taken_without_a_restart(
    asking: Guarded, session: str, fresh: str
) -> None:
    assert re.search("auth", refused(session, fresh), re.I)
    before = starts()
    renew(token=asking.token(), ca_pem=asking.authority.pem)
    taken(session, fresh)
    assert starts() == before
    # It came as itself, and not as the user, whose token is another's.
    assert "login as cache" in asking.logged("token")
    assert "physicist" not in asking.logged("token")


@pytest.mark.usefixtures("by_token")
def test_an_outside_issuers_token_is_good_for_this_cache_alone(
    asking: Guarded, session: str, fresh: str
) -> None:
    def attempt(**claims: Any) -> tuple[int, str]:
        file = reader.put(session, asking.token(**{"aud": tokens.AUDIENCE, "sub": "guest", **claims}))
        return reader.read(session, fresh, file)

    assert attempt() == (0, "")
    for wrong in ({"aud": guarded.AUDIENCE}, {"scope": "storage.read:/elsewhere"}, {"iss": tokens.ISSUER}):
        assert attempt(**wrong)[0] != 0, wrong


@pytest.mark.usefixtures("by_certificate")
def test_a_strangers_certificate_is_refused_and_its_successor_taken_from_the_next_start_on(
    asking: Guarded, session: str, fresh: str
) -> None:
    assert re.search("auth", refused(session, fresh), re.I)
    certificate, key = asking.authority.leaf("The cache of a facility")
    give(tls_crt=certificate, tls_key=key, ca_pem=asking.authority.pem)
    # XRootD keeps the proxy that it has until that ends (XrdSecgsi, QueryProxy), which nobody waits for here.
    kubectl("rollout", "restart", "statefulset/xcache")
    settled()
    taken(session, fresh)
    assert "The cache of a facility" in asking.logged("x509")
