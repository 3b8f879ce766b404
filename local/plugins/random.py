"""The type of the `random` provider that the facility uses (terraform-provider-random 3): passwords."""

from __future__ import annotations

import secrets
import string

import bcrypt

from local.plugins.resource import CheckError, Properties, Resource

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""The official default of overrideSpecial."""
CLASSES = ("upper", "lower", "numeric", "special")
MINIMUMS = tuple(f"min{name.capitalize()}" for name in CLASSES)


def check_password(known: Properties) -> None:
    """Refuse lengths, minimums and classes that no password can have."""
    least = sum(known.get(name, 0) for name in MINIMUMS)
    length = known.get("length", max(1, least))
    if length < 1:
        raise CheckError("length", f"must be at least 1, got {length}")
    if length < least:
        raise CheckError("length", f"must be at least the sum of the minimums, {least}, got {length}")
    if not _numeric(known) and not any(known.get(name, True) for name in CLASSES if name != "numeric"):
        raise CheckError("numeric", "at least one of upper, lower, numeric and special must be true")


def create_password(inputs: Properties) -> tuple[str, Properties]:
    """Draw a password: the minimum of each class, then the rest from all chosen classes, shuffled."""
    inputs = {**inputs, "numeric": _numeric(inputs), "number": _numeric(inputs)}
    letters = {
        "upper": string.ascii_uppercase,
        "lower": string.ascii_lowercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or SPECIAL,
    }
    chooser = secrets.SystemRandom()
    # A minimum holds for a class that is not chosen, too.
    drawn = [
        chooser.choice(letters[name])
        for name, minimum in zip(CLASSES, MINIMUMS, strict=True)
        for _ in range(inputs[minimum])
    ]
    alphabet = "".join(letters[name] for name in CLASSES if inputs[name])
    drawn += [chooser.choice(alphabet) for _ in range(inputs["length"] - len(drawn))]
    chooser.shuffle(drawn)
    result = "".join(drawn)
    # bcrypt reads 72 bytes at most, and the official provider hashes just those.
    hashed = bcrypt.hashpw(result.encode()[:72], bcrypt.gensalt(rounds=10, prefix=b"2a")).decode()
    return "none", {**inputs, "result": result, "bcryptHash": hashed}


def _numeric(inputs: Properties) -> bool:
    """Tell whether digits are chosen: ``number`` is the old name of ``numeric``."""
    return bool(inputs.get("numeric", True) and inputs.get("number", True))


RESOURCES = {
    "random:index/randomPassword:RandomPassword": Resource(
        inputs={
            **dict.fromkeys((*CLASSES, "number"), bool),
            **dict.fromkeys(("length", *MINIMUMS), int),
            "overrideSpecial": str,
            "keepers": dict,
        },
        required=frozenset({"length"}),
        defaults={**dict.fromkeys((*CLASSES, "number"), True), **dict.fromkeys(MINIMUMS, 0)},
        secrets=frozenset({"result", "bcryptHash"}),
        check=check_password,
        create=create_password,
        schema_version=3,
    ),
}
