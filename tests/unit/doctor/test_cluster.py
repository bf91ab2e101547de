from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.doctor.evidence import Look
from tests.unit.doctor.cases import BROKEN, check_cluster, deployment, lease, make_evidence, names


@pytest.mark.parametrize("area", ["01", "02", "03"])
def test_a_cluster_in_order_has_no_diagnosis(area: str) -> None:
    outcome = check_cluster(area, make_evidence())

    assert (outcome.state, names(outcome)) == ("fine", [])


@pytest.mark.parametrize(
    ("area", "found", "name"),
    [
        ("01", {"version": Look("v1.28.4")}, "ClusterTooOld"),
        ("02", {"served": Look()}, "DefinitionMissing"),
        ("02", {"served": Look(("v2",))}, "VersionNotServed"),
        ("02", {"patches": Look()}, "KongNotInstalled"),
        ("02", {"patches": Look(value=False)}, "KongDefinitionOutdated"),
        ("03", {"deployments": Look(()), "leases": Look(())}, "OperatorNotFound"),
        ("03", {"leases": Look((lease("2027-01-15T07:59:30Z"),))}, "OperatorNotRunning"),
        ("03", {"deployments": Look((deployment(ready=0),)), "leases": Look(())}, "OperatorNotRunning"),
    ],
)
def test_each_fault_of_the_cluster_is_named(area: str, found: dict[str, Any], name: str) -> None:
    outcome = check_cluster(area, make_evidence(**found))

    assert (outcome.state, names(outcome)) == ("error", [name])


def test_an_operator_without_leader_election_runs() -> None:
    assert names(check_cluster("03", make_evidence(leases=Look(())))) == []


def test_an_operator_outside_of_its_deployment_leads() -> None:
    assert names(check_cluster("03", make_evidence(deployments=Look((deployment(ready=0),))))) == []


def test_every_leader_is_named_with_its_namespace() -> None:
    other = {**lease(), "metadata": {"name": "fiddler-kong-operator", "namespace": "shop"}}

    outcome = check_cluster("03", make_evidence(leases=Look((lease(), other))))

    assert outcome.said == "operator-1 leads in operators, operator-1 leads in shop"


def test_another_release_of_the_operator_is_worth_knowing_and_no_fault() -> None:
    outcome = check_cluster("03", make_evidence(deployments=Look((deployment(version="9.9.9"),))))

    assert (outcome.state, names(outcome)) == ("fine", ["OperatorVersionDiffers"])


@pytest.mark.parametrize(
    ("area", "found"),
    [
        ("01", {"unread": ("Secret cannot be listed: forbidden",)}),
        ("02", {"served": BROKEN}),
        ("03", {"leases": BROKEN}),
    ],
)
def test_what_this_user_may_not_read_is_named_and_is_not_taken_for_fine(area: str, found: dict[str, Any]) -> None:
    outcome = check_cluster(area, make_evidence(**found))

    assert (outcome.state, names(outcome)) == ("unread", ["NotReadable"])
