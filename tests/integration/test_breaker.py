"""The operator reverts at once the changes that Kong refuses: the gateway takes other changes again without a person."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from devcluster.gateway.admin import Fault
from tests.integration.arena import Arena
from tests.integration.targets import attached_binding, ingress, listed, service

SYNC: Final = 3.0
"""Seconds between two pushes of Kong's controller, as Kong delivers it."""

ODD: Final = 0.123
TYPES: Final = ["ai-proxy", "opentelemetry", "pre-function"]
OTHERS: Final = ["ai-proxy", "pre-function"]


def odd(kind: str, field: str) -> dict[str, Any]:
    """A binding with a value that passes every check, and that this Kong refuses all the same."""
    return {"overrides": [{"plugin": kind, "patch": [{"op": "add", "path": field, "value": ODD}]}]}


OPENTELEMETRY: Final = odd("opentelemetry", "/sampling_rate")
AI_PROXY: Final = odd("ai-proxy", "/model/options/input_cost")


def refuses_odd_values(_kind: str, entity: Mapping[str, Any]) -> dict[str, Any]:
    config = entity.get("config") or {}
    cost = ((config.get("model") or {}).get("options") or {}).get("input_cost")
    return {"config": {"name": "not with this Kong"}} if ODD in (config.get("sampling_rate"), cost) else {}


@pytest.fixture
def strict_arena(refusing_arena: Arena) -> Iterator[Arena]:
    fault: Fault = refuses_odd_values
    refusing_arena.stage.gateway.set_fault(fault)
    yield refusing_arena
    refusing_arena.stage.gateway.set_fault(lambda *_: {})


def refusals(arena: Arena) -> int:
    return arena.stage.gateway.refused_pushes


def break_(arena: Arena, changes: dict[str, Any]) -> None:
    """Change a binding that is Ready so that Kong refuses it; returns after the first refused push."""
    before = refusals(arena)
    arena.put(arena.binding(changes))
    arena.until(lambda: refusals(arena) > before, "a refused push")


def test_a_strangers_new_route_reaches_kong_within_two_syncs_of_the_fault(strict_arena: Arena) -> None:
    arena = strict_arena
    arena.put(arena.binding())
    arena.until_ready()

    break_(arena, OPENTELEMETRY)
    fault = time.monotonic()
    arena.put(service(arena, "stranger"), ingress(arena, "stranger", backend="stranger"))

    arena.until_pushed(lambda pushed: any(".stranger." in route["name"] for route in pushed.routes), "the stranger's route")
    assert time.monotonic() - fault < 2 * SYNC
    arena.until_pushed(lambda pushed: pushed.types() == OTHERS, "what Kong did not refuse")
    refused = arena.until_condition("PluginsProgrammed", "False", "KongRefused")
    assert f"Kong refused KongPlugin {arena.namespace}/assistant-opentelemetry: " in refused["message"]
    assert "not with this Kong" in refused["message"]
    assert arena.conditions()["Stalled"]["reason"] == "KongRefused"


def test_it_stays_taken_back_without_a_write_also_after_a_restart_until_the_spec_changes(strict_arena: Arena) -> None:
    arena = strict_arena
    arena.put(arena.binding(OPENTELEMETRY))
    before = arena.until_condition("PluginsProgrammed", "False", "KongRefused")
    arena.until_quiet()
    refused, mark = refusals(arena), arena.mark()

    arena.operator.stop()
    arena.operator.start()
    arena.until_quiet(2 * SYNC)

    assert (refusals(arena), arena.conditions()["PluginsProgrammed"]) == (refused, before)
    assert [str(write) for write in arena.writes(mark) if write.namespace == arena.namespace] == []

    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == TYPES, "our plugins")


def test_a_route_without_its_ai_proxy_is_not_served(strict_arena: Arena) -> None:
    """Kong would hand the clients' calls to the provider as they are."""
    arena = strict_arena
    arena.put(arena.binding())
    arena.until_ready()

    break_(arena, AI_PROXY)

    arena.until_gone("Ingress", "assistant-openai")
    arena.until_gone("Service", "assistant-openai")
    arena.until_pushed(lambda pushed: pushed.routes == (), "no route of ours")
    arena.until_condition("Ready", "False", "KongRefused")

    arena.put(arena.binding())
    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == TYPES, "our plugins")


def test_what_is_attached_to_a_users_service_leaves_its_list_and_a_new_attempt_can_be_asked_for(strict_arena: Arena) -> None:
    arena = strict_arena
    arena.put(service(arena), ingress(arena))
    arena.put(attached_binding(arena, changes=OPENTELEMETRY))

    arena.until_condition("Ready", "False", "KongRefused")
    assert listed(arena) == "assistant-openai-ai-proxy,assistant-pre-function"
    arena.until_pushed(lambda pushed: pushed.types() == OTHERS, "what Kong did not refuse")

    arena.stage.gateway.set_fault(lambda *_: {})
    arena.put(attached_binding(arena, changes=OPENTELEMETRY | {"suspend": True}))
    arena.until_condition("Ready", "Unknown", "Suspended")
    arena.put(attached_binding(arena, changes=OPENTELEMETRY | {"suspend": False}))

    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == TYPES, "our plugins")
