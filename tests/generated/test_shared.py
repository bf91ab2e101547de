"""Several bindings and users' plugins on the same objects, in any order: never two of a type, and others' objects never change."""

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

pytestmark = pytest.mark.usefixtures("stock")

TARGETS: Final = [ObjectKey(kind, "ai", name) for kind, name in PURE.targets]
BINDINGS: Final = ("a", "a-b", "a-b-c")
"""Bindings whose children have the same names: route `b-c` of `a` and route `c` of `a-b`."""

FOREIGN: Final = {"cors": "cors", "their-proxy": "ai-proxy", "their-lua": "pre-function", "their-traces": "opentelemetry"}
"""Plugins of other people, by name, with their types."""

_WRITTEN: Final = (*FOREIGN, "ai:their-traces", "other:cors", "nobody", "a-opentelemetry", "a-b-c-ai-proxy", "ai:a-pre-function")
"""Names that users write into a list: existing plugins, missing ones, and ours."""


@dataclass(frozen=True)
class Step:
    """One event. `number` chooses a spec from the stock, `refusal` breaks it."""

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
THOROUGH: Final = settings(max_examples=60, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate, Phase.shrink))


async def happen(model: Model, step: Step) -> None:
    """Play one event, without the operator."""
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
        model.put(objects.plugin(step.name, type_=kind, uid=f"uid-{step.name}-{model.cluster.version}"))  # a new object


def free(model: Model, step: Step) -> bool:
    """Whether no plugin of that name exists."""
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
    """Found by these tests: our plugin stayed attached with another of its type, and Kong refused the configuration."""
    refusal = next(refusal for refusal in (*REFUSED, UNREADABLE) if refusal.title == FROZEN[title])
    model = Model()
    model.bind("a", Refusal.sample)
    await model.converge()
    elsewhere = {**Refusal.sample, "routes": [{"name": "chat", "attachTo": {"kind": "Service", "name": "search"}}]}
    model.bind("a", refusal.applied(elsewhere))
    await model.converge()

    for step in LATER:
        await happen(model, step)
    await model.converge()

    assert (model.doubles(), model.listed(TARGETS[0])) == ([], ["their-traces"])


MADE: Final = Step("plugin", "their-traces")


async def test_known_case_of_a_plugin_that_is_made_again() -> None:
    """Found by `test_thousands_of_histories`, in the model: the plugin came back with its old uid, which no API server does."""
    model = Model()
    for step in (Step("annotate", target=TARGETS[0], plugins=("their-traces",)), MADE, Step("withdraw", "their-traces")):
        await happen(model, step)
        await model.converge()
    model.bind("a", Refusal.sample)
    await model.converge()

    await happen(model, MADE)
    await model.converge()

    assert (model.doubles(), model.listed(TARGETS[0])) == ([], ["their-traces"])


OURS_AGAIN: Final = ("ai:a-pre-function", "ai:a-pre-function")


@pytest.mark.parametrize("refusal", [None, *REFUSED], ids=str)
async def test_known_case_of_our_own_name_written_twice(refusal: Refusal | None) -> None:
    """Found by `test_thousands_of_histories`: `namespace:name` was not recognised as ours, so the second entry stayed."""
    model = Model()
    model.bind("a", Refusal.sample)
    await model.converge()
    if refusal:
        model.bind("a", refusal.applied(Refusal.sample))
        await model.converge()

    await happen(model, Step("annotate", target=TARGETS[0], plugins=OURS_AGAIN))
    await model.converge()

    assert model.doubles() == []
    assert not any(":" in name for name in model.listed(TARGETS[0]))


@THOROUGH
@given(history=HISTORIES)
async def test_no_object_ever_gets_two_plugins_of_a_type(history: list[Step]) -> None:
    model = Model()
    for step in history:
        await happen(model, step)
        await model.converge()

        assert model.doubles() == []


@THOROUGH
@given(history=HISTORIES)
async def test_no_stranger_s_object_is_changed_but_for_our_names_in_its_list(history: list[Step]) -> None:
    model = Model()
    for step in history:
        await happen(model, step)
        theirs = without_ours(model)

        await model.converge()

        assert without_ours(model) == theirs


@THOROUGH
@given(history=HISTORIES)
async def test_when_every_binding_is_deleted_only_the_people_s_things_are_left(history: list[Step]) -> None:
    people, alone = Model(), Model()
    for step in history:
        if step.what not in {"bind", "unbind", "take the name"} or (step.what == "take the name" and free(people, step)):
            await happen(alone, step)
        await happen(people, step)
        await people.converge()

    for name in BINDINGS:
        await people.unbind(name)
        await people.converge()

    assert [str(key) for key in people.cluster.objects if key not in alone.cluster.objects] == []
    assert without_ours(people) == without_ours(alone)


def without_ours(model: Model) -> dict[ObjectKey, Any]:
    """Every object that no binding owns, without our names in the lists."""
    found = model.strangers()
    for raw in found.values():
        annotations = raw["metadata"].pop("annotations", {})
        listed = annotations.pop("konghq.com/plugins", [])
        raw["metadata"]["annotations"] = annotations
        raw["listed"] = [name for name in listed if not name.rpartition(":")[2].startswith("a-")]
    return found


@pytest.mark.exhaustive
@settings(max_examples=2000, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink))
@given(history=HISTORIES)
async def test_thousands_of_histories(history: list[Step]) -> None:
    """All of the above combined, with other histories in every run."""
    model = Model()
    for step in history:
        await happen(model, step)
        theirs = without_ours(model)

        await model.converge()

        assert (model.doubles(), without_ours(model)) == ([], theirs)
