from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from tests.unit.observe.changes import NONE, changed, deleted
from tests.unit.observe.objects import ASSISTANT, GATEWAY, binding, deployment


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (deployment(2), NONE),
        (deployment(2, {"name": "PATH", "value": "x"}), NONE),
        (deployment(2, {"name": "KONG_X", "value": "x"}), {ASSISTANT, GATEWAY}),
        (deployment(2, annotations={names.GRANT_ANNOTATION: "ai"}), {ASSISTANT, GATEWAY}),
        (deployment(2, generation=2), {ASSISTANT, GATEWAY}),
    ],
    ids=["nothing", "foreign env", "setting", "grant", "rollout"],
)
def test_a_gateway_and_its_bindings_are_requeued_by_changes_that_decide(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), deployment(), then=later) == expected


def test_a_deleted_gateway_requeues_its_bindings() -> None:
    assert deleted(binding(), deployment(), then=deployment()) == {ASSISTANT, GATEWAY}


def test_a_workload_that_no_binding_names_requeues_nothing() -> None:
    assert changed(binding(), then=deployment(name="other")) == NONE
