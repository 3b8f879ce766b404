"""The types of the `random` provider (terraform-provider-random 3.x: password, bytes)."""

from __future__ import annotations

import base64
import secrets
import string

import bcrypt

from local.plugins.resource import CheckError, Properties, Resource

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""The official default of overrideSpecial."""


def _classes(inputs: Properties) -> dict[str, str]:
    special = inputs.get("overrideSpecial") or SPECIAL
    letters = {
        "upper": string.ascii_uppercase,
        "lower": string.ascii_lowercase,
        "numeric": string.digits,
        "special": special,
    }
    return {name: alphabet for name, alphabet in letters.items() if inputs[name]}


def _least(inputs: Properties) -> dict[str, int]:
    return {
        name: int(inputs[f"min{name.capitalize()}"]) for name in ("upper", "lower", "numeric", "special")
    }


def check_password(inputs: Properties) -> None:
    """Refuse lengths and minimums that no password can have."""
    length, least = inputs["length"], _least(inputs)
    if length < 1:
        raise CheckError("length", f"must be at least 1, got {length:g}")
    if sum(least.values()) > length:
        raise CheckError("length", f"must be at least the sum of the minimums, {sum(least.values())}")
    if not _classes(inputs):
        raise CheckError("special", "at least one of upper, lower, numeric and special must be true")


def create_password(inputs: Properties) -> tuple[str, Properties]:
    """Draw a password: the minimum of each class, then the rest of all, shuffled."""
    classes, least, chooser = _classes(inputs), _least(inputs), secrets.SystemRandom()
    drawn = [chooser.choice(classes[name]) for name, count in least.items() for _ in range(count)]
    alphabet = "".join(classes.values())
    drawn += [chooser.choice(alphabet) for _ in range(int(inputs["length"]) - len(drawn))]
    chooser.shuffle(drawn)
    result = "".join(drawn)
    # bcrypt reads 72 bytes at most, and the official provider hashes just those.
    hashed = bcrypt.hashpw(result.encode()[:72], bcrypt.gensalt(rounds=10)).decode()
    return "none", {**inputs, "result": result, "bcryptHash": hashed}


def check_bytes(inputs: Properties) -> None:
    """Refuse an empty draw."""
    if inputs["length"] < 1:
        raise CheckError("length", f"must be at least 1, got {inputs['length']:g}")


def create_bytes(inputs: Properties) -> tuple[str, Properties]:
    """Draw random bytes, given out in base64 and in hexadecimal."""
    drawn = secrets.token_bytes(int(inputs["length"]))
    encoded = base64.b64encode(drawn).decode()
    return encoded, {**inputs, "base64": encoded, "hex": drawn.hex()}


RESOURCES = {
    "random:index/randomPassword:RandomPassword": Resource(
        inputs=frozenset(
            "keepers length lower minLower minNumeric minSpecial minUpper number numeric overrideSpecial "
            "special upper".split()
        ),
        required=frozenset({"length"}),
        defaults={
            **dict.fromkeys(("lower", "upper", "numeric", "number", "special"), True),
            **dict.fromkeys(("minLower", "minUpper", "minNumeric", "minSpecial"), 0),
        },
        secrets=frozenset({"result", "bcryptHash"}),
        check=check_password,
        create=create_password,
    ),
    "random:index/randomBytes:RandomBytes": Resource(
        inputs=frozenset({"keepers", "length"}),
        required=frozenset({"length"}),
        secrets=frozenset({"base64", "hex"}),
        check=check_bytes,
        create=create_bytes,
    ),
}
