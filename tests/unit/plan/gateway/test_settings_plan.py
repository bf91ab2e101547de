"""The writes to a gateway workload. The ownership in these cases is what a real API server showed after the same writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.plan.gateway.settings_plan import SettingsPlan, disowning_patch, plan_settings
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import EnvEntry, EnvSource, Workload
from tests.unit.plan.situations import HELM, OURS, WANTED, make_binding, make_container, make_spec, make_workload

BOTH = OURS | HELM
OVERRIDE = make_binding(make_spec(conflicts="Override"))
PLAIN = make_binding()
WRONG_RATE = {**WANTED, SAMPLING_RATE: "0.5"}


def former(value: Any) -> str:
    return json.dumps({"proxy": value})


def manifest(plan: SettingsPlan) -> dict[str, Any]:
    assert plan.apply is not None
    return plan.apply


def written(plan: SettingsPlan) -> dict[str, dict[str, str]]:
    """Container -> env that the apply lists."""
    containers = manifest(plan)["spec"]["template"]["spec"]["containers"]
    return {c["name"]: {e["name"]: e["value"] for e in c["env"]} for c in containers}


def restored(plan: SettingsPlan) -> list[dict[str, str]]:
    assert plan.restore is not None
    (container,) = plan.restore["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "proxy"
    return list(container["env"])


def recorded(plan: SettingsPlan) -> Any:
    text = manifest(plan)["metadata"].get("annotations", {}).get(names.FORMER_SETTINGS_ANNOTATION)
    return json.loads(text) if text else None


def test_the_apply_lists_every_setting_and_cannot_create_a_workload() -> None:
    plan = plan_settings(make_workload(make_container({})), (PLAIN,))

    assert plan.apply == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kong-gateway", "namespace": "kong", "uid": "uid-gateway"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "proxy",
                            "env": [
                                {"name": "KONG_TRACING_INSTRUMENTATIONS", "value": "all"},
                                {"name": "KONG_TRACING_SAMPLING_RATE", "value": "1.0"},
                                {"name": "KONG_UNTRUSTED_LUA", "value": "on"},
                            ],
                        }
                    ]
                }
            }
        },
    }
    assert (plan.restore, plan.force, plan.action) == (None, False, "apply")


CONFIG_MAP = (EnvSource("ConfigMap kong-env"),)
NOTHING_TO_DO: list[tuple[str, Workload, tuple[Binding, ...]]] = [
    ("no binding, nothing borrowed", make_workload(make_container({})), ()),
    ("everything set by Helm", make_workload(), (PLAIN,)),
    (
        "a value this Kong does not know: its new pods would not start",
        make_workload(make_container({}, image="kong/kong-gateway:3.13.0.7")),
        (make_binding(make_spec(untrustedLua="lax")),),
    ),
    ("everything set by an unknown manager", make_workload(managers=frozenset()), (PLAIN,)),
    ("everything set by us", make_workload(managers=OURS), (PLAIN,)),
    ("several bindings, one apply", make_workload(managers=OURS), (PLAIN, make_binding(name="other"))),
    ("set by us in another spelling", make_workload(make_container({**WANTED, SAMPLING_RATE: "1"}), managers=OURS), (PLAIN,)),
    ("the rest set by us", make_workload(managers={INSTRUMENTATIONS: HELM, SAMPLING_RATE: OURS, UNTRUSTED_LUA: OURS}), (PLAIN,)),
    ("more than asked set by Helm", make_workload(), (make_binding(make_spec(untrustedLua="sandbox")),)),
    ("verify", make_workload(make_container({})), (make_binding(make_spec(management="Verify")),)),
    ("not granted", make_workload(make_container({})), (make_binding(namespace="ai"),)),
    ("another workload", make_workload(make_container({})), (make_binding(make_spec(targetRef={"name": "other"})),)),
    ("another container", make_workload(make_container({})), (make_binding(make_spec(container="other")),)),
    ("invalid", make_workload(make_container({})), (replace(PLAIN, spec=None),)),
    ("suspended before anything was set", make_workload(make_container({})), (make_binding(make_spec(suspend=True)),)),
    ("suspended, and set", make_workload(managers=OURS), (make_binding(make_spec(suspend=True, untrustedLua="sandbox")),)),
    ("leaving, still attached", make_workload(managers=OURS), (make_binding(deleting=True, finalizers=(names.FINALIZER,)),)),
    ("Kong too old", make_workload(make_container({}, image="kong:3.9")), (PLAIN,)),
    ("Kong became too old", make_workload(make_container(image="kong:3.9"), managers=OURS), (PLAIN,)),
    ("control plane", make_workload(make_container({"KONG_ROLE": "control_plane"})), (PLAIN,)),
    ("the controller", make_workload(make_container({}, image="kong/kubernetes-ingress-controller:3.5")), (PLAIN,)),
    ("a role from a source", make_workload(make_container((EnvEntry("KONG_ROLE", None, from_source=True),))), (OVERRIDE,)),
    ("Konnect", make_workload(make_container({"KONG_KONNECT_MODE": "on"})), (PLAIN,)),
    ("plugins missing", make_workload(make_container({"KONG_PLUGINS": "cors"})), (OVERRIDE,)),
    ("plugins unknown", make_workload(make_container((EnvEntry("KONG_PLUGINS", None, from_source=True),))), (OVERRIDE,)),
    ("perhaps in a ConfigMap", make_workload(replace(make_container({"KONG_PLUGINS": "bundled"}), env_from=CONFIG_MAP)), (PLAIN,)),
    (
        "Lua that an unknown Kong may not know",
        make_workload(make_container({}, image="registry.example.net/ai-gateway:7")),
        (make_binding(make_spec(untrustedLua="lax")),),
    ),
    ("a sidecar beside Kong", make_workload(make_container({}, image="envoy:1"), make_container({}, name="kong")), (PLAIN,)),
    ("Kong Operator's", make_workload(make_container({}), owners={"DataPlane": "edge"}), (OVERRIDE,)),
    ("conflict", make_workload(make_container({SAMPLING_RATE: "0.5"})), (PLAIN,)),
    ("conflict with an unknown manager", make_workload(make_container({SAMPLING_RATE: "0.5"}), managers=frozenset()), (PLAIN,)),
    (
        "our value was changed",
        make_workload(make_container(WRONG_RATE), managers={INSTRUMENTATIONS: OURS, SAMPLING_RATE: HELM, UNTRUSTED_LUA: OURS}),
        (PLAIN,),
    ),
    ("from a source, even with Override", make_workload(make_container((EnvEntry(SAMPLING_RATE, None, from_source=True),))), (OVERRIDE,)),
    ("twice, even with Override", make_workload(make_container((EnvEntry(SAMPLING_RATE, "1"), EnvEntry(SAMPLING_RATE, "1")))), (OVERRIDE,)),
    (
        "taken over before",
        make_workload(managers=OURS, former=former({SAMPLING_RATE: "0.5"})),
        (OVERRIDE,),
    ),
    (
        "taken over before, Override withdrawn",
        make_workload(managers=OURS, former=former({SAMPLING_RATE: "0.5"})),
        (PLAIN,),
    ),
    ("a copied annotation", make_workload(make_container({}), former=former({SAMPLING_RATE: "0.5"})), ()),
]


def test_what_may_stand_in_a_config_map_is_set_with_override() -> None:
    workload = make_workload(replace(make_container({"KONG_PLUGINS": "bundled"}), env_from=CONFIG_MAP))

    plan = plan_settings(workload, (OVERRIDE,))

    assert (plan.action, plan.force) == ("apply", False)


@pytest.mark.parametrize(("workload", "bindings"), [pytest.param(*case[1:], id=case[0]) for case in NOTHING_TO_DO])
def test_nothing_to_do(workload: Workload, bindings: tuple[Binding, ...]) -> None:
    plan = plan_settings(workload, bindings)

    assert (plan, plan.action) == (SettingsPlan(), "nothing")


APPLIES: list[tuple[str, Workload, tuple[Binding, ...], dict[str, str]]] = [
    (
        "only what Helm does not set",
        make_workload(make_container({INSTRUMENTATIONS: "all"})),
        (PLAIN,),
        {SAMPLING_RATE: "1.0", UNTRUSTED_LUA: "on"},
    ),
    (
        "what Helm sets as well is let go",
        make_workload(managers={INSTRUMENTATIONS: OURS, SAMPLING_RATE: BOTH, UNTRUSTED_LUA: OURS}),
        (PLAIN,),
        {INSTRUMENTATIONS: "all", UNTRUSTED_LUA: "on"},
    ),
    (
        "another value of ours",
        make_workload(managers=OURS),
        (make_binding(make_spec(untrustedLua="sandbox")),),
        {**WANTED, UNTRUSTED_LUA: "sandbox"},
    ),
    (
        "sessions no longer wanted",
        make_workload(managers=OURS),
        (make_binding(make_spec(sessions="Disabled")),),
        {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"},
    ),
    (
        "a suspended binding keeps what it has",
        make_workload(make_container({SAMPLING_RATE: "1.0", UNTRUSTED_LUA: "on"}), managers=OURS),
        (make_binding(make_spec(sessions="Disabled"), name="new"), make_binding(make_spec(suspend=True), name="paused")),
        WANTED,
    ),
    (
        "an active binding changes what a suspended one would keep",
        make_workload(make_container({**WANTED, UNTRUSTED_LUA: "sandbox"}), managers=OURS),
        (make_binding(make_spec(suspend=True), name="paused"), PLAIN),
        WANTED,
    ),
    (
        "the younger loses",
        make_workload(make_container({})),
        (make_binding(created=1), make_binding(make_spec(untrustedLua="sandbox"), name="young", created=2)),
        WANTED,
    ),
    (
        "a conflict of one binding is none of another's",
        make_workload(make_container({UNTRUSTED_LUA: "off"})),
        (PLAIN, make_binding(make_spec(sessions="Disabled"), name="other")),
        {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"},
    ),
    ("an entry without value or owner", make_workload(make_container({SAMPLING_RATE: ""}), managers=frozenset()), (PLAIN,), WANTED),
    (
        "our entry was removed",
        make_workload(make_container({INSTRUMENTATIONS: "all", UNTRUSTED_LUA: "on"}), managers=OURS),
        (PLAIN,),
        WANTED,
    ),
    ("version unknown", make_workload(make_container({}, image="kong/kong-gateway:latest")), (PLAIN,), WANTED),
]


@pytest.mark.parametrize(("workload", "bindings", "expected"), [pytest.param(*case[1:], id=case[0]) for case in APPLIES])
def test_apply(workload: Workload, bindings: tuple[Binding, ...], expected: dict[str, str]) -> None:
    plan = plan_settings(workload, bindings)

    assert (written(plan), plan.force, plan.action, plan.restore) == ({"proxy": expected}, False, "apply", None)
    assert "resourceVersion" not in manifest(plan)["metadata"]


def test_bindings_of_several_containers_make_one_apply() -> None:
    workload = make_workload(make_container({}), make_container({}, name="second"))
    other = make_binding(make_spec(container="second", sessions="Disabled"), name="other")

    assert written(plan_settings(workload, (PLAIN, other))) == {"proxy": WANTED, "second": {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"}}


def test_the_order_of_bindings_does_not_matter() -> None:
    workload = make_workload(make_container({}))
    bindings = (
        PLAIN,
        make_binding(make_spec(untrustedLua="sandbox"), name="young", created=2),
        make_binding(make_spec(sessions="Disabled"), name="third"),
    )

    assert plan_settings(workload, bindings) == plan_settings(workload, reversed(bindings))


# Override


def test_override_forces_and_records_what_it_takes() -> None:
    plan = plan_settings(make_workload(make_container(WRONG_RATE)), (OVERRIDE,))

    assert (written(plan), plan.force) == ({"proxy": {SAMPLING_RATE: "1.0"}}, True)
    assert recorded(plan) == {"proxy": {SAMPLING_RATE: "0.5"}}
    assert (manifest(plan)["metadata"]["uid"], manifest(plan)["metadata"]["resourceVersion"]) == ("uid-gateway", "77")


def test_one_binding_with_override_is_enough() -> None:
    other = make_binding(make_spec(conflicts="Override"), name="other")

    assert plan_settings(make_workload(make_container(WRONG_RATE)), (PLAIN, other)).force


@pytest.mark.parametrize(
    ("env", "managers", "annotation", "expected"),
    [
        pytest.param(
            {**WRONG_RATE, UNTRUSTED_LUA: "off"}, {SAMPLING_RATE: HELM, UNTRUSTED_LUA: HELM}, None, ["0.5", "off"], id="two at once"
        ),
        pytest.param(
            {**WANTED, UNTRUSTED_LUA: "off"},
            {SAMPLING_RATE: OURS, UNTRUSTED_LUA: HELM},
            {SAMPLING_RATE: "0.5"},
            ["0.5", "off"],
            id="merged",
        ),
        pytest.param(
            WRONG_RATE | {SAMPLING_RATE: "0.7"},
            {SAMPLING_RATE: HELM},
            {SAMPLING_RATE: "0.5"},
            ["0.7", None],
            id="changed by its owner since",
        ),
        pytest.param(WRONG_RATE, {SAMPLING_RATE: BOTH}, None, ["0.5", None], id="ours as well"),
    ],
)
def test_what_override_records(
    env: dict[str, str], managers: dict[str, frozenset[str]], annotation: dict[str, str] | None, expected: list[str | None]
) -> None:
    workload = make_workload(
        make_container(env), managers={INSTRUMENTATIONS: HELM, UNTRUSTED_LUA: HELM} | managers, former=former(annotation or {})
    )

    plan = plan_settings(workload, (OVERRIDE,))

    assert expected == [recorded(plan)["proxy"].get(name) for name in (SAMPLING_RATE, UNTRUSTED_LUA)]


def test_our_own_value_is_never_recorded_as_the_former_one() -> None:
    workload = make_workload(managers=OURS, former=former({SAMPLING_RATE: "0.5"}))

    plan = plan_settings(workload, (make_binding(make_spec(conflicts="Override", untrustedLua="sandbox")),))

    assert (recorded(plan), plan.force) == ({"proxy": {SAMPLING_RATE: "0.5"}}, False)


def test_a_record_ends_with_the_entry_that_its_owner_removed() -> None:
    workload = make_workload(
        make_container({INSTRUMENTATIONS: "all", UNTRUSTED_LUA: "on"}), managers=OURS, former=former({SAMPLING_RATE: "0.5"})
    )

    assert recorded(plan_settings(workload, (OVERRIDE,))) is None


def test_a_record_ends_with_the_value_that_its_owner_changed() -> None:
    managers = {INSTRUMENTATIONS: OURS, SAMPLING_RATE: HELM, UNTRUSTED_LUA: OURS}
    workload = make_workload(make_container(WRONG_RATE), managers=managers, former=former({SAMPLING_RATE: "0.3"}))

    plan = plan_settings(workload, (PLAIN,))

    assert written(plan) == {"proxy": {INSTRUMENTATIONS: "all", UNTRUSTED_LUA: "on"}}
    assert (recorded(plan), plan.force) == (None, False)


# Restoring


def test_release_without_former_values_is_one_empty_apply() -> None:
    plan = plan_settings(make_workload(managers=OURS), ())

    metadata = {"name": "kong-gateway", "namespace": "kong", "uid": "uid-gateway"}
    assert plan == SettingsPlan({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata})
    assert plan.action == "release"


@pytest.mark.parametrize(
    "bindings",
    [
        pytest.param((make_binding(deleting=True),), id="deleted"),
        pytest.param((make_binding(namespace="ai"),), id="grant withdrawn"),
        pytest.param((make_binding(make_spec(management="Verify")),), id="now Verify"),
        pytest.param((make_binding(make_spec(targetRef={"name": "other"})),), id="now another workload"),
    ],
)
def test_release_when_nobody_counts_any_more(bindings: tuple[Binding, ...]) -> None:
    assert plan_settings(make_workload(managers=OURS), bindings).action == "release"


def test_release_restores_what_was_taken_and_deletes_the_rest_in_one_write() -> None:
    workload = make_workload(
        managers={INSTRUMENTATIONS: HELM, SAMPLING_RATE: OURS, UNTRUSTED_LUA: OURS}, former=former({SAMPLING_RATE: "0.5"})
    )

    plan = plan_settings(workload, ())

    assert restored(plan) == [{"name": SAMPLING_RATE, "value": "0.5"}, {"name": UNTRUSTED_LUA, "$patch": "delete"}]
    assert plan.restore is not None
    assert plan.restore["metadata"] == {"uid": "uid-gateway", "resourceVersion": "77"}
    assert (plan.action, plan.force, recorded(plan)) == ("release", False, None)


def test_a_part_is_given_back_while_the_rest_stays() -> None:
    workload = make_workload(managers=OURS, former=former({SAMPLING_RATE: "0.5", UNTRUSTED_LUA: "off"}))

    plan = plan_settings(workload, (make_binding(make_spec(conflicts="Override", sessions="Disabled")),))

    assert restored(plan) == [{"name": UNTRUSTED_LUA, "value": "off"}]
    assert written(plan) == {"proxy": {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"}}
    assert (recorded(plan), plan.action) == ({"proxy": {SAMPLING_RATE: "0.5"}}, "apply")


@pytest.mark.parametrize("owners", [pytest.param(HELM, id="changed since"), pytest.param(BOTH, id="set by its owner as well")])
def test_a_value_that_is_its_owners_again_is_left_alone(owners: frozenset[str]) -> None:
    workload = make_workload(
        managers={INSTRUMENTATIONS: HELM, SAMPLING_RATE: owners, UNTRUSTED_LUA: HELM}, former=former({SAMPLING_RATE: "0.5"}), borrowed=True
    )

    plan = plan_settings(workload, ())

    assert (plan.restore, plan.action) == (None, "release")


@pytest.mark.parametrize("borrowed", [pytest.param(True, id="after the patch"), pytest.param(False, id="after the apply")])
def test_release_goes_on_after_a_crash(borrowed: bool) -> None:  # noqa: FBT001
    workload = make_workload(
        make_container(WRONG_RATE),
        managers={INSTRUMENTATIONS: HELM, SAMPLING_RATE: frozenset({names.RESTORING_MANAGER})},
        former=former({SAMPLING_RATE: "0.5"}) if borrowed else None,
        borrowed=borrowed,
    )

    plan = plan_settings(workload, ())

    assert (plan.restore, plan.action) == (None, "release")


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"proxy": "0.5"}', '{"proxy": {"KONG_TRACING_SAMPLING_RATE": 0.5}}', "null"])
def test_a_spoilt_record_restores_nothing_but_gives_back(text: str) -> None:
    plan = plan_settings(make_workload(managers=OURS, former=text), ())

    assert (plan.restore, plan.action) == (None, "release")


def entry(manager: str, operation: str) -> dict[str, str]:
    return {"manager": manager, "operation": operation}


def observed(*entries: Mapping[str, str]) -> dict[str, Any]:
    return {"metadata": {"uid": "uid-gateway", "resourceVersion": "78", "managedFields": list(entries)}}


def test_the_restoring_manager_is_disowned_and_nobody_else() -> None:
    rest = [entry("helm", "Update"), entry("argocd", "Apply")]

    patch = disowning_patch(observed(rest[0], entry(names.RESTORING_MANAGER, "Update"), rest[1]))

    assert patch == {"metadata": {"uid": "uid-gateway", "resourceVersion": "78", "managedFields": rest}}


@pytest.mark.parametrize("answer", [observed(entry("helm", "Update")), observed(), {"metadata": {"uid": "u", "resourceVersion": "1"}}])
def test_nothing_to_disown(answer: dict[str, Any]) -> None:
    assert disowning_patch(answer) is None
