"""One binding with any valid spec: children depend on the spec alone, a refusal changes none, and no child and no key is left behind."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from tests.generated.fields import node_at
from tests.generated.model import KEYS, Model
from tests.generated.pool import STOCK
from tests.generated.refused import REFUSED, Refusal
from tests.generated.valid import PURE, Spec, any_value

pytestmark = pytest.mark.usefixtures("stock")

VALID: Final = STOCK.any().map(lambda spec: {**spec, "suspend": False})
QUICK: Final = settings(max_examples=40, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate, Phase.shrink))
TARGETS: Final = [ObjectKey(kind, "ai", name) for kind, name in PURE.targets]


async def after(*specs_: Spec) -> Model:
    """A cluster in which one binding had these specs in turn, with all writes done after each."""
    model = Model()
    for spec in specs_:
        model.bind("assistant", spec)
        await model.converge()
    return model


def as_stored(model: Model) -> str:
    """A binding's children as one text, with sorted field names as in an API server."""
    return json.dumps(sorted((str(key), child) for key, child in model.children("assistant").items()), sort_keys=True)


def lists(model: Model, spec: Spec) -> dict[ObjectKey, tuple[list[str], set[str]]]:
    """For each target, the foreign names in their order and the set of ours, without those that the spec leaves as they are."""
    listed, verifies = {key: model.listed(key) for key in TARGETS}, spec["gateway"].get("management") == "Verify"
    left = {key for key in TARGETS if verifies and key.kind == "HTTPRoute"}
    return {key: ([n for n in ns if not _ours(n)], {n for n in ns if _ours(n)} if key not in left else set()) for key, ns in listed.items()}


def _ours(name: str) -> bool:
    return name.startswith("assistant-")


@QUICK
@given(first=VALID, last=VALID)
async def test_two_ways_to_a_spec_give_the_same_children_byte_for_byte(first: Spec, last: Spec) -> None:
    straight, roundabout = await after(last), await after(first, last)

    assert as_stored(straight) == as_stored(roundabout)
    assert lists(straight, last) == lists(roundabout, last)


@QUICK
@given(first=VALID, second=VALID)
async def test_going_back_restores_the_former_children(first: Spec, second: Spec) -> None:
    model = await after(first)
    before = as_stored(model), lists(model, first)

    for spec in (second, first):
        model.bind("assistant", spec)
        await model.converge()

    assert (as_stored(model), lists(model, first)) == before


@QUICK
@given(working=VALID, wish=VALID, refusal=st.sampled_from(REFUSED))
async def test_a_refused_spec_touches_nothing(working: Spec, wish: Spec, refusal: Refusal) -> None:
    model = await after(working)
    before = dict(model.cluster.objects)

    model.bind("assistant", refusal.applied(wish))
    decision = await model.look("assistant")

    assert (decision.plan, decision.prune) == (BindingPlan(), ())
    assert decision.findings[ConditionType.ACCEPTED].status != "True" or decision.findings[ConditionType.SECRETS_RESOLVED].status != "True"
    changed = {key for key, raw in model.cluster.objects.items() if before.get(key) != raw}
    assert changed == {ObjectKey("FiddlerKongBinding", "ai", "assistant")}


@QUICK
@given(spec=VALID)
async def test_keys_are_only_in_the_derived_secret(spec: Spec) -> None:
    model = Model()
    model.bind("assistant", spec)
    decisions = await model.converge()

    children = model.children("assistant")
    secret = children.pop(ObjectKey("Secret", "ai", "assistant-kong-keys"), None)  # none where Kong needs no key
    shown = json.dumps([*children.values(), *(model.listed(key) for key in TARGETS)]) + repr(decisions)
    assert [key for key in KEYS.values() if key in shown] == []
    assert secret is None or (secret["type"] == "Opaque" and secret["data"] != {})


@QUICK
@given(history=st.lists(VALID, min_size=1, max_size=3))
async def test_deletion_restores_exactly_the_former_state(history: list[Spec]) -> None:
    untouched = Model().strangers()
    model = await after(*history)

    await model.unbind("assistant")

    assert model.children("assistant") == {}
    assert model.strangers() == untouched


@QUICK
@given(spec=VALID, overrides=any_value(node_at("overrides"), "overrides", {}))
async def test_any_override_is_decided_about(spec: Spec, overrides: list[dict[str, Any]]) -> None:
    """Every value that the schema allows is built, or refused with a message that names it; nothing raises."""
    model = Model()
    model.bind("assistant", {**spec, "overrides": overrides})
    decision = (await model.converge())["assistant"]

    found = decision.findings[ConditionType.ACCEPTED]
    assert (found.status == "True") or found.message.startswith("spec.overrides[")


@pytest.mark.parametrize("refusal", REFUSED, ids=str)
async def test_each_refusal_names_the_fault(refusal: Refusal) -> None:
    model = Model()
    model.bind("assistant", refusal.applied(refusal.sample))

    decision = await model.look("assistant")

    said = [decision.findings[ConditionType.ACCEPTED], decision.findings[ConditionType.SECRETS_RESOLVED]]
    assert next(found.reason.name for found in said if found.status != "True") == refusal.reason
    assert any(refusal.says in found.message for found in said)
