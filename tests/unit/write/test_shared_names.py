"""Two bindings whose children share a name: `a` with route `b-c`, and `a-b` with route `c`."""

from __future__ import annotations

import asyncio

import pytest

from fiddler_kong_operator.errors import Stale, Stalled
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.kinds import BINDING, KONG_PLUGIN
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.objects.manifest import build_desired
from fiddler_kong_operator.plan.references import children_of
from fiddler_kong_operator.plan.snapshot import Snapshot
from fiddler_kong_operator.write.applier import Applier
from tests.unit.observe.objects import EXPOSED, binding, key, secret, spec
from tests.unit.write.fake_cluster import FakeCluster

BINDINGS = [binding(name, spec_=spec({**EXPOSED, "name": route})) for name, route in (("a", "b-c"), ("a-b", "c"))]
FIRST, SECOND = map(key, BINDINGS)
SHARED = ObjectKey("KongPlugin", "ai", "a-b-c-ai-proxy")


class AtOnce(FakeCluster):
    """Answers creations by pairs: both are under way before either is answered."""

    def __init__(self, *objects: Manifest) -> None:
        super().__init__(*objects)
        self.pair = asyncio.Barrier(2)

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        await self.pair.wait()
        return await super().create(kind, manifest)


class Pair:
    """Both bindings, and an applier for them."""

    def __init__(self) -> None:
        seen = (*BINDINGS, secret("fiddler"), secret("openai"))
        self.cluster = AtOnce(*seen)
        self.cache = Cache()
        self.requeued: set[ObjectKey] = set()
        self.feed = Feed(self.cache, lambda keys, _lane, _delay: self.requeued.update(keys), lambda _kind: None)
        for raw in seen:
            self.cache.observe(raw)

    async def snapshot(self, author: ObjectKey) -> Snapshot:
        found = await Reader(self.feed, self.cluster, clock=lambda: 0.0).gather(author)
        assert found
        return found

    async def apply(self, author: ObjectKey) -> tuple[ObjectKey, ...]:
        """A pass of a binding that wants the object."""
        snapshot = await self.snapshot(author)
        assert SHARED in children_of(snapshot.binding)
        wanted = build_desired(snapshot.binding, SHARED, {"plugin": "ai-proxy", "config": {}})
        written: list[ObjectKey] = []
        await Applier(self.cluster, self.feed).apply(BindingPlan((wanted,)), snapshot, on_write=written.append)
        return tuple(written)


async def created_together() -> Pair:
    pair = Pair()
    async with asyncio.timeout(10):
        second, first = await asyncio.gather(
            pair.apply(SECOND), pair.apply(FIRST), return_exceptions=True
        )  # the last to come goes on first
    assert (first, type(second)) == ((SHARED,), Stale)
    return pair


async def test_of_two_creations_at_once_the_second_is_stale_and_then_finds_the_name_taken() -> None:
    pair = await created_together()
    with pytest.raises(Stalled, match="a-b-c-ai-proxy") as caught:
        await pair.apply(SECOND)
    assert caught.value.reason == "NameTaken"
    assert await pair.apply(FIRST) == ()


async def test_the_binding_that_came_second_is_requeued_by_the_answer_to_the_first() -> None:
    assert SECOND in (await created_together()).requeued


async def test_both_bindings_are_requeued_when_the_object_changes_or_goes() -> None:
    pair = await created_together()
    drifted = pair.cluster.put({**pair.cluster.objects[SHARED], "config": {"drifted": True}})
    for event_type in ("MODIFIED", "DELETED"):
        pair.requeued.clear()
        pair.feed.event(KONG_PLUGIN, event_type, drifted)
        assert pair.requeued == {FIRST, SECOND}


async def test_the_name_is_free_for_the_second_binding_when_the_first_and_its_object_are_gone() -> None:
    pair = await created_together()
    pair.feed.event(KONG_PLUGIN, "DELETED", pair.cluster.objects.pop(SHARED))
    pair.feed.event(BINDING, "DELETED", pair.cluster.objects.pop(FIRST))
    pair.cluster.pair = asyncio.Barrier(1)
    assert await pair.apply(SECOND) == (SHARED,)
