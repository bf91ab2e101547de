"""A fake cluster with a cache that has seen it, and an applier between them: what the tests of writing start from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.objects.desired import BindingPlan, Desired
from fiddler_kong_operator.plan.objects.manifest import build_desired
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot
from fiddler_kong_operator.write.applier import Applier
from tests.unit.observe.objects import ASSISTANT, binding, secret
from tests.unit.write.fake_cluster import FakeCluster


class Bench:
    """The binding `assistant` and its two Secrets exist, and whatever else a test gives; `requeued` lists the keys that writes requeued."""

    def __init__(self, *objects: Manifest, key_value: bytes = b"sk-secret-key") -> None:
        everything = (binding(), secret("fiddler", value=key_value), secret("openai", value=b"sk-openai-key"), *objects)
        self.cluster = FakeCluster(*everything)
        self.cache = Cache()
        self.bugs: list[str] = []
        self.requeued: list[frozenset[ObjectKey]] = []
        self.feed = Feed(self.cache, lambda keys, _lane, _delay: self.requeued.append(keys), self.bugs.append)
        self.applier = Applier(self.cluster, self.feed)
        for raw in everything:
            self.cache.observe(raw)

    def restarted(self) -> Bench:
        """Another process that begins with the same cluster."""
        again = Bench()
        again.cluster = self.cluster
        self.cluster.calls.clear()
        again.applier = Applier(self.cluster, again.feed)
        for raw in self.cluster.objects.values():
            again.cache.observe(raw)
        return again

    @property
    def binding(self) -> Binding:
        found = self.cache.binding(ASSISTANT)
        assert found
        return found

    async def snapshot(self) -> Snapshot:
        found = await Reader(self.feed, self.cluster, clock=lambda: 0.0).gather(ASSISTANT)
        assert found
        return found

    async def apply(self, plan: BindingPlan, prune: Sequence[ObjectKey] = (), held: Collection[ObjectKey] = ()) -> tuple[ObjectKey, ...]:
        """Gather and apply, as a worker does; the objects written."""
        written: list[ObjectKey] = []
        await self.applier.apply(plan, await self.snapshot(), prune, held=held, on_write=written.append)
        return tuple(written)

    def plugin(self, name: str = "assistant-opentelemetry", type_: str = "opentelemetry", **config: Any) -> Desired:
        return build_desired(self.binding, ObjectKey("KongPlugin", "ai", name), {"plugin": type_, "config": config})

    def secret(self, value: str = "czM=", type_: str = "Opaque") -> Desired:
        return build_desired(self.binding, ObjectKey("Secret", "ai", "assistant-kong-keys"), {"type": type_, "data": {"openai": value}})

    def service(self, annotations: Mapping[str, str] | None = None) -> Desired:
        content = {"spec": {"type": "ExternalName", "externalName": "api.openai.com"}}
        return build_desired(self.binding, ObjectKey("Service", "ai", "assistant-openai"), content, annotations=annotations)

    def ingress(self) -> Desired:
        return build_desired(self.binding, ObjectKey("Ingress", "ai", "assistant-openai"), {"spec": {"ingressClassName": "kong"}})

    def live(self, desired: Desired) -> Manifest:
        return self.cluster.objects[desired.key]

    def drift(self, desired: Desired, **content: Any) -> None:
        """Another client changes a child, and the watch shows it."""
        self.cache.observe(self.cluster.put({**self.live(desired), **content}))


def refusing(word: str, error: Exception) -> Callable[[str, ObjectKey], None]:
    """Answer each write to an object of that kind or name with an error."""

    return answering({word: error})


def answering(errors: Mapping[str, Exception]) -> Callable[[str, ObjectKey], None]:
    """Answer each write to an object of a kind or name among these with its error."""

    def refuse(verb: str, key: ObjectKey) -> None:
        error = errors.get(key.name) or errors.get(key.kind)
        if verb != "get" and error:
            raise error

    return refuse
