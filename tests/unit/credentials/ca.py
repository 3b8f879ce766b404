"""A CA as the facility makes its own: by the stand-in that deploys it on one machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.plugins.resource import Properties
from services.credentials.authority import Authority
from tests.unit.plugins.conftest import Authority as Issuing
from tests.unit.plugins.conftest import make_ca, make_key, make_request


@dataclass(frozen=True)
class Leaf:
    """A key and the certificate chain of it, PEM."""

    key: str
    chain: str


class Ca:
    """A CA with a key of its own."""

    def __init__(self, **inputs: Any) -> None:
        self.key: Properties = make_key()
        self._issuing = Issuing(self.key, make_ca(self.key, **{"validityPeriodHours": 8760, **inputs}))

    @property
    def pem(self) -> str:
        return self._issuing.certificate["certPem"]

    @property
    def private(self) -> str:
        return self.key["privateKeyPem"]

    def authority(self) -> Authority:
        """Return the CA as the issuer loads it."""
        return Authority.load(self.pem.encode(), self.private.encode())

    def leaf(self, subject: dict[str, str], *uses: str, hours: int = 24, **request: Any) -> Leaf:
        """Sign a certificate as the engine has it done."""
        key = make_key()
        given: dict[str, Any] = {"dnsNames": [], "ipAddresses": []} | request
        signed = self._issuing.sign(
            make_request(key, subject=subject, **given),
            allowedUses=["digital_signature", *uses],
            validityPeriodHours=hours,
        )
        return Leaf(key["privateKeyPemPkcs8"], signed["certPem"] + self.pem)


def openssl(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run openssl; skip the test where there is none."""
    program = shutil.which("openssl")
    if not program:
        pytest.skip("there is no openssl program")
    return subprocess.run([program, *map(str, command)], capture_output=True, text=True)
