from __future__ import annotations

from typing import Any

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.observe.interning import share_spec, share_status
from tests.unit.observe.objects import EXPOSED, spec

CONDITION = {"type": "Ready", "status": "True", "observedGeneration": 1, "message": "Everything is in place."}


def parsed(**fields: Any) -> BindingSpec:
    return share_spec(BindingSpec.model_validate(spec(**fields)))


def copied(value: Any) -> Any:
    """Equal JSON of which nothing is the same object, as parsing an answer gives it."""
    if isinstance(value, dict):
        return {"".join(list(name)): copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def test_equal_parts_of_two_specs_are_one_object() -> None:
    one, other = parsed(), parsed()
    assert one.gateway is other.gateway
    assert one.fiddler is other.fiddler
    assert one.routes[0].llm is other.routes[0].llm


def test_what_a_specs_parts_say_about_their_fields_is_one_object() -> None:
    one, other = parsed(), parsed()
    assert one.routes[0] is not other.routes[0]
    assert one.routes[0].model_fields_set is other.routes[0].model_fields_set


def test_different_parts_stay_apart() -> None:
    one, other = parsed(sessions={"header": "X-One"}), parsed(sessions={"header": "X-Two"})
    assert [part.sessions.header for part in (one, other)] == ["X-One", "X-Two"]


def test_a_shared_spec_is_what_it_was() -> None:
    raw = spec(EXPOSED, {**EXPOSED, "name": "second", "expose": {"path": "/second"}}, overrides=[override({"deep": [1, {"a": True}]})])
    assert share_spec(BindingSpec.model_validate(raw)) == BindingSpec.model_validate(raw)


def override(value: Any) -> dict[str, Any]:
    return {"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/resource_attributes", "value": value}]}


def test_a_value_that_is_true_is_not_taken_for_one_that_is_1() -> None:
    values = [
        share_spec(BindingSpec.model_validate(spec(overrides=[override(value)]))).overrides[0].patch[0].value for value in (1, True, 1.0)
    ]
    assert [type(value) for value in values] == [int, bool, float]


def test_equal_conditions_are_one_object() -> None:
    one, other = (share_status(copied({"conditions": [CONDITION], "routes": "1/1"})) for _ in range(2))
    assert one["conditions"][0] is other["conditions"][0]
    assert one == other == {"conditions": [CONDITION], "routes": "1/1"}


def test_conditions_that_differ_in_anything_stay_apart() -> None:
    changed = {**CONDITION, "observedGeneration": 2}
    assert [share_status(condition) for condition in (CONDITION, changed)] == [CONDITION, changed]


def test_a_status_of_any_form_is_what_it_was() -> None:
    odd = {"conditions": [1, None, "x", {"a": {"b": []}}, {}], "gateway": {"version": "3.13"}, "n": 1.5, "flag": False}
    assert share_status(copied(odd)) == odd
