from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Gone, Stale
from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.write.applier import Applier
from tests.unit.observe.objects import ASSISTANT, binding
from tests.unit.write.bench import Bench, refusing
from tests.unit.write.fake_cluster import FakeCluster

# Status


async def test_status_is_applied_to_this_very_binding() -> None:
    bench = Bench()
    await bench.applier.write_status(bench.binding, {"routes": "1/1"})
    (sent,) = bench.cluster.bodies
    assert bench.cluster.writes == [("apply status by force", ASSISTANT)]
    pinned = {"name": "assistant", "namespace": "ai", "uid": "uid-assistant", "resourceVersion": "1"}
    assert (sent["metadata"], sent["status"]) == (pinned, {"routes": "1/1"})


async def test_parts_of_a_status_that_another_client_owns_are_removed() -> None:
    bench = Bench()
    bench.cluster.foreign_status = {"fiddler": {"application": "forged"}}
    await bench.applier.write_status(bench.binding, {"routes": "1/1"})
    assert [verb for verb, _ in bench.cluster.writes] == ["apply status by force", "patch_status"]
    assert bench.cluster.objects[ASSISTANT]["status"] == {"routes": "1/1"}


async def test_a_status_is_for_the_version_that_was_seen_last() -> None:
    bench = Bench()
    decided_on = bench.binding
    await bench.applier.set_finalizers(decided_on, [names.FINALIZER])
    version = bench.cluster.objects[ASSISTANT]["metadata"]["resourceVersion"]
    await bench.applier.write_status(decided_on, {"routes": "1/1"})
    assert bench.cluster.bodies[-1]["metadata"]["resourceVersion"] == version


async def test_a_status_that_comes_too_late_is_followed_by_a_look_at_the_binding() -> None:
    """A watch that lags behind must not make every further attempt fail as well."""
    bench = Bench()
    newest = bench.cluster.put(bench.cluster.objects[ASSISTANT])
    bench.cluster.before = refusing("FiddlerKongBinding", Stale("changed"))
    with pytest.raises(Stale):
        await bench.applier.write_status(bench.binding, {})
    assert bench.binding.resource_version == newest["metadata"]["resourceVersion"]


async def test_the_status_of_a_deleted_binding_goes_nowhere() -> None:
    bench = Bench()
    del bench.cluster.objects[ASSISTANT]
    with pytest.raises(Gone):
        await bench.applier.write_status(bench.binding, {})


class EventFirst(FakeCluster):
    """A watch shows each status write before its answer."""

    feed: Feed

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        assert (kind, force, status) == (BINDING, True, True)
        shown = self.put({**self.objects[ASSISTANT], "status": manifest["status"]})
        self.feed.event(kind, "MODIFIED", shown)
        return shown


async def test_our_status_write_does_not_requeue_the_binding_though_its_event_comes_before_the_answer() -> None:
    bench = Bench()
    cluster = EventFirst(*bench.cluster.objects.values())
    cluster.feed = bench.feed
    await Applier(cluster, bench.feed).write_status(bench.binding, {"routes": "1/1"})
    assert (bench.requeued, bench.binding.status) == ([], {"routes": "1/1"})


async def test_a_status_written_by_another_client_requeues_the_binding() -> None:
    bench = Bench()
    await bench.applier.write_status(bench.binding, {"routes": "1/1"})
    bench.feed.event(BINDING, "MODIFIED", bench.cluster.put({**bench.cluster.objects[ASSISTANT], "status": {"routes": "9/9"}}))
    assert bench.requeued == [frozenset({ASSISTANT})]


# Finalizers


async def test_finalizers_are_replaced_and_seen_at_once() -> None:
    bench = Bench()
    await bench.applier.set_finalizers(bench.binding, ["theirs", names.FINALIZER])
    assert bench.binding.finalizers == ("theirs", names.FINALIZER)
    assert ASSISTANT not in frozenset().union(*bench.requeued)


async def test_finalizers_of_a_binding_that_changed_are_not_touched() -> None:
    bench = Bench()
    before = bench.cluster.put(binding(finalizers=["theirs"]))
    with pytest.raises(Stale):
        await bench.applier.set_finalizers(bench.binding, [])
    assert bench.cluster.objects[ASSISTANT] == before


# Deletion


@pytest.mark.parametrize("write", ["status", "finalizers"])
async def test_a_binding_found_deleted_is_dropped_from_the_cache(write: str) -> None:
    bench = Bench()
    binding = bench.binding
    del bench.cluster.objects[ASSISTANT]

    with pytest.raises(Gone):
        await (bench.applier.write_status(binding, {}) if write == "status" else bench.applier.set_finalizers(binding, []))

    assert bench.cache.binding(ASSISTANT) is None


async def test_a_binding_whose_last_finalizer_was_taken_away_is_gone_at_once() -> None:
    bench = Bench()
    live = bench.cluster.objects[ASSISTANT]
    metadata = {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [names.FINALIZER]}
    bench.cache.observe(bench.cluster.put({**live, "metadata": metadata}))

    await bench.applier.set_finalizers(bench.binding, ())

    assert bench.cache.binding(ASSISTANT) is None
