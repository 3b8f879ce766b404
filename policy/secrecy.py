"""Secrets: in Secret objects and nowhere else."""

from __future__ import annotations

import re

from policy.subject import Subject, at, containers, entries, texts

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of a special value in what the engine tells (Pulumi: sdk/go/common/resource/sig)."""
_LOOKS_SECRET = re.compile(
    r"BEGIN [A-Z ]*PRIVATE KEY"
    r"|\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"  # bcrypt
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]+\.[\w-]+"  # RFC 7519: a token, of which each part is an object in base64
)
_CALLED_SECRET = re.compile(
    r"password|passphrase|secret|kubeconfig|api_?key|private_?key|crypt_?key|(?:^|_)token", re.IGNORECASE
)
_OF_SOMETHING_ELSE = re.compile(
    r"(file|path|dir|url|name|env|lifetime|type|enabled|ref)s?(_\d+)?$", re.IGNORECASE
)
"""Ends of names that tell where a secret is, or what of it, and not the secret."""


def looks_secret(text: str) -> bool:
    """Tell whether a text is secret wherever it stands: a private key, a password's hash, a token."""
    return bool(_LOOKS_SECRET.search(text)) or SIGNATURE in text


def called_secret(name: str) -> bool:
    """Tell whether a variable of this name holds a secret."""
    return bool(_CALLED_SECRET.search(name)) and not _OF_SOMETHING_ELSE.search(name)


def in_the_open(subject: Subject) -> list[str]:
    """Return where a ConfigMap or a pod holds a secret; never the secret."""
    if subject.kind == "ConfigMap":
        return [
            f"{part}.{key} holds a secret"
            for part in ("data", "binaryData")
            for key, value in at(subject.properties, part).items()
            if _secret_inside(key, value)
        ] + [
            f"settings.json: {path} holds a secret"
            for path, text in texts(subject.settings)
            if text and _CALLED_EXACTLY.search(path)
        ]
    problems: list[str] = []
    for container in containers(subject.pod or {}):
        name = container.get("name")
        for variable in entries(container, "env"):
            told = variable.get("value")
            if told and (called_secret(str(variable.get("name"))) or looks_secret(str(told))):
                problems.append(f"container {name}: the variable {variable.get('name')} holds a secret")
        if any(looks_secret(text) for _, text in texts([container.get("args"), container.get("command")])):
            problems.append(f"container {name}: its command holds a secret")
    return problems


_CALLED_EXACTLY = re.compile(r"(^|\.)(password|clientSecret|secret|apiKey|privateKey|cookieSecret|cryptKey)$")


def _secret_inside(key: str, value: object) -> bool:
    # The engine's own mask stands where the program has put a value that it marked secret.
    return any(looks_secret(text) or text == "[secret]" for _, text in texts(value)) or isinstance(
        value, dict
    )
