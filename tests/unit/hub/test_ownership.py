"""Session pods belong to the hub's ServiceAccount."""

import base64
import json

from services.hub.ownership import owner_reference


def token(length: int) -> str:
    """Return a token as the kubelet projects it, padded so that base64 has every remainder."""
    account = {"name": "hub", "uid": "0f3e-" + "0" * length}
    claims = json.dumps({"kubernetes.io": {"serviceaccount": account}}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


def test_the_owner_is_the_account_of_the_token() -> None:
    for length in range(4):
        reference = owner_reference(token(length))
        assert reference["uid"] == "0f3e-" + "0" * length
        assert (reference["kind"], reference["name"]) == ("ServiceAccount", "hub")
