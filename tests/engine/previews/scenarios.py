"""The changes whose previews are recorded: what somebody would put into a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tree = Mapping[str, Any]
Edit = tuple[str, str, str]
"""File, text in it, and what takes its place."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One pull request: the stack as it is, and what the request does to settings or program."""

    title: str
    stack: str = "opendata"
    deployed: bool = True
    """Whether the stack is there before the request."""
    before: Tree = field(default_factory=dict[str, Any])
    """Settings laid over the stack file of what is deployed; None takes a key away."""
    after: Tree = field(default_factory=dict[str, Any])
    """Settings laid over those by the request."""
    edits: Sequence[Edit] = ()
    """What the request changes in the program."""
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Secret settings: key to their value before and after."""


CLIENT = "a client's secret, "
SCENARIOS: Mapping[str, Scenario] = {
    "no-change": Scenario(title="A request that changes documentation only"),
    "first": Scenario(title="A stack that is not deployed yet", deployed=False),
    "image": Scenario(
        title="A change of what runs in the hub's image",
        edits=[("services/hub/jupyterhub_config.py", '"""', '"""A new line. ')],
    ),
    "session-image": Scenario(
        title="A session image of the site's own",
        after={"coffea-casa:images": {"overrides": {"session": "registry.example.org/site/session:2026.11"}}},
    ),
    "profile-size": Scenario(
        title="More memory for the profile `small`, and a shorter idle time",
        after={
            "coffea-casa:hub": {"idleTimeout": 1800},
            "coffea-casa:session": {
                "profiles": [
                    {
                        "name": "small",
                        "title": "Small",
                        "description": "For most analyses; scale out with Dask.",
                        "cores": 2,
                        "coresRequest": 0.1,
                        "memory": "4Gi",
                        "memoryRequest": "1Gi",
                    },
                    {
                        "name": "large",
                        "title": "Large",
                        "description": "More memory in the notebook itself.",
                        "cores": 2,
                        "coresRequest": 0.2,
                        "memory": "6Gi",
                        "memoryRequest": "3Gi",
                    },
                ]
            },
        },
    ),
    "cache-added": Scenario(
        title="A cache, where there was none",
        before={"coffea-casa:xcache": None},
        after={
            "coffea-casa:xcache": {"origin": "eospublic.cern.ch", "prefix": "/eos/opendata", "size": "10Gi"}
        },
    ),
    "cache-removed": Scenario(title="No cache any more", after={"coffea-casa:xcache": None}),
    "replicas": Scenario(title="Three caches instead of one", after={"coffea-casa:xcache": {"replicas": 3}}),
    "volume-size": Scenario(
        title="A larger volume for the cache", after={"coffea-casa:xcache": {"size": "20Gi"}}
    ),
    "rename": Scenario(
        title="Another name for the proxy's Service",
        edits=[("components/hub.py", '"proxy-public"', '"front-door"')],
    ),
    "secret": Scenario(
        title="A new secret of the OIDC client",
        stack="atlas",
        secrets={"coffea-casa:clientSecret": (CLIENT + "the old one", CLIENT + "the new one")},
    ),
    "key-rotation": Scenario(
        title="The next key for data tokens", after={"coffea-casa:credentials": {"keyGeneration": 2}}
    ),
    "network": Scenario(
        title="No internet for sessions, metrics for Prometheus",
        after={"coffea-casa:network": {"internet": False, "monitoringNamespace": "monitoring"}},
    ),
    "protected": Scenario(
        title="Another namespace: the engine refuses it", after={"coffea-casa:namespace": "elsewhere"}
    ),
    "refused": Scenario(
        title="Settings that contradict each other",
        after={"coffea-casa:hub": {"idleTimeout": 5}, "coffea-casa:public": {"nodePort": 80}},
    ),
}
