from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.observe.interning import deduplicate_spec, deduplicate_status, share
from fiddler_kong_operator.observe.kinds import WATCHED
from fiddler_kong_operator.observe.kinds.children import reduce_child
from tests.unit.observe.objects import EXPOSED, ingress, key, ours, owners, plugin, secret, spec, warning

CONDITION = {"type": "Ready", "status": "True", "observedGeneration": 1, "message": "Everything is in place."}


def parsed(**fields: Any) -> BindingSpec:
    return deduplicate_spec(BindingSpec.model_validate(spec(**fields)))


def copied(value: Any) -> Any:
    """Equal JSON of which nothing is the same object, as parsing an answer gives it."""
    if isinstance(value, dict):
        return {"".join(list(name)): copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def test_parts_that_differ_are_kept_apart() -> None:
    one, other = parsed(sessions={"headers": ["X-One"]}), parsed(sessions={"headers": ["X-Two"]})
    assert [part.sessions.headers for part in (one, other)] == [("X-One",), ("X-Two",)]


def test_a_deduplicated_spec_equals_the_original() -> None:
    raw = spec(EXPOSED, {**EXPOSED, "name": "second", "expose": {"path": "/second"}}, overrides=[override({"deep": [1, {"a": True}]})])
    for _ in range(2):
        assert deduplicate_spec(BindingSpec.model_validate(raw)) == BindingSpec.model_validate(raw)


def override(value: Any) -> dict[str, Any]:
    return {"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/resource_attributes", "value": value}]}


def test_a_value_that_is_true_is_not_taken_for_one_that_is_1() -> None:
    values = [parsed(overrides=[override(value)]).overrides[0].patch[0].value for value in (1, True, 1.0)]
    assert [type(value) for value in values] == [int, bool, float]


def test_equal_statuses_stay_equal() -> None:
    one, other = (deduplicate_status(copied({"conditions": [CONDITION], "routes": "1/1"})) for _ in range(2))
    assert one == other == {"conditions": [CONDITION], "routes": "1/1"}


def test_conditions_that_differ_in_anything_are_kept_apart() -> None:
    changed = {**CONDITION, "observedGeneration": 2}
    assert [deduplicate_status(condition) for condition in (CONDITION, changed)] == [CONDITION, changed]


def test_a_status_of_any_form_equals_the_original() -> None:
    odd = {"conditions": [1, None, "x", {"a": {"b": []}}, {}], "gateway": {"version": "3.13"}, "n": 1.5, "flag": False}
    assert deduplicate_status(copied(odd)) == odd


# Texts that users choose are not held for ever

MANY = 5000


class Text(str):
    """A text whose end can be seen. `sys.intern`, which keeps texts for ever from Python 3.12 on, refuses it."""

    __slots__ = ("__weakref__",)


def survivors(use: Callable[[Text], object]) -> int:
    """The number of different texts that are held after all that was made of them is gone."""
    seen = []
    for number in range(MANY):
        text = Text(f"chosen-by-a-user-{number}")
        use(text)
        seen.append(weakref.ref(text))
    return sum(text() is not None for text in seen)


def reduced(raw: Manifest) -> object:
    return WATCHED[raw["kind"]].reduce(key(raw), raw, None)


def owned(text: Text) -> object:
    raw = ours(plugin(), ownerReferences=[{**owners("assistant")[0], "uid": text}])
    return reduce_child(key(raw), raw)


USES: dict[str, Callable[[Text], object]] = {
    "any text": share,
    "condition": lambda text: deduplicate_status({"conditions": [{"type": "Ready", "message": text}]}),
    "status": lambda text: deduplicate_status({"routes": text, "conditions": []}),
    "reason": lambda text: reduced({**warning("x"), "reason": text}),
    "namespace": lambda text: reduced({**warning("x"), "involvedObject": {"namespace": text, "name": "x"}}),
    "message": lambda text: reduced({**warning("x"), "message": text}),
    "plugin type": lambda text: reduced(plugin(type_=text)),
    "ingress class": lambda text: reduced(ingress(ingress_class=text)),
    "entry of a Secret": lambda text: reduced({**secret(), "data": {text: ""}}),
    "owner": owned,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_of_many_texts_only_a_bounded_number_is_held(use: Callable[[Text], object]) -> None:
    assert survivors(use) < MANY / 2
