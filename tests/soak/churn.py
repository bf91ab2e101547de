"""Random changes to bindings and their objects; each is recorded in the round's calls."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

from tests.soak.calls import Calls
from tests.soak.estate import Estate
from tests.soak.population import GATEWAYS, TARGETS, Member

__all__ = ["Churn"]

Change = dict[str, Any]

GATEWAY_PAUSE: Final = 300.0
"""Seconds between two reverts of one gateway's settings. The operator takes four reverts in ten minutes for another manager,
and rightly stops for an hour."""

BUSY: Final = 0.4
"""The part of the bindings that may change in one round."""

CHANGES: Final[tuple[Change, ...]] = (
    {"routes.0.llm.model": "gpt-4o"},
    {"routes.0.llm.options.maxTokens": 64},
    {"routes.0.name": "renamed"},
    {"payloads": "Disabled"},
    {"sessions": {"headers": ["X-Chat"]}},
    {"sessions": {"mode": "Disabled"}},
    {"suspend": True},
    {"suspend": True, "payloads": "Disabled"},
    {"gateway.management": "Verify"},
    {"fiddler.applicationId": "00000000-0000-4000-8000-000000000000"},
    {"overrides": [{"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/queue", "value": {"max_batch_size": 7}}]}]},
    {"overrides": [{"plugin": "opentelemetry", "patch": [{"op": "replace", "path": "/traces_endpoint", "value": "https://else.example"}]}]},
)
"""Values of a spec; the last one is refused by the operator."""

CHILDREN: Final = (
    ("KongPlugin", "opentelemetry"),
    ("KongPlugin", "openai-ai-proxy"),
    ("Secret", "kong-keys"),
    ("Ingress", "openai"),
    ("Service", "openai"),
)
"""Kind and name suffix of a binding's children."""


class Churn:
    """The changes of one round. One namespace and one gateway are spared, so that some bindings have no cause for a write."""

    def __init__(self, estate: Estate, rng: random.Random, worn: dict[str, float]) -> None:
        """`worn` holds, across rounds, the time at which each gateway's settings were last reverted."""
        self.calls = Calls(estate.population)
        self._estate = estate
        self._rng = rng
        spared, unmoved = rng.choice(estate.population.namespaces), rng.choice(estate.population.gateway_names)
        self._namespaces = [name for name in estate.population.namespaces if name != spared]
        self._gateways = [name for name in estate.population.gateway_names if name != unmoved]
        others = [member for member in estate.population.members if member.namespace != spared]
        self._busy = rng.sample(others, int(len(others) * BUSY))
        self._worn = worn
        self._deleted: set[str] = set()
        self._hands: list[Callable[[Member], None]] = [
            self._change,
            self._change,
            self._rotate,
            self._lose_key,
            self._delete,
            self._replace,
            self._lose_child,
            self._edit_child,
            self._move,
            self._edit_list,
        ]

    def act(self) -> None:
        """Make one random change to one binding."""
        member = self._rng.choice([member for member in self._busy if member.namespace not in self._deleted] or self._busy)
        if member.namespace in self._deleted:
            return
        self.calls.member(member)
        self._rng.choice(self._hands)(member)

    # At most one of these in a round

    def delete_namespace(self) -> None:
        """Delete a namespace with everything in it."""
        namespace = self._rng.choice(self._namespaces)
        self.calls.namespace(namespace)
        self._deleted.add(namespace)
        self._estate.delete_namespace(namespace)

    def roll_out(self) -> None:
        """Change a gateway as its owner does, so that its pods are replaced."""
        name = self._rng.choice(self._gateways)
        self.calls.gateway(name)
        self._edit_gateway(name, {"name": "KONG_LOG_LEVEL", "value": self._rng.choice(["info", "notice", "warn"])})

    def undo_settings(self) -> None:
        """Remove one of the settings from a gateway whose last revert is long enough ago."""
        now = time.monotonic()
        rested = [n for n in self._gateways if now - self._worn.get(n, -GATEWAY_PAUSE) >= GATEWAY_PAUSE]
        if rested:
            name = self._rng.choice(rested)
            self._worn[name] = now
            self.calls.gateway(name)
            self._edit_gateway(name, {"name": "KONG_UNTRUSTED_LUA", "$patch": "delete"})

    def restore(self) -> None:
        """Restore everything that was changed."""
        for namespace in self._estate.population.namespaces:
            if namespace in self._deleted:
                self._estate.make(namespace)
                continue
            for kind, name in TARGETS.items():
                if f"{namespace}/{name}" in self.calls.touched:
                    self._estate.put_target(kind, namespace)
        for member in self._estate.population.members:
            if member.key in self.calls.touched and member.namespace not in self._deleted:
                self._estate.put_keys(member)
                self._estate.put_again(member)
        for name in self._estate.population.gateway_names:
            if f"{GATEWAYS}/{name}" in self.calls.touched:
                self._edit_gateway(name, {"name": "KONG_LOG_LEVEL", "$patch": "delete"})

    # One binding

    def _change(self, member: Member) -> None:
        self._estate.put_member(member, self._rng.choice(CHANGES))

    def _rotate(self, member: Member) -> None:
        self._estate.put(member.secret(self._rng.choice(["fiddler", "openai"]), f"rotated-{self._rng.randrange(1 << 40):010x}"))

    def _lose_key(self, member: Member) -> None:
        self._estate.delete("Secret", member.namespace, f"openai-{member.number:02d}")

    def _delete(self, member: Member) -> None:
        self._estate.delete("FiddlerKongBinding", member.namespace, member.name)

    def _replace(self, member: Member) -> None:
        self._delete(member)
        if not member.attached:  # a deleted one still exists until its finalizer is removed
            self._estate.put_member(member)

    def _lose_child(self, member: Member) -> None:
        kind, ending = self._rng.choice(CHILDREN)
        self._estate.delete(kind, member.namespace, f"{member.name}-{ending}")

    def _edit_child(self, member: Member) -> None:
        self._estate.patch(
            "KongPlugin", member.namespace, f"{member.name}-opentelemetry", {"config": {"traces_endpoint": "https://elsewhere.example"}}
        )
        self._estate.patch("Service", member.namespace, f"{member.name}-openai", {"metadata": {"annotations": {"konghq.com/plugins": "x"}}})

    def _move(self, member: Member) -> None:
        """Move it from a shared object to its own path, or to a shared object, where it meets another binding."""
        if member.attached:
            self._estate.put_member(member, {"routes.0.attachTo": None, "routes.0.expose": member.expose})
            return
        kind = self._rng.choice(sorted(TARGETS))
        self.calls.target(kind, member.namespace)
        self._estate.put_member(member, {"routes.0.expose": None, "routes.0.attachTo": {"kind": kind, "name": TARGETS[kind]}})

    def _edit_list(self, member: Member) -> None:
        """Set the plugin list of a shared object as a user does."""
        kind = self._rng.choice(sorted(TARGETS))
        self.calls.target(kind, member.namespace)
        listed = self._rng.choice([None, "rate-limit", "rate-limit,unknown"])
        self._estate.patch(kind, member.namespace, TARGETS[kind], {"metadata": {"annotations": {"konghq.com/plugins": listed}}})

    def _edit_gateway(self, name: str, entry: Change) -> None:
        path = f"/apis/apps/v1/namespaces/{GATEWAYS}/deployments/{name}"
        body = {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "env": [entry]}]}}}}
        self._estate.stage.cluster.api.request("PATCH", path, body, "application/strategic-merge-patch+json")
