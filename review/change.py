"""What happens to one resource, without any secret: both sources of a review end here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from policy.secrecy import SIGNATURE, called_secret, looks_secret

Json = Mapping[str, Any]
Operation = Literal["create", "update", "replace", "delete", "forget", "import", "read"]

SECRET = "[secret]"
"""What the engine itself writes in place of a secret."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that only an update will know (Pulumi: plugin.UnknownStringValue)."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that will be other than it is."""

    operation: Operation
    type: str
    """Pulumi's type token."""
    name: str
    old: Json = field(default_factory=dict[str, Any])
    """Inputs as they are, secrets masked; empty for what is new."""
    new: Json = field(default_factory=dict[str, Any])
    """Inputs as they will be, secrets masked; empty for what goes away."""
    touched: Sequence[str] = ()
    """Paths that the engine says differ. It knows of secrets, too, whose values are not here."""
    forcing: Sequence[str] = ()
    """Paths whose change makes a replacement necessary."""
    protected: bool = False
    """Whether the engine refuses to delete it, as it is."""
    stays_protected: bool = False
    retained: bool = False

    @property
    def kubernetes(self) -> bool:
        """Whether it is an object of Kubernetes."""
        return self.type.startswith("kubernetes:")

    @property
    def kind(self) -> str:
        """Kind of a Kubernetes object; the last part of the type of anything else."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def object_name(self) -> str:
        """Name of the Kubernetes object, or of the resource."""
        # Of what is replaced, people know the old one.
        found = (self.old or self.new).get("metadata")
        inner = cast(Json, found).get("name") if isinstance(found, Mapping) else None
        return str(inner) if self.kubernetes and inner else self.name

    @property
    def label(self) -> str:
        """Kind and name, for people."""
        return f"{self.kind} {self.object_name}"


def masked(value: Any, *, all_of_it: bool = False) -> Any:
    """Return ``value`` with every secret replaced, however it is marked, and also what looks like one.

    With ``all_of_it`` every leaf is one: the data of a Secret. Keys are shown.
    """
    if isinstance(value, Mapping):
        items = cast(Json, value)
        if SIGNATURE in items:
            return SECRET
        return {key: masked(item, all_of_it=all_of_it) for key, item in items.items()}
    if isinstance(value, list):
        return [masked(item, all_of_it=all_of_it) for item in cast("list[Any]", value)]
    if all_of_it or (isinstance(value, str) and looks_secret(value)):
        return SECRET
    return value


def shown(type_: str, inputs: Json) -> Json:
    """Return a resource's inputs without secrets, even those that nobody marked.

    A kubeconfig is one, whatever the provider says.
    """
    of_keys = type_.startswith(("tls:", "random:", "pulumi:providers:"))
    whole = ("data", "stringData") if type_.rsplit(":", 1)[-1] == "Secret" else ()
    return {
        key: masked(value, all_of_it=key in whole or (of_keys and called_secret(key)))
        for key, value in inputs.items()
    }
