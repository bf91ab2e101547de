"""DataPlanes and GatewayConfigurations as gateways: what Kong Operator makes from them runs the pods."""

from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.lineage import find_workload
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.settings_plan import plan_settings
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import DATA_PLANE, DEPLOYMENT, GATEWAY_CLASS
from fiddler_kong_operator.plan.snapshot import Snapshot
from tests.unit.observe.objects import binding, deployment, family, key, made, raw_object, spec
from tests.unit.observe.test_reader import Desk
from tests.unit.plan.situations import WANTED

OPERATED = [name for name, row in WORKLOADS.items() if row.operated]
SETTINGS = [{"name": name, "value": value} for name, value in WANTED.items()]
GRANT = {names.GRANT_ANNOTATION: "ai"}


def naming(kind: str, name: str = "gateway", **gateway: Any) -> Manifest:
    return binding(spec_=spec(gateway={"targetRef": {"kind": kind, "namespace": "kong", "name": name}, **gateway}))


def granted(kind: str, *env: Manifest, **metadata: Any) -> list[Manifest]:
    """A gateway of that kind with everything around it, whose owner allows the binding."""
    first, *rest = family(kind, 1, *env, **{"annotations": GRANT, **metadata})
    return [first, *rest]


def changed(raw: Manifest, **status: Any) -> Manifest:
    return {**raw, "status": {**raw["status"], **status}}


def judged(snapshot: Snapshot) -> tuple[str, str]:
    finding = evaluate_gateway(snapshot).finding
    return finding.reason.name, finding.message


@pytest.mark.parametrize("kind", OPERATED)
async def test_it_is_configured_when_every_pod_has_the_settings(kind: str) -> None:
    desk = Desk(naming(kind), *granted(kind, *SETTINGS))

    reason, message = judged(await desk.snapshot())

    assert (reason, message.startswith(f"{kind} kong/gateway runs Kong 3.13 with the needed settings.")) == ("GatewayConfigured", True)


@pytest.mark.parametrize("kind", OPERATED)
async def test_its_template_gets_the_settings(kind: str) -> None:
    desk = Desk(naming(kind), *granted(kind))

    workload, bindings = await desk.reader.gather_workload(ObjectKey(kind, "kong", "gateway"))

    assert workload
    plan = plan_settings(workload, bindings)
    assert plan.apply
    assert plan.apply["apiVersion"] == WORKLOADS[kind].kind.api_version
    assert WORKLOADS[kind].pod(plan.apply) == {"containers": [{"name": "proxy", "env": SETTINGS}]}


def promotion(reason: str, generation: int = 1) -> Manifest:
    return {"rollout": {"conditions": [{"type": "RolledOut", "status": "False", "reason": reason, "observedGeneration": generation}]}}


OLD = deployment(1, name="dataplane-gateway-x")
NEW = deployment(1, *SETTINGS, name="dataplane-gateway-x")
PLANE, _ = granted("DataPlane", *SETTINGS)


@pytest.mark.parametrize(
    ("seen", "expected", "phrase"),
    [
        ([PLANE], "GatewayNotRunning", "Kong Operator has made nothing from DataPlane kong/gateway yet"),
        ([PLANE, made(OLD, PLANE)], "GatewayRollingOut", "The pods of DataPlane kong/gateway are being replaced."),
        ([PLANE, made(changed(NEW, replicas=2), PLANE)], "GatewayRollingOut", "are being replaced"),
        (
            [PLANE, made(changed(NEW, availableReplicas=0), PLANE)],
            "GatewayNotRunning",
            "Deployment kong/dataplane-gateway-x has no ready pod. Look at its pods: kubectl -n kong get pods.",
        ),
        (
            [PLANE, made(NEW, PLANE, "live"), made({**OLD, "metadata": {**OLD["metadata"], "name": "p"}}, PLANE, "preview")],
            "GatewayConfigured",
            "",
        ),
        (
            [
                {**PLANE, "status": promotion("AwaitingPromotion")},
                made(OLD, PLANE, "live"),
                made({**NEW, "metadata": {**NEW["metadata"], "name": "p"}}, PLANE, "preview"),
            ],
            "GatewayRolloutPaused",
            "kubectl -n kong annotate dataplane gateway gateway-operator.konghq.com/promote-when-ready=true.",
        ),
        ([{**PLANE, "status": promotion("AwaitingPromotion", 0)}, made(OLD, PLANE)], "GatewayRollingOut", ""),
        ([{**PLANE, "status": promotion("PromotionFailed")}, made(OLD, PLANE)], "GatewayRolloutStuck", "describe dataplane gateway"),
    ],
    ids=[
        "nothing made",
        "made from an older template",
        "pods of an older template",
        "no ready pod",
        "a preview without the settings",
        "the preview has the settings",
        "an earlier change waits for its promotion",
        "its promotion has failed",
    ],
)
async def test_the_rollout_of_a_data_plane_is_that_of_its_live_deployments(seen: list[Manifest], expected: str, phrase: str) -> None:
    reason, message = judged(await Desk(naming("DataPlane"), *seen).snapshot())

    assert (expected, phrase in message) == (reason, True), message


