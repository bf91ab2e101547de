"""Conflicts with another field manager: reported, not fought; with Override the operator takes the value over and later restores it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import pytest

from devcluster.errors import ApiError
from fiddler_kong_operator.reconcile.gateway import REVERT_LIMIT
from tests.integration.arena import SETTINGS, Arena
from tests.integration.gitops import ARGO_CLIENT_SIDE, ARGO_REPLACE, ARGO_SERVER_SIDE, FLUX_HELM, FLUX_KUSTOMIZE, Way
from tests.integration.workload import INSTRUMENTATIONS, LUA, OPERATOR, RATE, Gateway

Undo = Callable[[Gateway], object]
"""Changes the settings back."""

OVERRIDE: Final = {"gateway.conflicts": "Override"}
THEIRS: Final = {RATE: "0.5", LUA: "sandbox"}


@pytest.fixture
def gateway(arena: Arena) -> Gateway:
    return Gateway(arena)


@pytest.fixture
def theirs(gateway: Gateway) -> Gateway:
    gateway.upgrade(THEIRS)
    gateway.arena.stage.cluster.wait_rolled_out(gateway.arena.namespace, gateway.name)
    return gateway


@pytest.fixture
def taken_over(theirs: Gateway) -> Gateway:
    theirs.arena.put(theirs.arena.binding(OVERRIDE))
    theirs.arena.until_ready()
    return theirs


def field(setting: str) -> str:
    return f'spec.template.spec.containers[name="proxy"].env[name="{setting}"]'


def test_a_conflict_names_field_manager_and_helm_value_and_nothing_is_written(arena: Arena, theirs: Gateway) -> None:
    arena.put(arena.binding())
    conflict = arena.until_condition("Ready", "False", "GatewaySettingConflict")

    assert conflict["message"] == (
        f"Deployment {arena.namespace}/{theirs.name}: {field(RATE)}.value is 0.5, set by manager helm; it must be 1.0. "
        f"{field(LUA)}.value is sandbox, set by manager helm; it must be on. "
        'With Helm, set env.tracing_sampling_rate: "1.0", env.untrusted_lua: "on" (chart kong) or '
        'gateway.env.tracing_sampling_rate: "1.0", gateway.env.untrusted_lua: "on" (chart ingress). '
        "Or set gateway.conflicts to Override, to have the operator take it over."
    )
    assert arena.conditions()["Stalled"]["reason"] == "GatewaySettingConflict"
    arena.until_quiet()
    assert theirs.writes() == ()


def test_a_conflict_ends_when_the_other_manager_sets_the_value(arena: Arena, theirs: Gateway) -> None:
    arena.put(arena.binding())
    arena.until_condition("Ready", "False", "GatewaySettingConflict")

    theirs.upgrade({RATE: "1.0", LUA: "on"})

    arena.until_ready()
    assert theirs.settings == SETTINGS
    assert {name: theirs.owners(name) for name in SETTINGS} == {INSTRUMENTATIONS: OPERATOR, RATE: {"helm"}, LUA: {"helm"}}


def test_override_takes_over_and_records_the_former_values(taken_over: Gateway) -> None:
    assert taken_over.settings == SETTINGS
    assert json.loads(taken_over.former or "") == {"proxy": THEIRS}
    assert {name: taken_over.owners(name) for name in SETTINGS} == dict.fromkeys(SETTINGS, OPERATOR)
    assert taken_over.codes() == [200]


def test_override_restores_values_and_their_owners(taken_over: Gateway) -> None:
    taken_over.arena.delete("FiddlerKongBinding", "assistant")

    taken_over.arena.until(lambda: taken_over.traces_of_us == [], "nothing of ours is left")
    assert taken_over.settings == THEIRS
    assert taken_over.replica_sets == 3  # initial, with Helm's values, with ours; restoring returns to the second
    taken_over.upgrade({RATE: "0.7", LUA: "off"})  # without force
    assert taken_over.settings == {RATE: "0.7", LUA: "off"}


def test_a_value_changed_since_it_was_taken_over_is_not_overwritten_by_giving_back(taken_over: Gateway) -> None:
    arena = taken_over.arena
    arena.put(arena.binding({"gateway.conflicts": "Refuse"}))
    arena.until_ready()  # the operator watches bindings and Deployments separately
    taken_over.set_env({"name": RATE, "value": "0.9"})
    message = arena.until_condition("GatewayConfigured", "False", "GatewaySettingConflict")["message"]
    assert f"{field(RATE)}.value is 0.9, set by manager kubectl-edit" in message

    arena.delete("FiddlerKongBinding", "assistant")

    arena.until(lambda: taken_over.traces_of_us == [], "nothing of ours is left")
    assert taken_over.settings == {RATE: "0.9", LUA: "sandbox"}


def test_override_of_one_binding_is_kept_when_it_is_withdrawn(taken_over: Gateway) -> None:
    arena, mark = taken_over.arena, taken_over.arena.mark()

    arena.put(arena.binding({"gateway.conflicts": "Refuse"}))
    arena.until_ready()
    arena.until_quiet()

    assert taken_over.writes(mark) == ()
    assert taken_over.settings == SETTINGS


def keep_writing(way: Way, env: Mapping[str, str]) -> Undo:
    """The tool writes the gateway as it is in Git."""
    return lambda gateway: way.write(gateway.arena, gateway.arena.gateway(env=env))


def keep_removing(gateway: Gateway) -> None:
    gateway.drop()


def fight(gateway: Gateway, undo: Undo) -> None:
    """Remove the settings each time the operator sets them, until it gives up."""

    def given_up() -> bool:
        if gateway.settings == SETTINGS:
            undo(gateway)
        return gateway.arena.conditions().get("Ready", {}).get("reason") == "GatewaySettingsReverted"

    gateway.arena.until(given_up, "the operator gives up")


FIGHTS: Final[Mapping[str, tuple[dict[str, str], Undo, str]]] = {
    "Argo CD, client-side": (OVERRIDE, keep_writing(ARGO_CLIENT_SIDE, THEIRS), "argocd-controller"),
    "Argo CD, server-side": (OVERRIDE, keep_writing(ARGO_SERVER_SIDE, THEIRS), "argocd-controller"),
    "Argo CD, Replace": ({}, keep_writing(ARGO_REPLACE, {}), "a client that removes them"),
    "Flux, Kustomization": (OVERRIDE, keep_writing(FLUX_KUSTOMIZE, THEIRS), "kustomize-controller"),
    "Flux, HelmRelease": (OVERRIDE, keep_writing(FLUX_HELM, THEIRS), "helm-controller"),
    "a person": ({}, keep_removing, "a client that removes them"),
}
"""The binding, how its settings are changed back, and who is named for it."""


ON_EVERY_CHANGE: Final = ("Argo CD, server-side", "Flux, HelmRelease", "a person")


@pytest.mark.parametrize(
    ("changes", "undo", "who"),
    [pytest.param(*row, id=name, marks=() if name in ON_EVERY_CHANGE else pytest.mark.exhaustive) for name, row in FIGHTS.items()],
)
def test_the_operator_stops_after_a_few_reverts_by_another_client(gateway: Gateway, changes: dict[str, str], undo: Undo, who: str) -> None:
    arena = gateway.arena
    arena.put(arena.binding(changes))

    fight(gateway, undo)

    message = arena.conditions()["Stalled"]["message"]
    assert f"Deployment {arena.namespace}/kong-gateway was written {REVERT_LIMIT} times" in message
    assert f"changed back each time by {who}" in message
    for helm_value in ("env.tracing_instrumentations", "env.tracing_sampling_rate", "env.untrusted_lua"):
        assert helm_value in message
    arena.until_quiet()
    assert gateway.codes() == [200] * REVERT_LIMIT


def test_after_giving_up_the_right_values_make_the_binding_ready(gateway: Gateway) -> None:
    arena = gateway.arena
    arena.put(arena.binding())

    fight(gateway, keep_removing)

    gateway.upgrade(SETTINGS)

    arena.until_ready()


def test_a_forced_value_of_the_other_manager_is_a_conflict_and_no_fight(arena: Arena, gateway: Gateway) -> None:
    arena.put(arena.binding())
    arena.until_ready()

    gateway.upgrade({RATE: "0.5"}, "argocd", force=True)

    message = arena.until_condition("Ready", "False", "GatewaySettingConflict")["message"]
    assert f"{field(RATE)}.value is 0.5, set by manager argocd" in message
    arena.until_quiet()
    assert gateway.settings[RATE] == "0.5"
    with pytest.raises(ApiError, match="fiddler-kong-operator"):
        gateway.upgrade({LUA: "off"})  # the other two are still ours
