"""A gateway reconciler with the real store and reader before a cluster in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.reconcile.gateway import GatewayOutcomes, GatewayReconciler
from tests.unit.observe.objects import ASSISTANT, GATEWAY, binding, deployment, spec
from tests.unit.reconcile.stages import Clock
from tests.unit.write.fake_cluster import FakeCluster
from tests.unit.write.field_ownership import created_by, strategically_merged, updated

WANTED = {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0", UNTRUSTED_LUA: "on"}


class Stage:
    """A workload with that env, set by Helm, and the bindings that name it. `woken` lists whose outcome changed."""

    def __init__(self, env: Mapping[str, str] | None = None, *, bindings: tuple[str, ...] = ("assistant",)) -> None:
        self.cluster = FakeCluster()
        self.clock = Clock()
        self.cache = Cache()
        self.woken: list[ObjectKey] = []
        self.outcomes = GatewayOutcomes(self.woken.append)
        reader = Reader(self.cache, self.cluster, clock=lambda: 0.0)
        self.reconciler = GatewayReconciler(self.cluster, Feed(self.cache, lambda _keys: None), reader, self.outcomes, self.clock)
        for name in bindings:
            self.bind(name)
        self.install(env or {})

    def install(self, env: Mapping[str, str]) -> None:
        """The gateway is installed."""
        entries = [{"name": name, "value": value} for name, value in env.items()]
        raw = deployment(1, *entries, uid=f"uid-{self.cluster.version}", annotations={names.GRANT_ANNOTATION: "*"})
        self.cache.observe(self.cluster.put(created_by("helm", raw)))

    def uninstall(self) -> None:
        """The gateway is deleted."""
        raw = self.cluster.objects.pop(GATEWAY)
        self.cache.forget(GATEWAY, raw["metadata"]["uid"])

    def bind(self, name: str = "assistant", *, suspend: bool = False, **gateway: Any) -> None:
        """A binding is created or changed; keyword arguments are fields of its `gateway`."""
        before = self.cluster.objects.get(ASSISTANT._replace(name=name))
        uid = before["metadata"]["uid"] if before else f"uid-{self.cluster.version}"
        raw = binding(name, spec_=spec(gateway=gateway, suspend=suspend), uid=uid, generation=self.cluster.version)
        self.cache.observe(self.cluster.put(raw))

    def unbind(self, name: str = "assistant") -> None:
        """A binding is deleted."""
        key = ASSISTANT._replace(name=name)
        self.cache.forget(key, self.cluster.objects.pop(key)["metadata"]["uid"])

    def set_env(self, manager: str, *entries: Manifest, seen: bool = True) -> None:
        """Another manager changes env entries; the watch shows it, unless it is late."""
        live = self.cluster.objects[GATEWAY]
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "env": list(entries)}]}}}}
        answer = self.cluster.put(updated(live, strategically_merged(live, patch), manager))
        if seen:
            self.cache.observe(answer)

    def revert(self) -> None:
        """Another manager removes the settings."""
        self.set_env("argocd", *({"name": name, "$patch": "delete"} for name in WANTED))

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(GATEWAY)

    def fail(self, error: FiddlerKongError | None) -> None:
        """Every write to the gateway from now on is answered so; None: none is."""

        def refuse(verb: str, _key: ObjectKey) -> None:
            if error and verb != "get":
                raise error

        self.cluster.before = refuse

    @property
    def writes(self) -> list[str]:
        """The verbs of the writes to the gateway."""
        return [verb for verb, key in self.cluster.writes if key == GATEWAY]

    @property
    def env(self) -> dict[str, str]:
        """The gateway's env."""
        (container,) = self.cluster.objects[GATEWAY]["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry["value"] for entry in container.get("env", ())}

    @property
    def managers(self) -> set[str]:
        """The managers that own something on the gateway."""
        return {entry["manager"] for entry in self.cluster.objects[GATEWAY]["metadata"]["managedFields"]}

    @property
    def failure(self) -> tuple[str, str]:
        found = self.outcomes.failure(GATEWAY)
        return (found.reason.name, found.message) if found else ("", "")