@pytest.mark.parametrize("kind", OPERATED)
async def test_nothing_is_written_while_a_promotion_is_in_progress(kind: str) -> None:
    seen = [{**raw, "status": promotion("PromotionInProgress")} if raw["kind"] == "DataPlane" else raw for raw in granted(kind)]
    desk = Desk(naming(kind), *seen)

    workload, bindings = await desk.reader.gather_workload(ObjectKey(kind, "kong", "gateway"))

    assert workload
    assert plan_settings(workload, bindings).action == "nothing"
    reason, message = judged(await desk.snapshot())
    assert (reason, "is being promoted (blue/green)" in message) == ("GatewayPending", True)


async def test_the_gateways_of_one_configuration_are_named_before_they_restart() -> None:
    second = raw_object("Gateway", "second", 1, {"spec": {"gatewayClassName": "gateway"}}, namespace="shop")
    desk = Desk(naming("GatewayConfiguration"), *granted("GatewayConfiguration"), second)

    reason, message = judged(await desk.snapshot())

    assert reason == "GatewayPending"
    assert message.endswith("It configures 2 Gateways, and the settings hold for all: kong/gateway, shop/second.")


async def test_a_configuration_without_a_gateway_says_how_one_uses_it() -> None:
    first, *_ = granted("GatewayConfiguration", *SETTINGS)

    reason, message = judged(await Desk(naming("GatewayConfiguration"), first).snapshot())

    assert reason == "GatewayNotRunning"
    assert message.startswith("No Gateway uses GatewayConfiguration kong/gateway, so it runs no pod. Name it in parametersRef")


async def test_an_empty_configuration_without_a_gateway_waits_for_one() -> None:
    first, *_ = granted("GatewayConfiguration")

    reason, message = judged(await Desk(naming("GatewayConfiguration"), {**first, "spec": {}}).snapshot())

    assert (reason, message.startswith("GatewayConfiguration kong/gateway runs no pod yet")) == ("GatewayNotRunning", True)


async def test_a_configuration_without_a_template_has_the_container_that_runs() -> None:
    """Kong Operator brings container and image where a GatewayConfiguration leaves them out."""
    first, *rest = granted("GatewayConfiguration")
    desk = Desk(naming("GatewayConfiguration"), {**first, "spec": {}}, *rest)

    workload, bindings = await desk.reader.gather_workload(key(first))

    assert workload
    assert workload.containers[0].image == "kong/kong-gateway:3.13"
    assert plan_settings(workload, bindings).action == "apply"


@pytest.mark.parametrize("role", ["KONG_ROLE", "KONG_KONNECT_MODE"])
async def test_a_data_plane_of_konnect_is_known_by_the_env_that_kong_operator_adds(role: str) -> None:
    plane, runner = granted("DataPlane")
    konnect = [{"name": "KONG_ROLE", "value": "data_plane"}, {"name": "KONG_CLUSTER_CONTROL_PLANE", "value": "a.us.cp0.konghq.com:443"}]
    env = konnect if role == "KONG_ROLE" else [{"name": role, "value": "on"}]
    runner["spec"]["template"]["spec"]["containers"][0]["env"] = env

    reason, _ = judged(await Desk(naming("DataPlane"), plane, runner).snapshot())

    assert reason == "GatewayControlledElsewhere"


@pytest.mark.parametrize(
    ("kind", "named", "target", "path"),
    [
        ("DataPlane", "dataplane-gateway-x", "{kind: DataPlane, namespace: kong, name: gateway}", "spec.deployment."),
        (
            "GatewayConfiguration",
            "dataplane-gateway-x-x",
            "{kind: GatewayConfiguration, namespace: kong, name: gateway}",
            "spec.dataPlaneOptions.deployment.",
        ),
    ],
)
async def test_a_deployment_of_kong_operator_leads_to_what_a_person_writes(kind: str, named: str, target: str, path: str) -> None:
    desk = Desk(naming("Deployment", named), *granted(kind))

    reason, message = judged(await desk.snapshot())

    assert reason == "GatewayManagedElsewhere"
    assert f"Set gateway.targetRef to {target}: this operator then sets" in message
    assert f"In {kind} kong/gateway, set {path}podTemplateSpec.spec.containers" in message


async def test_a_data_plane_of_a_gateway_whose_class_is_not_seen_leads_to_its_gateway() -> None:
    *_, gateway, plane, runner = granted("GatewayConfiguration")
    plane["metadata"]["annotations"] = GRANT

    reason, message = judged(await Desk(naming("DataPlane", "gateway-x"), gateway, plane, runner).snapshot())

    assert reason == "GatewayManagedElsewhere"
    assert "the GatewayConfiguration in parametersRef of the GatewayClass of Gateway kong/gateway" in message


