"""Asks the cluster, by kubectl alone."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Sequence
from typing import Any

_KEYS = (
    "go-template={{range .items}}{{.metadata.name}}"
    '{{range $key, $value := .data}} {{$key}}{{end}}{{"\\n"}}{{end}}'
)
"""Names and keys of Secrets; their content does not leave kubectl here."""


class KubectlError(RuntimeError):
    """The cluster does not answer, or not to this user."""


class Kubectl:
    """A cluster's API."""

    def __init__(self, program: str, context: str | None) -> None:
        self.words: Sequence[str] = [program, *([f"--context={context}"] if context else [])]

    def ask(self, *arguments: str) -> str:
        """Return what a command prints. Raises KubectlError."""
        command = [*self.words, "--request-timeout=20s", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KubectlError(str(error)) from error
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise KubectlError(lines[-1] if lines else f"kubectl ended with {done.returncode}")
        return done.stdout

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Return objects of a kind."""
        return json.loads(self.ask("get", kind, "--output=json", *arguments))["items"]

    def version(self) -> dict[str, Any]:
        """Return what it and the server are."""
        return json.loads(self.ask("version", "--output=json"))

    def may_create(self, kind: str) -> bool:
        """Tell whether this user may make objects of a kind."""
        try:
            return self.ask("auth", "can-i", "create", kind).strip() == "yes"
        except KubectlError:
            # It says no by its exit status as well.
            return False

    def _has_namespace(self, name: str) -> bool:
        return bool(self.ask("get", "namespace", name, "--ignore-not-found", "--output=name").strip())

    def claims(self, namespace: str) -> list[dict[str, Any]] | None:
        """Return the volume claims of a namespace; none where there is no such namespace."""
        if not self._has_namespace(namespace):
            return None
        return self.objects("persistentvolumeclaims", f"--namespace={namespace}")

    def secret_keys(self, namespace: str) -> dict[str, list[str]] | None:
        """Return the keys of each Secret of a namespace; none where there is no such namespace."""
        if not self._has_namespace(namespace):
            return None
        lines = self.ask("get", "secrets", f"--namespace={namespace}", f"--output={_KEYS}").splitlines()
        return {name: keys for name, *keys in (line.split() for line in lines if line.strip())}

    def secret_value(self, namespace: str, name: str, key: str) -> str | None:
        """Return the text of a Secret's key, which is for nobody to read; none where there is none.

        ``key`` is a word of letters. Raises KubectlError, which says nothing of the content.
        """
        wanted = (f"--namespace={namespace}", "--ignore-not-found", f"--output=jsonpath={{.data.{key}}}")
        told = self.ask("get", "secret", name, *wanted).strip()
        try:
            return base64.b64decode(told, validate=True).decode() if told else None
        except (binascii.Error, UnicodeDecodeError):
            raise KubectlError(f"the key {key} of {name} is no text") from None
