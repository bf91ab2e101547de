from __future__ import annotations

import pytest

from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from tests.unit.observe.objects import WRITTEN, ingress, key, ours, owners, plugin, secret, service
from tests.unit.write.bench import Bench, refusing

CHILDREN = [
    ours(secret("assistant-kong-keys")),
    ours(plugin("assistant-opentelemetry")),
    ours(service("assistant-openai")),
    ours(ingress("assistant-openai")),
]
KEYS = [key(raw) for raw in reversed(CHILDREN)]
OWN = key(CHILDREN[1])


def deletions(bench: Bench) -> list[ObjectKey]:
    return [called for verb, called in bench.cluster.calls if verb == "delete"]


async def test_traffic_goes_first_and_keys_last() -> None:
    bench = Bench(*CHILDREN)
    await bench.apply(BindingPlan(), KEYS)
    assert [gone.kind for gone in deletions(bench)] == ["Ingress", "Service", "KongPlugin", "Secret"]
    assert not set(KEYS) & set(bench.cluster.objects)


async def test_nothing_is_deleted_before_everything_was_written() -> None:
    bench = Bench(*CHILDREN)
    bench.cluster.before = refusing("assistant-pre-function", Refused("no", 422))
    with pytest.raises(Refused):
        await bench.apply(BindingPlan((bench.plugin("assistant-pre-function", "pre-function"),)), KEYS)
    assert deletions(bench) == []


async def test_a_deletion_that_is_refused_holds_back_those_after_it() -> None:
    bench = Bench(*CHILDREN)
    bench.cluster.before = refusing("Service", Refused("no", 403))
    with pytest.raises(Refused):
        await bench.apply(BindingPlan(), KEYS)
    assert [gone.kind for gone in deletions(bench)] == ["Ingress", "Service"]


async def test_deleted_objects_are_gone_from_the_cache_at_once() -> None:
    bench = Bench(*CHILDREN)
    await bench.apply(BindingPlan(), KEYS)
    assert (await bench.snapshot()).children == {}
    assert bench.requeued == []


@pytest.mark.parametrize(
    "raw",
    [
        secret("fiddler"),
        ours(plugin("assistant-opentelemetry"), "bot"),
        ours(plugin("assistant-opentelemetry"), ownerReferences=owners("assistant", controller=False), labels={}),
        ours(plugin("assistant-opentelemetry"), ownerReferences=[]),
        ours(plugin("assistant-opentelemetry", namespace="elsewhere")),
    ],
    ids=["a user's Secret", "another binding's", "owned but not controlled", "labelled by hand", "in another namespace"],
)
async def test_objects_that_do_not_belong_to_the_binding_are_not_deleted(raw: Manifest) -> None:
    bench = Bench(raw)
    await bench.apply(BindingPlan(), [key(raw)])
    assert deletions(bench) == []


async def test_ownership_is_judged_by_the_live_object() -> None:
    bench = Bench(*CHILDREN)
    bench.cluster.put(ours(plugin("assistant-opentelemetry"), "bot"))
    await bench.apply(BindingPlan(), KEYS)
    assert [gone for gone in KEYS if gone in bench.cluster.objects] == [OWN]


async def test_an_orphan_with_our_labels_is_deleted() -> None:
    bench = Bench(ours(plugin("assistant-opentelemetry"), ownerReferences=[], managedFields=WRITTEN))
    await bench.apply(BindingPlan(), [OWN])
    assert OWN not in bench.cluster.objects


async def test_an_object_that_is_gone_already_is_not_deleted() -> None:
    bench = Bench(*CHILDREN)
    del bench.cluster.objects[OWN]
    await bench.apply(BindingPlan(), KEYS)
    assert OWN not in deletions(bench)
    assert (await bench.snapshot()).children == {}


@pytest.mark.parametrize("replaced", [False, True])
async def test_an_object_that_vanishes_before_its_deletion_is_no_error(*, replaced: bool) -> None:
    bench = Bench(*CHILDREN)

    def vanish(verb: str, called: ObjectKey) -> None:
        if (verb, called) == ("delete", OWN):
            del bench.cluster.objects[called]
            if replaced:
                bench.cluster.put(plugin(OWN.name, uid="new"))

    bench.cluster.before = vanish
    await bench.apply(BindingPlan(), KEYS)
    assert [called for called in KEYS if called in bench.cluster.objects] == [OWN] * replaced
