"""Workloads of others: without a grant, with a grant for a similar name, with a revoked grant."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator import names
from tests.integration.arena import SETTINGS, Arena
from tests.integration.children import children


def targeting(arena: Arena, owner: Arena) -> dict[str, Any]:
    return arena.binding({"gateway.targetRef": {"namespace": owner.namespace, "name": "kong-gateway"}})


def grant(owner: Arena, value: str | None) -> None:
    owner.patch("Deployment", "kong-gateway", {"metadata": {"annotations": {names.GRANT_ANNOTATION: value}}})


def shown(arena: Arena) -> list[str]:
    """The gateway's facts in the status."""
    status = arena.existing("FiddlerKongBinding", "assistant")["status"]
    return [str(status.get("gateway") or ""), *(c["message"] for c in status["conditions"])]


LOOK_ALIKES: Final = (
    "",
    " ",
    "{0}x",
    "x{0}",
    "{1}",
    "{0}/",
    "{0}.svc",
    "{0} default",
    "{0};default",
    "{0}\u200b",
    "\u202e{0}",
    "-{0}",
    "!{0}",
    "**",
    "*x",
    ".*",
    "['{0}']",
    "\uff0a",
)


def test_nothing_but_the_namespaces_own_name_is_a_grant(arena: Arena, neighbour: Arena) -> None:
    neighbour.put(neighbour.gateway())
    arena.put(targeting(arena, neighbour))
    arena.until_condition("Accepted", "False", "GatewayNotGranted")
    arena.until_quiet()
    mark = arena.mark()

    for text in LOOK_ALIKES:
        grant(neighbour, text.format(arena.namespace, arena.namespace.upper()))
    arena.until_quiet()

    assert [str(write) for write in arena.writes(mark) if write.namespace in {arena.namespace, neighbour.namespace}] == []
    assert (neighbour.settings(), children(arena)) == ({}, {})


def test_without_a_grant_nothing_of_the_workload_is_shown(arena: Arena, neighbour: Arena) -> None:
    image = "registry.example/secret-project/kong-gateway:3.13.0.3"
    neighbour.put(neighbour.gateway(image, env={"KONG_PG_PASSWORD": "a-password", "KONG_UNTRUSTED_LUA": "off"}))
    arena.put(targeting(arena, neighbour))

    arena.until_condition("Accepted", "False", "GatewayNotGranted")

    secrets = ("secret-project", "a-password", "3.13", "KONG_")
    assert [text for text in shown(arena) if any(secret in text for secret in secrets)] == []


def test_a_grant_that_is_taken_back_takes_the_settings_and_the_sight_with_it(arena: Arena, neighbour: Arena) -> None:
    neighbour.put(neighbour.gateway())
    grant(neighbour, f" another , {arena.namespace} ,")
    arena.put(targeting(arena, neighbour))
    arena.until_ready()
    assert neighbour.settings() == SETTINGS

    grant(neighbour, None)

    arena.until_condition("Accepted", "False", "GatewayNotGranted")
    arena.until(lambda: neighbour.settings() == {}, "the removal of the settings")
    assert [text for text in shown(arena) if "3.13" in text] == []
