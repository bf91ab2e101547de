from __future__ import annotations

from typing import Any, get_args

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec, WorkloadRef
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.workloads import reduce_workload
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.operated import joined
from fiddler_kong_operator.plan.gateway.settings_plan import plan_settings
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS, WorkloadKind
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Rollout
from tests.unit.observe.objects import ROLLED_OUT
from tests.unit.plan.situations import WANTED, make_binding, make_snapshot, make_spec, make_workload

FLEET = WorkloadKind(
    Kind("Fleet", "example.com", "v2", "fleets"),
    ("spec", "gateway", "podTemplate"),
    lambda raw: Rollout(complete=raw["status"]["done"], ready=True),
)
"""A kind that only these tests know."""
EVERY = {**WORKLOADS, "Fleet": FLEET}


def test_the_api_offers_the_kinds_of_the_registry() -> None:
    assert set(get_args(WorkloadRef.model_fields["kind"].annotation)) == set(WORKLOADS)


def test_every_row_is_filed_under_its_name_and_known_to_the_client() -> None:
    assert {name: KINDS[name] for name in WORKLOADS} == {name: row.kind for name, row in WORKLOADS.items()}


def raw_workload(row: WorkloadKind, env: list[Manifest], manager: str) -> Manifest:
    """A gateway of that kind; the manager owns its env."""
    fields: Any = {"f:containers": {'k:{"name":"proxy"}': {"f:env": {f'k:{{"name":"{e["name"]}"}}': {"f:value": {}} for e in env}}}}
    for step in reversed(row.pod_path):
        fields = {f"f:{step}": fields}
    metadata = {
        "name": "edge",
        "namespace": "kong",
        "uid": "uid-edge",
        "resourceVersion": "7",
        "generation": 1,
        "managedFields": [{"manager": manager, "operation": "Apply", "fieldsV1": fields}],
    }
    pod = row.with_pod({"containers": [{"name": "proxy", "image": "kong/kong-gateway:3.13.0.7", "env": env}]})
    return {"apiVersion": row.kind.api_version, "kind": row.kind.name, "metadata": metadata, **pod, "status": {**ROLLED_OUT, "done": True}}


def binding_of(row: WorkloadKind) -> Binding:
    """A binding that names the workload `edge` of that kind, even one that the API does not offer."""
    spec: BindingSpec = make_spec()
    ref = spec.gateway.target_ref.model_copy(update={"kind": row.kind.name, "name": "edge"})
    return make_binding(spec.model_copy(update={"gateway": spec.gateway.model_copy(update={"target_ref": ref})}))


@pytest.mark.parametrize("row", EVERY.values(), ids=EVERY)
def test_the_settings_are_written_where_the_row_says(row: WorkloadKind) -> None:
    key = ObjectKey(row.kind.name, "kong", "edge")
    workload = reduce_workload(key, raw_workload(row, [], "helm"), kinds=EVERY)

    plan = plan_settings(workload, [binding_of(row)], EVERY)

    env = [{"name": name, "value": value} for name, value in WANTED.items()]
    assert plan.apply == {
        "apiVersion": row.kind.api_version,
        "kind": row.kind.name,
        "metadata": {"name": "edge", "namespace": "kong", "uid": "uid-edge"},
        **row.with_pod({"containers": [{"name": "proxy", "env": env}]}),
    }


@pytest.mark.parametrize("row", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize(("manager", "action"), [("helm", "nothing"), (names.FIELD_MANAGER, "release")])
def test_owners_are_read_where_the_row_says(row: WorkloadKind, manager: str, action: str) -> None:
    env = [{"name": name, "value": value} for name, value in WANTED.items()]
    workload = reduce_workload(ObjectKey(row.kind.name, "kong", "edge"), raw_workload(row, env, manager), kinds=EVERY)

    assert {owner for owners in workload.env_managers.values() for owner in owners} == {manager}
    assert plan_settings(workload, [], EVERY).action == action
    workload = joined(workload, [make_workload()]) if row.operated else workload
    assert evaluate_gateway(make_snapshot(binding_of(row), workload=workload), EVERY).finding.reason.name == "GatewayConfigured"


def test_a_kind_with_another_template_is_one_row() -> None:
    raw = raw_workload(FLEET, [{"name": "KONG_TRACING_SAMPLING_RATE", "value": "0.5"}], "helm")
    workload = reduce_workload(ObjectKey("Fleet", "kong", "edge"), raw, kinds=EVERY)

    finding = evaluate_gateway(make_snapshot(binding_of(FLEET), workload=workload), EVERY).finding

    field = 'spec.gateway.podTemplate.spec.containers[name="proxy"].env[name="KONG_TRACING_SAMPLING_RATE"]'
    assert finding.message.startswith(f"Fleet kong/edge: {field}.value is 0.5, set by manager helm; it must be 1.0.")
