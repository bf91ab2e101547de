"""Several bindings, people and their plugins on the same objects, in any order: never two of a type, never a stranger's object touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.kube.objects import ObjectKey
from tests.generated.model import Model
from tests.generated.pool import STOCK
from tests.generated.refused import REFUSED, Refusal
from tests.generated.valid import PURE
from tests.unit.observe import objects

TARGETS: Final = [ObjectKey(kind, "ai", name) for kind, name in PURE.targets]
BINDINGS: Final = ("a", "a-b", "a-b-c")
"""Names that give the same children: the route `b-c` of `a` and the route `c` of `a-b`."""

FOREIGN: Final = {"cors": "cors", "their-proxy": "ai-proxy", "their-lua": "pre-function", "their-traces": "opentelemetry"}
"""Plugins of other people, by name, with their types."""

_WRITTEN: Final = (*FOREIGN, "ai:their-traces", "other:cors", "nobody", "a-opentelemetry", "a-b-c-ai-proxy", "ai:a-pre-function")
"""Names that somebody writes into a list: plugins that are there, that are not, and ours by hand."""


@dataclass(frozen=True)
class Step:
    """One thing that happens. `number` chooses a spec of the stock, `refusal` breaks it."""

    what: str
    name: str = ""
    number: int = 0
    refusal: Refusal | None = None
    target: ObjectKey = TARGETS[0]
    plugins: tuple[str, ...] = ()


STEPS: Final = st.one_of(
    st.builds(Step, st.just("bind"), st.sampled_from(BINDINGS), st.integers(0, 599)),
    st.builds(Step, st.just("bind"), st.sampled_from(BINDINGS), st.integers(0, 599), st.sampled_from(REFUSED)),
    st.builds(Step, st.just("unbind"), st.sampled_from(BINDINGS)),
    st.builds(
        Step, st.just("annotate"), target=st.sampled_from(TARGETS), plugins=st.lists(st.sampled_from(_WRITTEN), max_size=3).map(tuple)
    ),
    st.builds(Step, st.just("plugin"), st.sampled_from([*FOREIGN, "nobody"])),
    st.builds(Step, st.just("withdraw"), st.sampled_from([*FOREIGN, "nobody"])),
    st.builds(Step, st.just("take the name"), st.sampled_from(["a-opentelemetry", "a-b-pre-function", "a-b-c-ai-proxy"])),
)
HISTORIES: Final = st.lists(STEPS, min_size=2, max_size=10)
THOROUGH: Final = settings(max_examples=250, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate, Phase.shrink))


async def happen(model: Model, step: Step) -> None:
    """Let one thing happen, without the operator."""
    if step.what == "bind":
        model.bind(step.name, step.refusal.applied(STOCK[step.number]) if step.refusal else STOCK[step.number])
    elif step.what == "unbind":
        await model.unbind(step.name)
    elif step.what == "annotate":
        model.annotate(step.target, [*step.plugins])
    elif step.what == "withdraw":
        model.remove(ObjectKey("KongPlugin", "ai", step.name))
    elif free(model, step):
        kind = FOREIGN.get(step.name, "opentelemetry" if step.name == "nobody" else "cors")
        model.put(objects.plugin(step.name, type_=kind, uid=f"uid-{step.name}-{model.cluster.version}"))  # made again, it is another one


def free(model: Model, step: Step) -> bool:
    """Whether nobody has a plugin of that name."""
    return ObjectKey("KongPlugin", "ai", step.name) not in model.cluster.objects


UNREADABLE: Final = Refusal("unreadable", lambda spec: spec.update(routes=[]), "InvalidSpec", "spec.routes")
LATER: Final = (Step("plugin", "their-traces"), Step("annotate", target=TARGETS[0], plugins=("a-opentelemetry", "their-traces")))
FROZEN: Final = {
    "a clash comes to a target that a suspended spec no longer names": "suspended",
    "a clash comes to a target that a refused spec no longer names": "endpoint elsewhere",
    "a clash comes while the spec cannot be read": "unreadable",
}


@pytest.mark.parametrize("title", list(FROZEN))
async def test_known_case(title: str) -> None:
    """Found while these tests were made: our plugin stayed beside another of its type, and the gateway was frozen."""
    refusal = next(refusal for refusal in (*REFUSED, UNREADABLE) if refusal.title == FROZEN[title])
    model = Model()
    model.bind("a", Refusal.sample)
    await model.settle()
    elsewhere = {**Refusal.sample, "routes": [{"name": "chat", "attachTo": {"kind": "Service", "name": "search"}}]}
    model.bind("a", refusal.applied(elsewhere))
    await model.settle()

    for step in LATER:
        await happen(model, step)
    await model.settle()

    assert (model.doubles(), model.listed(TARGETS[0])) == ([], ["their-traces"])


MADE: Final = Step("plugin", "their-traces")


async def test_known_case_of_a_plugin_that_is_made_again() -> None:
    """Found by `test_thousands_of_histories`, in itself: the plugin came back with its old uid, as no API server would have it."""
    model = Model()
    for step in (Step("annotate", target=TARGETS[0], plugins=("their-traces",)), MADE, Step("withdraw", "their-traces")):
        await happen(model, step)
        await model.settle()
    model.bind("a", Refusal.sample)
    await model.settle()

    await happen(model, MADE)
    await model.settle()

    assert (model.doubles(), model.listed(TARGETS[0])) == ([], ["their-traces"])


OURS_AGAIN: Final = ("ai:a-pre-function", "ai:a-pre-function")


@pytest.mark.parametrize("refusal", [None, *REFUSED], ids=str)
async def test_known_case_of_our_own_name_written_twice(refusal: Refusal | None) -> None:
    """Found by `test_thousands_of_histories`: `namespace:name` was not known as ours, so nobody took the second one out."""
    model = Model()
    model.bind("a", Refusal.sample)
    await model.settle()
    if refusal:
        model.bind("a", refusal.applied(Refusal.sample))
        await model.settle()

    await happen(model, Step("annotate", target=TARGETS[0], plugins=OURS_AGAIN))
    await model.settle()

    assert model.doubles() == []


@THOROUGH
@given(history=HISTORIES)
async def test_no_object_ever_gets_two_plugins_of_a_type(history: list[Step]) -> None:
    model = Model()
    for step in history:
        await happen(model, step)
        await model.settle()

        assert model.doubles() == []


@THOROUGH
@given(history=HISTORIES)
async def test_no_stranger_s_object_is_changed_but_for_our_names_in_its_list(history: list[Step]) -> None:
    model = Model()
    for step in history:
        await happen(model, step)
        theirs = without_ours(model)

        await model.settle()

        assert without_ours(model) == theirs


@THOROUGH
@given(history=HISTORIES)
async def test_when_every_binding_is_deleted_only_the_people_s_things_are_left(history: list[Step]) -> None:
    people, alone = Model(), Model()
    for step in history:
        if step.what not in {"bind", "unbind", "take the name"} or (step.what == "take the name" and free(people, step)):
            await happen(alone, step)
        await happen(people, step)
        await people.settle()

    for name in BINDINGS:
        await people.unbind(name)
        await people.settle()

    assert [str(key) for key in people.cluster.objects if key not in alone.cluster.objects] == []
    assert without_ours(people) == without_ours(alone)


def without_ours(model: Model) -> dict[ObjectKey, Any]:
    """Everything that is nobody's child, our names left out of the lists."""
    found = model.strangers()
    for raw in found.values():
        annotations = raw["metadata"].pop("annotations", {})
        listed = annotations.pop("konghq.com/plugins", [])
        raw["metadata"]["annotations"] = annotations
        raw["listed"] = [name for name in listed if not name.rpartition(":")[2].startswith("a-")]
    return found


@pytest.mark.exhaustive
@settings(max_examples=4000, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink))
@given(history=HISTORIES)
async def test_thousands_of_histories(history: list[Step]) -> None:
    """All of the above at once, with other histories in every run."""
    model = Model()
    for step in history:
        await happen(model, step)
        theirs = without_ours(model)

        await model.settle()

        assert (model.doubles(), without_ours(model)) == ([], theirs)
