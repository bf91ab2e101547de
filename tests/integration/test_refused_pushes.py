"""Kong refuses its whole configuration: the operator reports this in Kong's own words, and names the object that is to blame."""

from __future__ import annotations

from typing import Final

from tests.integration.arena import Arena
from tests.integration.diagnoses import diagnosed
from tests.integration.targets import ANNOTATION, TYPES, attached_binding, foreign_plugin, ingress, service

AI_METRICS: Final = {"op": "add", "path": "/metrics/enable_ai_metrics", "value": True}
NONSENSE: Final = {"overrides": [{"plugin": "opentelemetry", "patch": [AI_METRICS]}]}


def test_a_plugin_on_a_consumer_is_mentioned(refusing_arena: Arena) -> None:
    """On a gateway of its own: consumers concern every binding of their class."""
    arena = refusing_arena
    alice = arena.manifest("configuration.konghq.com/v1", "KongConsumer", "alice", username=f"alice-{arena.namespace}")
    alice["metadata"]["annotations"] = {ANNOTATION: "theirs", "kubernetes.io/ingress.class": "kong"}
    arena.put(foreign_plugin(arena, "theirs", "opentelemetry"), alice, arena.binding())

    accepted = arena.until_condition("Accepted", "True", "ShadowedPlugin")

    assert f"KongConsumer {arena.namespace}/alice (theirs, opentelemetry)" in accepted["message"]
    arena.until_pushed(lambda pushed: any(place.startswith("consumer ") for _, place in pushed.attached()), "their plugin on the consumer")

    arena.delete("KongConsumer", "alice")

    arena.until_condition("Accepted", "True", "Accepted")


def test_kongs_refusal_is_reported_in_its_own_words_until_it_is_repaired(refusing_arena: Arena) -> None:
    arena = refusing_arena
    arena.put(arena.binding(NONSENSE))

    refused = arena.until_condition("PluginsProgrammed", "False", "KongRefused")

    plugin = f"KongPlugin {arena.namespace}/assistant-opentelemetry"
    assert refused["message"].startswith(f"Kong refused {plugin}: ")
    assert "metrics" in refused["message"]
    assert "unknown field" in refused["message"]
    assert arena.conditions()["Stalled"]["reason"] == "KongRefused"
    assert arena.existing("FiddlerKongBinding", "assistant")["status"]["routes"] == "0/1"
    assert "KongRefused" in diagnosed(arena)

    arena.put(arena.binding())

    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == list(TYPES), "our plugins")


def test_a_plugin_edited_by_hand_is_repaired_after_a_refusal(refusing_arena: Arena) -> None:
    arena = refusing_arena
    arena.put(arena.binding())
    arena.until_ready()

    arena.patch("KongPlugin", "assistant-opentelemetry", {"config": {"colour": "blue"}})

    arena.until(lambda: "colour" not in arena.existing("KongPlugin", "assistant-opentelemetry")["config"], "our configuration again")
    arena.until_pushed(lambda pushed: pushed.types() == list(TYPES), "our plugins")
    arena.until_ready()


def test_another_bindings_refusal_is_not_reported_on_this_one(refusing_arena: Arena) -> None:
    arena = refusing_arena
    arena.put(arena.binding({**NONSENSE, "routes.0.expose.path": f"/{arena.namespace}/broken"}, "broken"), arena.binding())

    arena.until_condition("PluginsProgrammed", "False", "KongRefused", "broken")

    arena.until_ready()


def test_a_list_of_others_that_freezes_the_gateway_is_named_until_it_is_mended(refusing_arena: Arena) -> None:
    arena = refusing_arena
    twice = ingress(arena, plugins="cors,cors")
    arena.put(foreign_plugin(arena, "cors"), service(arena), twice)
    refused = arena.stage.gateway.refused_pushes
    arena.put(arena.binding())

    frozen = arena.until_condition("PluginsProgrammed", "False", "GatewayFrozen")

    assert f"Ingress {arena.namespace}/llm has cors twice in its annotation konghq.com/plugins" in frozen["message"]
    arena.until(lambda: arena.stage.gateway.refused_pushes > refused, "Kong's refusal")

    arena.put(ingress(arena, plugins="cors"))

    arena.until_ready()


def freeze(arena: Arena) -> None:
    """Let Kong refuse its configuration because of a foreign plugin on an Ingress."""
    before = arena.stage.gateway.refused_pushes
    arena.put(foreign_plugin(arena, "limits", "opentelemetry", {"colour": "blue"}), ingress(arena, "frozen", "limits", backend="shop"))
    arena.until(lambda: arena.stage.gateway.refused_pushes > before, "a frozen gateway")


def until_named_then_thaw(arena: Arena) -> None:
    """The binding waits, and names the plugin; it becomes Ready when the Ingress is gone."""
    arena.until_condition("Ready", "Unknown", "KongNotConfirmed")
    arena.until(
        lambda: f"an Event about KongPlugin {arena.namespace}/limits says why" in arena.conditions()["Ready"]["message"],
        "the name of the object that freezes the gateway",
    )

    arena.delete("Ingress", "frozen")
    arena.until_ready()


def test_a_binding_waits_while_another_object_freezes_the_gateway_and_names_it(refusing_arena: Arena) -> None:
    arena = refusing_arena
    arena.put(service(arena, "shop"), ingress(arena, "shop", backend="shop"))
    arena.until(lambda: bool((arena.existing("Ingress", "shop").get("status") or {}).get("loadBalancer")), "an address in this class")
    freeze(arena)

    arena.put(arena.binding())

    until_named_then_thaw(arena)


def test_a_change_is_not_confirmed_to_an_attached_binding_while_another_object_freezes_the_gateway(refusing_arena: Arena) -> None:
    arena = refusing_arena
    arena.put(service(arena, "shop"), ingress(arena, "shop", backend="shop"))
    freeze(arena)

    arena.put(attached_binding(arena, target="shop"))

    until_named_then_thaw(arena)
