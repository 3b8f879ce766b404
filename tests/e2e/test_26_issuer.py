"""The credential issuer: two pods, what they publish, whom they refuse, and how keys rotate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.changes import changed
from tests.e2e.facility import execute, kubectl, objects, pod_name, pods, pulumi, rollout

ASK = """
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/etc/coffea-casa/credentials/ca.pem")
# The pod may call nobody, so it calls itself: by address, which is in no certificate.
context.check_hostname = False
request = urllib.request.Request(sys.argv[1], data=sys.argv[2].encode() if sys.argv[2:] else None)
print(urllib.request.urlopen(request, context=context, timeout=10).read().decode())
"""


def published() -> set[str]:
    """Return the names of the keys that a pod publishes."""
    done = execute(pod_name("credentials"), "python", "-c", ASK, "https://127.0.0.1:8444/jwks")
    assert not done.returncode, done.stderr
    return {key["kid"] for key in json.loads(done.stdout)["keys"]}


def test_two_pods_are_ready_and_one_may_be_evicted() -> None:
    rollout("credentials")
    assert len(pods("credentials")) == 2
    (budget,) = [b for b in objects("poddisruptionbudgets") if b["metadata"]["name"] == "credentials"]
    assert budget["status"]["disruptionsAllowed"] == 1


def test_the_discovery_document_leads_to_the_keys() -> None:
    url = "https://127.0.0.1:8444/.well-known/openid-configuration"
    document = json.loads(execute(pod_name("credentials"), "python", "-c", ASK, url).stdout)
    assert document["issuer"] == "https://credentials.opendata.svc.cluster.local:8444"
    assert document["jwks_uri"] == document["issuer"] + "/jwks"
    assert len(published()) == 2


def test_nobody_gets_a_bundle_without_a_certificate_and_the_attempt_is_on_record() -> None:
    pod = pod_name("credentials")
    body = json.dumps({"user": "physicist@example.org", "slug": "physicist"})
    done = execute(pod, "python", "-c", ASK, "https://127.0.0.1:8443/v1/bundles", body)
    assert done.returncode
    assert "access_token" not in done.stdout
    lines = [json.loads(line) for line in kubectl("logs", pod).stdout.splitlines() if line.startswith("{")]
    assert lines[-1]["outcome"] == "refused"
    assert "CERTIFICATE" in lines[-1]["reason"]


@pytest.fixture
def rotated() -> Iterator[tuple[set[str], Path]]:
    """Keys before a rotation, and the settings after it; afterwards the facility is as it was."""
    before = published()
    with changed(credentials={"keyGeneration": 2}) as second:
        rollout("credentials")
        yield before, second
    rollout("credentials")


def test_rotation_keeps_the_old_key_publishes_another_and_has_no_way_back(
    rotated: tuple[set[str], Path],
) -> None:
    before, second = rotated
    after = published()
    assert before < after
    assert len(after) == 3
    pulumi("preview", "--expect-no-changes", overrides=second)
    # The first generation again: a key that was published since would have to go.
    back = pulumi("preview", check=False)
    assert back.returncode
    assert "credentials-signing-key-3" in back.stdout + back.stderr
    assert "protect" in back.stdout + back.stderr