@pytest.mark.parametrize(
    ("named", "annotated"),
    [(("Deployment", "dataplane-gateway-x-x"), n) for n in (0, 3, 4)]
    + [(("DataPlane", "gateway-x"), 0), (("GatewayConfiguration", "gateway"), 0)],
)
async def test_a_grant_is_read_from_the_workload_and_from_what_it_is_made_from(named: tuple[str, str], annotated: int) -> None:
    seen = family("GatewayConfiguration", 1, *SETTINGS)
    assert not (await _allowed(named, seen))

    seen[annotated]["metadata"]["annotations"] = GRANT

    assert await _allowed(named, seen)


async def _allowed(named: tuple[str, str], seen: list[Manifest]) -> bool:
    return judged(await Desk(naming(*named), *seen).snapshot())[0] != "GatewayNotEvaluated"


@pytest.mark.parametrize("kind", OPERATED)
@pytest.mark.parametrize("claim", [{"uid": "another"}, {"controller": False}], ids=["name", "reference"])
async def test_a_deployment_that_only_claims_to_be_made_by_kong_operator_changes_nothing(kind: str, claim: Manifest) -> None:
    seen, off = granted(kind, *SETTINGS), {"name": "KONG_PLUGINS", "value": "off"}
    made_from = {**seen[-1]["metadata"]["ownerReferences"][0], **claim}
    forged = deployment(1, off, name="a", ownerReferences=[made_from])

    assert judged(await Desk(naming(kind), *seen, forged).snapshot())[0] == "GatewayConfigured"


@pytest.mark.parametrize("name", ["a", "z"], ids=["first", "last"])
async def test_one_runner_that_lacks_the_plugins_takes_them_from_no_route_of_the_others(name: str) -> None:
    seen, off = granted("DataPlane", *SETTINGS), {"name": "KONG_PLUGINS", "value": "off"}
    forged = deployment(1, *SETTINGS, off, name=name, ownerReferences=seen[-1]["metadata"]["ownerReferences"])

    view = evaluate_gateway(await Desk(naming("DataPlane"), *seen, forged).snapshot())

    assert (view.finding.reason.name, view.refused_plugins) == ("GatewayRollingOut", frozenset())


async def test_a_deployment_that_only_claims_an_owner_has_not_its_grant() -> None:
    plane, runner = granted("DataPlane", *SETTINGS)
    runner["metadata"]["ownerReferences"][0]["uid"] = "another"

    assert not await _allowed(("Deployment", "dataplane-gateway-x"), [plane, runner])


def test_bindings_that_are_not_seen_may_need_what_only_a_made_object_grants_them() -> None:
    first, *around, plane, runner = family("GatewayConfiguration", 1)
    desk = Desk(first, *around, {**plane, "metadata": {**plane["metadata"], "annotations": GRANT}}, runner, namespaces=("kong",))
    configuration = find_workload(desk.cache, key(first))

    assert configuration is not None
    assert desk.reader.has_unseen_tenants(configuration)


@pytest.mark.parametrize("position", range(5))
def test_a_change_of_any_object_in_the_row_concerns_the_binding(position: int) -> None:
    cache = Cache()
    for raw in (naming("GatewayConfiguration"), *granted("GatewayConfiguration")):
        cache.observe(raw)
    raw = granted("GatewayConfiguration")[position]

    concerned = cache.gone(key(raw), raw["metadata"]["uid"], "9")

    assert {ObjectKey("FiddlerKongBinding", "ai", "assistant"), ObjectKey("GatewayConfiguration", "kong", "gateway")} <= concerned


async def test_a_kind_that_is_not_installed_is_named_until_it_comes() -> None:
    desk = Desk(naming("DataPlane"))
    desk.cache.set_installed(DATA_PLANE, installed=False)

    reason, message = judged(await desk.snapshot())
    assert reason == "GatewayNotFound"
    assert message.startswith("The cluster does not know the kind DataPlane (gateway-operator.konghq.com/v1beta1). Install Kong Operator")

    assert ObjectKey("FiddlerKongBinding", "ai", "assistant") in desk.cache.set_installed(DATA_PLANE, installed=True)
    for raw in granted("DataPlane", *SETTINGS):
        desk.cache.observe(raw)
    assert judged(await desk.snapshot())[0] == "GatewayConfigured"


@pytest.mark.parametrize(
    ("kind", "hidden"), [("GatewayConfiguration", GATEWAY_CLASS), ("GatewayConfiguration", DEPLOYMENT), ("DataPlane", DEPLOYMENT)]
)
async def test_objects_that_must_not_be_watched_are_not_taken_for_absent(kind: str, hidden: Any) -> None:
    first, *rest = granted(kind, *SETTINGS)
    desk = Desk(naming(kind), first, *(raw for raw in rest if raw["kind"] != hidden.name))
    desk.cache.set_forbidden(hidden, None, f"{hidden.name} cannot be watched")

    reason, message = judged(await desk.snapshot())

    assert (reason, message) == ("GatewayNotReadable", f"{hidden.name} cannot be watched.")
