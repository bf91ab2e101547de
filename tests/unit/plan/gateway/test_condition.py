from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.plan.snapshot import EnvEntry, Rollout, Snapshot
from tests.unit.plan.situations import OURS, WANTED, make_binding, make_container, make_snapshot, make_spec, make_workload

TRACING = {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"}
VERIFY = make_binding(make_spec(management="Verify"))
STARTING = Rollout(complete=False, ready=True, message="1 of 2 pods updated")
DOWN = Rollout(complete=True, ready=False, message="0 of 0 pods ready")


def with_env(env: dict[str, str] | tuple[EnvEntry, ...], **more: Any) -> Snapshot:
    """A snapshot whose gateway has that env; keyword arguments go to the workload."""
    binding = more.pop("binding", None)
    return make_snapshot(binding, workload=make_workload(make_container(env), **more))


def with_image(image: str, **gateway: Any) -> Snapshot:
    return make_snapshot(make_binding(make_spec(**gateway)), workload=make_workload(make_container(image=image)))


def seen_by(spec_options: dict[str, Any], snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, binding=make_binding(make_spec(**spec_options)))


CASES: list[tuple[str, Snapshot, str, list[str]]] = [
    ("all is right", make_snapshot(), "GatewayConfigured", ["Deployment kong/kong-gateway runs Kong 3.13.0.7"]),
    (
        "no workload",
        make_snapshot(workload=None),
        "GatewayNotFound",
        ["Deployment kong/kong-gateway (gateway.targetRef) does not exist", "Correct the reference"],
    ),
    (
        "not readable",
        make_snapshot(workload=None, unread={make_workload().key: Transient("get Deployment kong/kong-gateway: busy")}),
        "GatewayNotReadable",
        ["get Deployment kong/kong-gateway: busy"],
    ),
    (
        "namespace not watched",
        make_snapshot(workload=None, workload_visible=False),
        "GatewayNotFound",
        ["does not watch namespace kong", "administrator"],
    ),
    (
        "wrong container",
        seen_by({"container": "kong"}, make_snapshot(workload=make_workload(make_container(), make_container(name="ingress-controller")))),
        "GatewayContainerNotFound",
        ["no container kong", "there are: proxy, ingress-controller"],
    ),
    (
        "no container",
        make_snapshot(workload=replace(make_workload(), containers=())),
        "GatewayContainerNotFound",
        ["no container proxy", "there are: none."],
    ),
    ("control plane", with_env({**WANTED, "KONG_ROLE": "control_plane"}), "GatewayControlPlaneOnly", ["KONG_ROLE=control_plane"]),
    ("data plane", with_env({**WANTED, "KONG_ROLE": "data_plane"}), "GatewayConfigured", []),
    ("old", with_image("kong/kong-gateway:3.12.0.4"), "GatewayVersionUnsupported", ["is Kong 3.12.0.4", "kong/kong-gateway:3.13"]),
    ("open source", with_image("kong:3.9"), "GatewayVersionUnsupported", ["Kong 3.9", "open-source image"]),
    (
        "a value this Kong does not know",
        with_image("kong/kong-gateway:3.13.0.7", untrustedLua="strict"),
        "GatewaySettingUnsupported",
        ["untrustedLua is strict", "from 3.14 on", "3.13.0.7"],
    ),
    ("digest only", with_image("kong/kong-gateway@sha256:" + "0" * 64), "GatewayVersionUnknown", ["does not tell", "version tag"]),
    ("open source, latest", with_image("kong:latest"), "GatewayVersionUnknown", ["open-source image"]),
    ("wrong attributes", with_image("kong/kong-gateway:3.13.0.2"), "GatewayVersionAdvised", ["Before 3.13.0.3, the attributes", "upgrade"]),
    ("unfinished spans", with_image("kong/kong-gateway:3.14.0.2"), "GatewayVersionAdvised", ["unfinished", "3.14.0.3", "unverified"]),
    ("defect under failures", with_image("kong/kong-gateway:3.13.0.3"), "GatewayConfigured", ["Before 3.13.0.7", "resolved"]),
    (
        "unverified version",
        with_image("kong/kong-gateway:3.15.0.0"),
        "GatewayConfigured",
        ["Session grouping is unverified", "verified: 3.13"],
    ),
    (
        "from a source",
        with_env((EnvEntry(SAMPLING_RATE, None, from_source=True),)),
        "GatewaySettingFromSource",
        ['containers[name="proxy"].env[name="KONG_TRACING_SAMPLING_RATE"] comes from valueFrom', "needed is 1.0"],
    ),
    (
        "twice",
        with_env((EnvEntry(INSTRUMENTATIONS, "all"), EnvEntry(INSTRUMENTATIONS, "all"))),
        "GatewaySettingDuplicate",
        ['env[name="KONG_TRACING_INSTRUMENTATIONS"] is listed more than once', "Remove all but one"],
    ),
    (
        "conflict",
        with_env({**WANTED, INSTRUMENTATIONS: "request", UNTRUSTED_LUA: "sandbox"}),
        "GatewaySettingConflict",
        [
            'spec.template.spec.containers[name="proxy"].env[name="KONG_TRACING_INSTRUMENTATIONS"].value is request, set by manager helm',
            "needed is all",
            'env.tracing_instrumentations: all, env.untrusted_lua: "on" (chart kong)',
            'gateway.env.tracing_instrumentations: all, gateway.env.untrusted_lua: "on" (chart ingress)',
            "gateway.conflicts: Override",
        ],
    ),
    (
        "conflict with an unknown manager",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, managers=frozenset()),
        "GatewaySettingConflict",
        ["unknown manager"],
    ),
    (
        "another manager changed our value",
        with_env(
            {**WANTED, SAMPLING_RATE: "0.5"},
            managers={INSTRUMENTATIONS: OURS, SAMPLING_RATE: frozenset({"kubectl-edit"}), UNTRUSTED_LUA: OURS},
        ),
        "GatewaySettingConflict",
        ["set by manager kubectl-edit"],
    ),
    (
        "a value we put back",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, managers=frozenset({names.RESTORING_MANAGER})),
        "GatewaySettingConflict",
        ["this operator put an earlier value back"],
    ),
    (
        "override takes over",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, binding=make_binding(make_spec(conflicts="Override"))),
        "GatewayPending",
        ["About to set KONG_TRACING_SAMPLING_RATE=1.0"],
    ),
    (
        "a sibling's override counts",
        replace(
            with_env({**WANTED, SAMPLING_RATE: "0.5"}),
            siblings=(make_binding(make_spec(conflicts="Override"), name="other"),),
        ),
        "GatewayPending",
        [],
    ),
    (
        "a sibling's override for another container does not",
        replace(
            with_env({**WANTED, SAMPLING_RATE: "0.5"}),
            siblings=(make_binding(make_spec(conflicts="Override", container="other"), name="other"),),
        ),
        "GatewaySettingConflict",
        [],
    ),
    (
        "override does not change what comes from a source",
        with_env((EnvEntry(SAMPLING_RATE, None, from_source=True),), binding=make_binding(make_spec(conflicts="Override"))),
        "GatewaySettingFromSource",
        [],
    ),
    (
        "unmanaged and off",
        seen_by({"untrustedLua": "Unmanaged"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})),
        "GatewaySettingConflict",
        [
            "value is off, set by manager helm",
            "gateway.untrustedLua is Unmanaged",
            'env.untrusted_lua: "sandbox"',
            "sessions.mode: Disabled",
        ],
    ),
    ("unmanaged and absent", seen_by({"untrustedLua": "Unmanaged"}, with_env(TRACING)), "GatewayConfigured", []),
    ("sessions disabled and off", seen_by({"sessions": "Disabled"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})), "GatewayConfigured", []),
    (
        "verify, nothing there",
        replace(with_env({}), binding=VERIFY),
        "GatewaySettingsMissing",
        ["is missing, needed is all", "Verify", "env.tracing_instrumentations: all", 'gateway.env.tracing_sampling_rate: "1.0"'],
    ),
    (
        "verify, wrong",
        replace(with_env({**WANTED, SAMPLING_RATE: "0.5"}), binding=VERIFY),
        "GatewaySettingsMissing",
        ["is 0.5, set by manager helm"],
    ),
    ("verify, right", make_snapshot(VERIFY), "GatewayConfigured", []),
    (
        "Kong Operator's, lacking",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, owner_kinds=frozenset({"DataPlane"})),
        "GatewayManagedElsewhere",
        ["KONG_TRACING_SAMPLING_RATE=1.0", 'DataPlane, spec.deployment.podTemplateSpec.spec.containers[name="proxy"].env'],
    ),
    ("Kong Operator's, right", with_env(WANTED, owner_kinds=frozenset({"DataPlane"})), "GatewayConfigured", []),
    ("absent", with_env({}), "GatewayPending", ["About to set KONG_TRACING_INSTRUMENTATIONS=all", "replaced once"]),
    ("ours and outdated", with_env({**WANTED, UNTRUSTED_LUA: "sandbox"}, managers=OURS), "GatewayPending", ["KONG_UNTRUSTED_LUA=on"]),
    (
        "absent while suspended",
        seen_by({"suspend": True}, with_env({})),
        "GatewayPending",
        ["nothing is applied while spec.suspend is true"],
    ),
    ("no pod", with_env(WANTED, rollout=DOWN), "GatewayNotRunning", ["no ready pod", "0 of 0 pods ready.", "kubectl -n kong get pods"]),
    ("rolling out", with_env(WANTED, rollout=STARTING), "GatewayRollingOut", ["being replaced", "1 of 2 pods updated."]),
    ("invalid spec", make_snapshot(replace(make_binding(), spec=None)), "GatewayNotEvaluated", []),
    ("not granted", make_snapshot(make_binding(namespace="ai")), "GatewayNotEvaluated", []),
]


