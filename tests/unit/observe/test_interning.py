from __future__ import annotations

from typing import Any

from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.observe.interning import deduplicate_spec, deduplicate_status
from tests.unit.observe.objects import EXPOSED, spec

CONDITION = {"type": "Ready", "status": "True", "observedGeneration": 1, "message": "Everything is in place."}


def parsed(**fields: Any) -> BindingSpec:
    return deduplicate_spec(BindingSpec.model_validate(spec(**fields)))


def copied(value: Any) -> Any:
    """Equal JSON of which nothing is the same object, as parsing an answer gives it."""
    if isinstance(value, dict):
        return {"".join(list(name)): copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def test_parts_that_differ_are_kept_apart() -> None:
    one, other = parsed(sessions={"header": "X-One"}), parsed(sessions={"header": "X-Two"})
    assert [part.sessions.header for part in (one, other)] == ["X-One", "X-Two"]


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
