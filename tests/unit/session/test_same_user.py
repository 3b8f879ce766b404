"""Dask over real TLS: schedulers and workers of a user, and who is let in there."""

from __future__ import annotations

import importlib.util
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from distributed import Client, Scheduler, Worker
from distributed.comm.core import connect
from distributed.security import Security

from services.credentials.person import Person
from tests.unit.credentials.ca import Ca, Leaf
from tests.unit.credentials.conftest import ISSUER
from tests.unit.session.conftest import SESSION, Cluster, Facility, Start

ORGANISATION = "Coffea-casa users"


@pytest.fixture(scope="module")
def ada(start: Start) -> Cluster:
    """Ada's cluster with one worker."""
    return start("ada", workers=1)


async def compute(cluster: Cluster, security: Security) -> int:
    """Have the cluster add two numbers. Raises OSError where it does not let the client in."""
    async with Client(
        cluster.scheduler, security=security, asynchronous=True, timeout=3, set_as_default=False
    ) as client:
        return await client.submit(lambda a, b: a + b, 20, 22)


class TestAScheduler:
    async def test_lets_in_its_users_certificate(self, ada: Cluster, facility: Facility) -> None:
        assert await compute(ada, facility.security("ada")) == 42

    async def test_lets_in_the_certificate_of_its_users_programs(
        self, ada: Cluster, facility: Facility
    ) -> None:
        assert await compute(ada, facility.security("ada", "hostcert.pem")) == 42

    async def test_lets_in_a_renewed_certificate(self, ada: Cluster, facility: Facility) -> None:
        bundle = facility.mint.bundle(Person(user="ada@example.org", slug="ada"), int(time.time()))
        own = bundle.files["usercert.pem"]
        security = Security(tls_ca_file=facility.ca.pem, tls_client_cert=own, tls_client_key=own)
        assert await compute(ada, security) == 42

    @pytest.mark.parametrize("certificate", ["usercert.pem", "hostcert.pem"])
    async def test_refuses_another_user_and_says_so(
        self, ada: Cluster, facility: Facility, certificate: str
    ) -> None:
        with pytest.raises(OSError):
            await compute(ada, facility.security("bob", certificate))
        assert ada.says("WARNING - Listener on", "TLS handshake failed with remote 'tls://127.0.0.1:")
        assert ada.says(
            "REFUSED: this program is of user 'ada', the certificate of its peer is of user 'bob'"
        )

    @pytest.mark.parametrize("slug", ["ada-", "a", "adaa", "bob--ada"])
    async def test_refuses_users_with_similar_names(
        self, ada: Cluster, facility: Facility, slug: str
    ) -> None:
        with pytest.raises(OSError):
            await compute(ada, facility.security(slug))

    async def test_refuses_the_facilitys_own_programs(self, ada: Cluster, facility: Facility) -> None:
        hub = facility.ca.leaf({"commonName": "ada", "organization": "Coffea-casa"}, "client_auth")
        with pytest.raises(OSError):
            await compute(ada, in_memory(facility.ca, hub))
        assert ada.says("the certificate of its peer is of no user")

    async def test_refuses_a_namesake_of_another_facility(self, ada: Cluster, facility: Facility) -> None:
        other = Ca()
        with pytest.raises(OSError):
            await compute(ada, in_memory(facility.ca, users_leaf(other, "ada")))

    def test_refuses_who_shows_no_certificate(self, ada: Cluster, facility: Facility) -> None:
        context = ssl.create_default_context(cadata=facility.ca.pem)
        with pytest.raises(OSError):
            hello(ada, context)

    def test_speaks_with_its_user_by_plain_tls(self, ada: Cluster, facility: Facility) -> None:
        """Otherwise the refusals around this test would show nothing."""
        context = ssl.create_default_context(cadata=facility.ca.pem)
        context.load_cert_chain(facility.files("ada") / "usercert.pem")
        hello(ada, context)

    def test_refuses_another_user_who_comes_back_with_a_ticket(
        self, ada: Cluster, facility: Facility
    ) -> None:
        # With TLS 1.2 the client's handshake ends after the server's: it holds a session nevertheless.
        context = ssl.create_default_context(cadata=facility.ca.pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(facility.files("bob") / "usercert.pem")
        with connected(ada, context) as tls:
            session = tls.session
        with pytest.raises(OSError):
            hello(ada, context, session)

    async def test_is_open_to_all_users_without_the_preload(
        self, start: Start, facility: Facility, tmp_path: Path
    ) -> None:
        """What the module is for; when this fails distributed has learnt it, and the module may go."""
        assert await compute(start("ada", workers=1, dask=tmp_path), facility.security("bob")) == 42

    async def test_lets_another_users_worker_not_join(self, ada: Cluster, facility: Facility) -> None:
        files = facility.files("bob")
        security = facility.security("bob", "hostcert.pem")
        assert files.exists()
        with pytest.raises(OSError):
            await Worker(ada.scheduler, security=security, death_timeout=3, dashboard=False)

    async def test_is_not_made_when_the_preload_cannot_be_imported(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.py"
        broken.write_text("raise RuntimeError('no')")
        with pytest.raises(RuntimeError):
            Scheduler(preload=str(broken), dashboard=False)


class TestAWorker:
    async def test_lets_in_its_own_user_alone(self, ada: Cluster, facility: Facility) -> None:
        (worker,) = ada.workers
        comm = await connect(worker, timeout=3, **facility.security("ada").get_connection_args("client"))
        comm.abort()
        with pytest.raises(OSError):
            await connect(worker, timeout=2, **facility.security("bob").get_connection_args("client"))


class TestTheModule:
    @pytest.fixture
    def same_user(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        """The module; what it changes in distributed is undone."""
        for name in ("get_listen_args", "get_connection_args"):
            monkeypatch.setattr(Security, name, getattr(Security, name))
        yield imported()

    def test_knows_the_users_of_both_certificates(self, same_user: Any, facility: Facility) -> None:
        for slug in ("ada", "ada-example-org---8b1d2c3e"):
            for name in ("usercert.pem", "hostcert.pem"):
                certificate = facility.files(slug) / name
                assert same_user.own_user(str(certificate)) == slug
                assert same_user.own_user(certificate.read_text()) == slug

    @pytest.mark.parametrize(
        ("organisation", "request_"),
        [
            ("Coffea-casa", {"uris": [f"{ISSUER}/users/ada"]}),
            ("", {"uris": [f"{ISSUER}/users/ada"]}),
            (ORGANISATION, {}),
            (ORGANISATION, {"uris": [f"{ISSUER}/users/"]}),
            (ORGANISATION, {"uris": [f"{ISSUER}/users/ada/more"]}),
            (ORGANISATION, {"uris": [f"{ISSUER}/people/ada"]}),
            (ORGANISATION, {"uris": ["https://evil.example.org/x/users/ada"]}),
            (ORGANISATION, {"uris": [f"{ISSUER}/users/ada", f"{ISSUER}/users/bob"]}),
            (ORGANISATION, {"uris": [f"{ISSUER}/users/ada", "https://example.org"]}),
            (ORGANISATION, {"uris": [f"{ISSUER}/users/ada"], "dnsNames": ["bob.dask.localhost"]}),
            (ORGANISATION, {"dnsNames": ["localhost"], "ipAddresses": ["127.0.0.1"]}),
            (ORGANISATION, {"dnsNames": ["ada.dask.localhost", "bob.dask.localhost"]}),
        ],
    )
    def test_takes_no_certificate_for_a_users_that_does_not_clearly_say_so(
        self, same_user: Any, facility: Facility, organisation: str, request_: dict[str, Any]
    ) -> None:
        subject = {"commonName": "ada"} | ({"organization": organisation} if organisation else {})
        leaf = facility.ca.leaf(subject, "client_auth", **request_)
        certificate = x509.load_pem_x509_certificate(leaf.chain.encode())
        assert same_user.user(certificate) is None

    def test_a_users_certificate_that_does_not_say_whose_it_is_serves_nobody(
        self, same_user: Any, facility: Facility
    ) -> None:
        leaf = facility.ca.leaf({"commonName": "ada", "organization": ORGANISATION}, "server_auth")
        security = in_memory(facility.ca, leaf)
        with pytest.raises(ValueError, match="does not say of which"):
            security.get_listen_args("scheduler")

    def test_programs_that_are_of_no_user_are_left_alone(self, same_user: Any) -> None:
        context = Security.temporary().get_listen_args("scheduler")["ssl_context"]
        assert context.sslsocket_class is ssl.SSLSocket
        assert context.sslobject_class is ssl.SSLObject

    def test_programs_without_tls_are_left_alone(self, same_user: Any) -> None:
        assert Security().get_listen_args("scheduler")["ssl_context"] is None

    @pytest.mark.parametrize("der", [None, b"", b"\x30\x03\x02\x01\x01"])
    def test_what_is_no_certificate_is_refused(self, same_user: Any, der: bytes | None) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="is of no user"):
            same_user.check("ada", der)

    def test_connections_in_memory_are_limited_as_well(self, same_user: Any, facility: Facility) -> None:
        """As asyncio makes them, which Dask may use instead of Tornado's."""
        server = facility.security("ada", "hostcert.pem").get_listen_args("worker")["ssl_context"]
        for slug, lets_in in (("ada", True), ("bob", False)):
            client = ssl.create_default_context(cadata=facility.ca.pem)
            client.load_cert_chain(facility.files(slug) / "usercert.pem")
            assert shakes_hands(server, client) is lets_in


def imported() -> ModuleType:
    spec = importlib.util.spec_from_file_location("same_user", SESSION / "site/same_user.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def users_leaf(ca: Ca, slug: str) -> Leaf:
    subject = {"commonName": slug, "organization": ORGANISATION}
    return ca.leaf(subject, "client_auth", uris=[f"{ISSUER}/users/{slug}"])


def in_memory(ca: Ca, leaf: Leaf) -> Security:
    pair = {f"tls_{role}_{part}": text for role in ("client", "scheduler")
            for part, text in (("cert", leaf.chain), ("key", leaf.key))}  # fmt: skip
    return Security(tls_ca_file=ca.pem, require_encryption=True, **pair)


@contextmanager
def connected(cluster: Cluster, context: ssl.SSLContext, session: Any = None) -> Iterator[ssl.SSLSocket]:
    """Shake hands with a scheduler. Raises OSError."""
    place = urlsplit(cluster.scheduler)
    with (
        socket.create_connection((place.hostname, place.port or 0), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as tls,
    ):
        yield tls


def hello(cluster: Cluster, context: ssl.SSLContext, session: Any = None) -> None:
    """Shake hands with a scheduler, and see that it speaks. Raises OSError where it does not."""
    with connected(cluster, context, session) as tls:
        if not tls.recv(8):
            raise ConnectionResetError("closed")


def shakes_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    """Tell whether two ends shake hands, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return True
