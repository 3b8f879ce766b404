"""What has to be known of a new site: the one table of questions, which are flags as well.

Another choice is one more line here and a file in ``parts/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

NONE = "none"


class UnusedAnswerError(ValueError):
    """An answer that was given makes no sense beside the others."""


@dataclass(frozen=True)
class Question:
    """One thing to know."""

    name: str
    """Of the flag, and of the file in ``parts/``."""
    text: str
    choices: tuple[str, ...] = ()
    """The first is the default; none means any text."""
    many: bool = False
    """Whether several answers may be given, with commas between them."""
    default: str | None = None
    """For lack of an answer; none means that a placeholder stays in the file, which the settings refuse."""
    placeholder: str = "changeme"
    """Of the right form, so that everything else can be checked beside it."""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Other questions' answers with which this one is asked."""

    @property
    def otherwise(self) -> str:
        """Return the answer when there is none."""
        if self.choices:
            return self.default or self.choices[0]
        return self.placeholder if self.default is None else self.default

    def applies(self, answers: Mapping[str, str]) -> bool:
        """Tell whether the question is to be asked after those ``answers``."""
        return all(answers.get(name) in wanted for name, wanted in self.only.items())

    def takes(self, answer: str) -> bool:
        """Tell whether an answer is one of the choices; of texts the settings are the judge."""
        return not self.choices or all(word in self.choices for word in self.words(answer))

    def words(self, answer: str) -> list[str]:
        """Return the several answers in one."""
        return [word.strip() for word in answer.split(",")] if self.many else [answer]


_OWN, _EXTERNAL = {"identity": ("own",)}, {"identity": ("external",)}
_DIRECT = {"reached": ("load-balancer", "node-port")}
_CACHED = {"xcache": ("public", "authorised")}

QUESTIONS = (
    Question("url", "Address that users type", placeholder="https://changeme.example.org"),
    Question("reached", "How browsers get there", ("ingress", "load-balancer", "node-port")),
    Question(
        "ingress-class", "IngressClass of the controller", default="nginx", only={"reached": ("ingress",)}
    ),
    Question("node-port", "Port of every node", default="30443", only={"reached": ("node-port",)}),
    Question("certificate", "Who signs the address's certificate", ("secret", "facility"), only=_DIRECT),
    Question(
        "tls-secret", "Secret that has it", default="coffea-casa-tls", only={"certificate": ("secret",)}
    ),
    Question("registry", "Registry of the images", placeholder="changeme.example.org/coffea-casa"),
    Question("pull-secret", "Secret to pull them with (empty: none is needed)", default=""),
    Question("storage-class", "StorageClass (empty: the cluster's default)", default=""),
    Question("identity", "Who says who a user is: a Dex of the facility, or an issuer", ("own", "external")),
    Question("first-user", "E-mail address of the first user", placeholder="changeme@example.org", only=_OWN),
    Question("issuer", "The OIDC issuer", placeholder="https://changeme.example.org/", only=_EXTERNAL),
    Question("client-id", "The facility's client there", only=_EXTERNAL),
    Question("access", "Who may log in", ("groups", "users", "everyone"), only=_EXTERNAL),
    Question("groups-claim", "Claim that lists groups", default="groups", only={"access": ("groups",)}),
    Question("groups", "Groups that are let in", many=True, only={"access": ("groups",)}),
    Question("users", "User names that are let in", many=True, only={"access": ("users",)}),
    Question(
        "profiles", "Sizes of notebooks", ("small", "standard", "large"), many=True, default="small,standard"
    ),
    Question("xcache", "A cache of remote data", (NONE, "public", "authorised")),
    Question("origin", "Server that has the data", placeholder="changeme.example.org", only=_CACHED),
    Question("prefix", "Path of it that may be read", placeholder="/changeme", only=_CACHED),
    Question("cache-size", "Size of the cache", default="500Gi", only=_CACHED),
    Question(
        "dask-router",
        "How laptops and other sites reach users' schedulers",
        (NONE, "load-balancer", "node-port", "cluster-ip"),
    ),
)


def answered(given: Mapping[str, str | None], ask: Callable[[Question], str] | None = None) -> dict[str, str]:
    """Return an answer to each question that applies: as ``given``, asked for, or what stands in for it.

    Raises UnusedAnswerError for one that was given and does not apply.
    """
    found: dict[str, str] = {}
    for question in QUESTIONS:
        told = given.get(question.name)
        if not question.applies(found):
            if told is not None:
                because = " and ".join(
                    f"--{name} {' or '.join(which)}" for name, which in question.only.items()
                )
                raise UnusedAnswerError(f"--{question.name} {told}: is unused; it goes with {because}")
            continue
        if told is None and ask is not None:
            told = ask(question)
        found[question.name] = told or question.otherwise
    return found
