from __future__ import annotations

from copy import deepcopy

import pytest

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.plugins import plugin_instances
from fiddler_kong_operator.plan.remembered import remembered
from tests.unit.plan.plans import plan_of, spec_of

DEEP = [{"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/queue/max_batch_size", "value": 7}]}]


def test_a_result_is_computed_once_for_each_spec_and_value() -> None:
    asked: list[tuple[BindingSpec, int]] = []

    @remembered(specs=8)
    def name_of(spec: BindingSpec, number: int) -> str:
        asked.append((spec, number))
        return f"{spec.payloads} {number}"

    one, other = spec_of(payloads="Captured"), spec_of(overrides=DEEP)

    assert [name_of(spec, number) for spec in (one, other, one, other) for number in (1, 2)] == [
        *("Captured 1", "Captured 2", "Disabled 1", "Disabled 2"),
        *("Captured 1", "Captured 2", "Disabled 1", "Disabled 2"),
    ]
    assert len(asked) == 4


@pytest.mark.parametrize("overrides", [[], DEEP], ids=["no overrides", "overrides"])
def test_a_plan_does_not_change_the_remembered_plugins(overrides: list[dict[str, object]]) -> None:
    spec = spec_of(overrides=overrides)
    before = deepcopy(plugin_instances(spec))

    plan_of(spec)

    assert plugin_instances(spec) == before
