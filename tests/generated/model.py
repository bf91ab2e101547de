"""A cluster in memory with the operator's own cache, reader, decisions and applier, to run one pass after another.

Only the API server (`FakeCluster`) and time are not real. Kong's plugins are read from the attachment lists, as Kong Ingress
Controller reads them.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Stale
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES
from fiddler_kong_operator.plan.objects.build import build_removal, prune
from fiddler_kong_operator.write.applier import Applier
from tests.generated.models import ACCOUNT
from tests.unit.observe import objects
from tests.unit.write.fake_cluster import FakeCluster

__all__ = ["KEYS", "Model", "scenery"]

KEYS: Final = {
    ("fiddler", "api-key"): "fdl.k1-aaaaaaaa",
    ("openai", "api-key"): "sk-k2-bbbbbbbb",
    ("openai", "other.key"): "sk-k3-cccccccc",
    ("both", "fiddler"): "both-k4-dddddddd",
    ("cloud", "account.json"): ACCOUNT,
}
"""Every key that a generated spec may refer to, by Secret and entry."""

ROUNDS: Final = 6
"""Passes over all bindings, the last of which must write nothing."""

_SETTINGS: Final = {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0", "KONG_UNTRUSTED_LUA": "on"}
_IMAGE: Final = "kong/kong-gateway:3.14.0.3"
_COUNTED: Final = ("resourceVersion", "uid", "generation")


def scenery() -> list[Manifest]:
    """Secrets, two gateways of each kind with the right settings, and the targets of `valid.PURE`, with plugin lists of their owners."""
    env = [{"name": name, "value": value} for name, value in _SETTINGS.items()]
    named = [(kind, name) for kind in WORKLOADS for name in ("kong-gateway", "other")]
    gateways = [raw for kind, name in named for raw in objects.family(kind, 1, *env, namespace="ai", name=name, image=_IMAGE)]
    secrets: dict[str, dict[str, str]] = {}
    for (name, entry), value in KEYS.items():
        secrets.setdefault(name, {})[entry] = base64.b64encode(f"{value}\n".encode()).decode()
    targets = [
        objects.service("chat", plugins="rate-limit, theirs"),
        objects.service("search"),
        objects.ingress("chat", 1, ("", "/theirs"), plugins="rate-limit"),
        objects.ingress("front", 1, ("front.example", "/")),
        objects.http_route("split", 1, "web", "canary", plugins="rate-limit"),
    ]
    made = [objects.raw_object("Secret", name, 1, {"type": "Opaque", "data": data}) for name, data in secrets.items()]
    return [*gateways, *made, *targets, objects.plugin("rate-limit"), objects.plugin("theirs", type_="cors")]


class Model:
    """The cluster and one operator. `converge` runs the operator until nothing is left to write."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.cache = Cache(clock=lambda: 0.0)
        feed = Feed(self.cache, lambda _keys, _lane, _delay: None, _fail)
        self.reader = Reader(feed, self.cluster, clock=lambda: 1_800_000_000.0)
        self.applier = Applier(self.cluster, feed)
        self._made = 0
        for raw in scenery():
            self.put(raw)

    # Actions of users

    def put(self, raw: Manifest) -> None:
        """Create or replace an object."""
        self.cache.observe(self.cluster.put(raw))

    def bind(self, name: str, spec: Any) -> None:
        """Create a binding, or replace its spec."""
        known = self.cluster.objects.get(_binding(name))
        if known:
            generation = known["metadata"]["generation"] + 1
            self.put({**known, "spec": spec, "metadata": {**known["metadata"], "generation": generation}})
        else:
            self._made += 1
            created = f"2026-01-01T00:00:{self._made % 60:02}Z"
            self.put(objects.binding(name, spec_=spec, uid=f"uid-{name}-{self._made}", creationTimestamp=created))

    def annotate(self, key: ObjectKey, plugins: list[str]) -> None:
        """Set the plugin list of an object."""
        raw = copy.deepcopy(self.cluster.objects[key])
        raw["metadata"].setdefault("annotations", {})[names.KONG_PLUGINS_ANNOTATION] = ",".join(plugins)
        self.put(raw)

    def remove(self, key: ObjectKey) -> None:
        """Delete an object that no binding owns."""
        raw = self.cluster.objects.pop(key, None)
        if raw:
            self.cache.gone(key, raw["metadata"]["uid"])

    async def unbind(self, name: str) -> None:
        """Delete a binding: the operator detaches its plugins from others' objects, then the garbage collector deletes the children."""
        raw = self.cluster.objects.get(_binding(name))
        if raw is None:
            return
        self.put({**raw, "metadata": {**raw["metadata"], "deletionTimestamp": "2026-01-01T01:00:00Z"}})
        snapshot = await self.reader.gather(_binding(name))
        assert snapshot is not None
        removal = build_removal(snapshot)
        await self.applier.apply(removal, snapshot, prune(snapshot, removal))
        self.remove(_binding(name))
        for key in list(self.children(name)):
            self.remove(key)

    # Actions of the operator

    async def look(self, name: str) -> Decision:
        """One pass over a binding, repeated like in a worker when its snapshot was stale."""
        for _ in range(ROUNDS):
            snapshot = await self.reader.gather(_binding(name))
            assert snapshot is not None
            decision = decide(snapshot)
            try:
                await self.applier.apply(decision.plan, snapshot, decision.prune)
            except Stale:
                continue
            return decision
        raise AssertionError(f"{name} is still stale after all rounds")

    async def converge(self) -> dict[str, Decision]:
        """Pass over all bindings until a whole round writes nothing; the decisions of that round. AssertionError if writes never end."""
        for _ in range(ROUNDS):
            before = len(self.cluster.writes)
            decisions = {key.name: await self.look(key.name) for key in sorted(self.cache.keys(BINDING))}
            if len(self.cluster.writes) == before:
                return decisions
        raise AssertionError(f"still writing after {ROUNDS} rounds: {self.cluster.writes[-6:]}")

    # State

    def children(self, name: str) -> dict[ObjectKey, Manifest]:
        """The objects that a binding owns, without server-assigned metadata."""
        own = ((key, raw) for key, raw in self.cluster.objects.items() if _owner(raw) == name)
        return {key: _plain(raw) for key, raw in own}

    def strangers(self) -> dict[ObjectKey, Manifest]:
        """Every object that no binding owns, without the bindings."""
        return {key: _plain(raw) for key, raw in self.cluster.objects.items() if _owner(raw) is None and key.kind != names.KIND}

    def listed(self, key: ObjectKey) -> list[str]:
        """The plugin list of an object, in its order."""
        raw = self.cluster.objects[key]
        written = (raw["metadata"].get("annotations") or {}).get(names.KONG_PLUGINS_ANNOTATION) or ""
        return _split(written)

    def doubles(self) -> list[str]:
        """Objects with two plugins of one type, at least one of them ours: Kong then refuses the whole configuration."""
        return [f"{key}: {types}" for key in self.cluster.objects if key.kind in ATTACHABLES for types in self._doubled(key)]

    def _doubled(self, key: ObjectKey) -> Iterator[str]:
        found = [(name, raw) for name in self.listed(key) if (raw := self._resolved(key, name))]
        for name, raw in found:
            twins = [other for other, its in found if its["plugin"] == raw["plugin"]]
            if len(twins) > 1 and _owner(raw) is not None:
                yield f"{name} is one of {twins} of type {raw['plugin']}"

    def _resolved(self, target: ObjectKey, written: str) -> Manifest | None:
        """As Kong Ingress Controller resolves a name: a KongPlugin first, then a KongClusterPlugin.

        It leaves out `namespace:name`, even of the same namespace, without a ReferenceGrant, which no history makes
        (`extractReferredPluginNamespaceIfAllowed` of KIC 3.4).
        """
        if ":" in written:
            return None
        own = self.cluster.objects.get(ObjectKey("KongPlugin", target.namespace, written))
        return own or self.cluster.objects.get(ObjectKey("KongClusterPlugin", "", written))


def _fail(kind: str) -> None:
    raise AssertionError(f"the event of a {kind} was not handled")


def _binding(name: str) -> ObjectKey:
    return ObjectKey(names.KIND, "ai", name)


def _owner(raw: Manifest) -> str | None:
    owners = raw["metadata"].get("ownerReferences") or ()
    return next((owner["name"] for owner in owners if owner["kind"] == names.KIND), None)


def _plain(raw: Manifest) -> Manifest:
    metadata = {name: value for name, value in raw["metadata"].items() if name not in _COUNTED and value != {}}
    plain: Manifest = json.loads(json.dumps({**raw, "metadata": metadata}))
    annotations = plain["metadata"].get("annotations") or {}
    if names.KONG_PLUGINS_ANNOTATION in annotations:  # spaces between names have no meaning and are not kept
        annotations[names.KONG_PLUGINS_ANNOTATION] = _split(annotations[names.KONG_PLUGINS_ANNOTATION])
    return plain


def _split(written: str) -> list[str]:
    return [part.strip() for part in written.split(",") if part.strip()]