@pytest.mark.parametrize(("snapshot", "expected", "phrases"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_finding(snapshot: Snapshot, expected: str, phrases: list[str]) -> None:
    finding = evaluate_gateway(snapshot).finding

    assert expected == finding.reason.name
    assert [phrase for phrase in phrases if phrase not in finding.message] == []


def test_nothing_of_a_workload_is_shown_without_a_grant() -> None:
    snapshot = make_snapshot(
        make_binding(namespace="ai"), workload=make_workload(make_container({SAMPLING_RATE: "0.123"}, image="private:1"))
    )

    view = evaluate_gateway(snapshot)

    assert (view.version, view.image) == (None, None)
    assert "0.123" not in view.finding.message


@pytest.mark.parametrize(
    ("snapshot", "ready", "off"),
    [
        pytest.param(make_snapshot(), True, False, id="all is right"),
        pytest.param(with_image("kong/kong-gateway@sha256:" + "0" * 64), True, False, id="version unknown"),
        pytest.param(with_image("kong/kong-gateway:3.13.0.2"), True, False, id="version advised"),
        pytest.param(with_image("kong:3.9"), False, False, id="version unsupported"),
        pytest.param(with_env({}), False, False, id="settings absent"),
        pytest.param(with_env(WANTED, rollout=STARTING), False, False, id="rolling out"),
        pytest.param(with_env(WANTED, rollout=DOWN), False, False, id="no pod"),
        pytest.param(with_env({**WANTED, UNTRUSTED_LUA: "off"}), False, True, id="off"),
        pytest.param(seen_by({"untrustedLua": "Unmanaged"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})), False, True, id="off, unmanaged"),
        pytest.param(seen_by({"untrustedLua": "Unmanaged"}, with_env(TRACING)), True, False, id="absent, unmanaged"),
        pytest.param(
            with_env({**WANTED, UNTRUSTED_LUA: "off"}, owner_kinds=frozenset({"DataPlane"})), False, True, id="off, Kong Operator's"
        ),
        pytest.param(make_snapshot(workload=None), False, False, id="no workload"),
    ],
)
def test_what_the_pre_function_plugin_may_do(snapshot: Snapshot, ready: bool, off: bool) -> None:  # noqa: FBT001
    view = evaluate_gateway(snapshot)

    assert (ready, off) == (view.lua_ready, view.lua_off)


def test_version_and_image_are_shown_even_where_something_is_wrong() -> None:
    view = evaluate_gateway(with_image("kong:3.9.1"))

    assert (view.version, view.image) == ("3.9.1", "kong:3.9.1")


def test_the_cases_reach_every_reason_but_those_of_writing() -> None:
    reachable = {expected for _, _, expected, _ in CASES} | {"GatewaySettingsReverted", "GatewayWriteFailing", "GatewayWriteRefused"}

    assert {name for name, entry in REASONS.items() if entry.type is ConditionType.GATEWAY_CONFIGURED} == reachable
