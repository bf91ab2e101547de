from __future__ import annotations

from typing import Any, Final

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.kinds.workloads import MOMENT, REPLACED_LIMIT, reduce_workload, rollout_urgency
from fiddler_kong_operator.plan.workload import Workload
from tests.unit.observe.changes import NONE, changed, deleted
from tests.unit.observe.objects import ASSISTANT, GATEWAY, binding, deployment

ON: Final = {"name": "KONG_UNTRUSTED_LUA", "value": "on"}


def with_status(raw: Manifest, **counts: Any) -> Manifest:
    return {**raw, "status": {**raw["status"], **counts}}


def watched(*versions: Manifest) -> Workload:
    """The workload after these versions of it were observed one after the other."""
    known: Workload | None = None
    for raw in versions:
        known = reduce_workload(GATEWAY, raw, known)
    assert known
    return known


SETTLED: Final = deployment(1, ON)
SCALED: Final = deployment(2, ON, generation=2)
CHANGED: Final = deployment(2, generation=2)
REPLACING: Final = with_status(deployment(3, generation=2), observedGeneration=2, replicas=2, updatedReplicas=1)


@pytest.mark.parametrize(
    ("versions", "complete", "replaced"),
    [
        ((SETTLED,), True, ()),
        ((SETTLED, SCALED), True, ()),
        ((SETTLED, with_status(SCALED, observedGeneration=2, replicas=4, updatedReplicas=4)), True, ()),
        ((SCALED,), False, None),
        ((SETTLED, CHANGED), False, (watched(SETTLED).containers,)),
        ((SETTLED, CHANGED, REPLACING), False, (watched(SETTLED).containers,)),
        ((SETTLED, CHANGED, REPLACING, with_status(REPLACING, replicas=1)), True, ()),
        ((REPLACING,), False, None),
        ((CHANGED, REPLACING), False, None),
        ((SETTLED, deployment(2, ON, generation=2, uid="another")), False, None),
    ],
    ids=[
        "settled",
        "scaled, not yet seen by the controller",
        "scaled up",
        "scaled before the operator started",
        "changed, not yet seen by the controller",
        "old pods left",
        "done",
        "old pods left when the operator started",
        "changed when the operator started",
        "another workload of the name",
    ],
)
def test_a_rollout_is_a_change_of_the_template(versions: tuple[Manifest, ...], complete: bool, replaced: Any) -> None:  # noqa: FBT001
    found = watched(*versions)

    assert (found.rollout.complete, found.replaced) == (complete, replaced)


def test_a_former_deadline_says_nothing_about_a_newer_template() -> None:
    stuck = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}

    assert watched(with_status(SETTLED, **stuck), with_status(CHANGED, **stuck)).rollout.halt is None


def test_after_many_changes_in_one_rollout_the_templates_are_unknown() -> None:
    versions = (deployment(n, {"name": "KONG_X", "value": str(n)}, generation=n) for n in range(2, REPLACED_LIMIT + 4))

    assert watched(SETTLED, *versions).replaced is None


@pytest.mark.parametrize(
    ("before", "after", "lane", "delay"),
    [
        (SETTLED, with_status(SETTLED, availableReplicas=0), Lane.BACKGROUND, MOMENT),
        (SETTLED, with_status(SETTLED, replicas=2), Lane.BACKGROUND, MOMENT),
        (with_status(SETTLED, availableReplicas=0), SETTLED, Lane.BACKGROUND, 0.0),
        (with_status(SETTLED, replicas=2), SETTLED, Lane.BACKGROUND, 0.0),
        (SETTLED, deployment(2), Lane.URGENT, 0.0),
        (SETTLED, deployment(2, ON, annotations={names.GRANT_ANNOTATION: "ai"}), Lane.URGENT, 0.0),
    ],
    ids=["no pod", "old pods", "pods again", "done", "another setting", "grant"],
)
def test_the_progress_of_a_rollout_gives_way_to_changes(before: Manifest, after: Manifest, lane: Lane, delay: float) -> None:
    found = rollout_urgency(watched(before), watched(before, after))

    assert (found.lane, found.delay) == (lane, delay)


def test_a_new_gateway_is_urgent() -> None:
    assert rollout_urgency(None, watched(SETTLED)).lane is Lane.URGENT


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (deployment(2), NONE),
        (deployment(2, {"name": "PATH", "value": "x"}), NONE),
        (deployment(2, {"name": "KONG_X", "value": "x"}), {ASSISTANT, GATEWAY}),
        (deployment(2, annotations={names.GRANT_ANNOTATION: "ai"}), {ASSISTANT, GATEWAY}),
        (deployment(2, generation=2), NONE),
        (with_status(deployment(2), replicas=2), {ASSISTANT, GATEWAY}),
    ],
    ids=["nothing", "foreign env", "setting", "grant", "scaled", "rollout"],
)
def test_a_gateway_and_its_bindings_are_requeued_by_changes_that_decide(later: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(binding(), deployment(), then=later) == expected


def test_a_deleted_gateway_requeues_its_bindings() -> None:
    assert deleted(binding(), deployment(), then=deployment()) == {ASSISTANT, GATEWAY}


def test_a_workload_that_no_binding_names_requeues_nothing() -> None:
    assert changed(binding(), then=deployment(name="other")) == NONE
