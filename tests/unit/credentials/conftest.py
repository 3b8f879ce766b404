"""What tests of the issuer share."""

from __future__ import annotations

import pytest

from services.credentials.bundle import Mint
from services.credentials.keys import SigningKey
from services.credentials.person import Person
from services.credentials.settings import IssuerSettings
from tests.unit.credentials.ca import Ca
from tests.unit.plugins.conftest import make_key

ISSUER = "https://credentials.opendata.svc.cluster.local:8444"
CACHE = "https://xcache.opendata.svc.cluster.local:1094"
SETTINGS = IssuerSettings(
    issuer=ISSUER,
    sessions=("sessions.opendata.svc", "sessions.opendata.svc.cluster.local", "dask.localhost"),
    token_lifetime=21600,
    certificate_lifetime=604800,
    audience=(CACHE,),
    data_scopes=("storage.read:/",),
    pool=None,
    sci_tokens=None,
)
ADA = Person(user="ada@example.org", slug="ada-example-org---8b1d2c3e")


@pytest.fixture(scope="session")
def ca() -> Ca:
    return Ca()


@pytest.fixture(scope="session")
def signing() -> SigningKey:
    return SigningKey.load(make_key()["privateKeyPemPkcs8"].encode())


@pytest.fixture(scope="session")
def mint(ca: Ca, signing: SigningKey) -> Mint:
    return Mint(SETTINGS, ca.authority(), signing)
