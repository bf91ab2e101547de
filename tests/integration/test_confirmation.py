"""A route is Ready when Kong's controller has confirmed it, and what keeps Kong from it is named."""

from __future__ import annotations

from tests.integration.arena import Arena
from tests.integration.targets import attached_binding, foreign_plugin, ingress, service


def test_a_route_is_confirmed_by_the_address_of_its_ingress(arena: Arena) -> None:
    arena.put(arena.binding())

    arena.until_ready()
    arena.until(lambda: arena.conditions()["PluginsProgrammed"]["message"].endswith("Kong has taken the routes."), "the confirmation")
    assert arena.existing("Ingress", "assistant-openai")["status"]["loadBalancer"]["ingress"]
    arena.until_quiet()


def test_a_binding_waits_while_another_object_freezes_the_gateway_and_names_it(refusing_arena: Arena) -> None:
    arena = refusing_arena
    arena.put(service(arena, "shop"), ingress(arena, "shop", backend="shop"))
    arena.until(lambda: bool((arena.existing("Ingress", "shop").get("status") or {}).get("loadBalancer")), "an address in this class")
    before = arena.stage.gateway.refused_pushes
    arena.put(foreign_plugin(arena, "limits", "opentelemetry", {"colour": "blue"}), ingress(arena, "frozen", "limits", backend="shop"))
    arena.until(lambda: arena.stage.gateway.refused_pushes > before, "a frozen gateway")

    arena.put(arena.binding())

    arena.until_condition("Ready", "Unknown", "KongNotConfirmed")
    arena.until(
        lambda: f"an Event about KongPlugin {arena.namespace}/limits says why" in arena.conditions()["Ready"]["message"],
        "the name of the object that freezes the gateway",
    )

    arena.delete("Ingress", "frozen")
    arena.until_ready()


def test_a_change_is_not_confirmed_to_an_attached_binding_while_another_object_freezes_the_gateway(refusing_arena: Arena) -> None:
    arena = refusing_arena
    before = arena.stage.gateway.refused_pushes
    arena.put(service(arena, "shop"), ingress(arena, "shop", backend="shop"))
    arena.put(foreign_plugin(arena, "limits", "opentelemetry", {"colour": "blue"}), ingress(arena, "frozen", "limits", backend="shop"))
    arena.until(lambda: arena.stage.gateway.refused_pushes > before, "a frozen gateway")

    arena.put(attached_binding(arena, target="shop"))

    arena.until_condition("Ready", "Unknown", "KongNotConfirmed")
    arena.until(
        lambda: f"an Event about KongPlugin {arena.namespace}/limits says why" in arena.conditions()["Ready"]["message"],
        "the name of the object that freezes the gateway",
    )

    arena.delete("Ingress", "frozen")
    arena.until_ready()
