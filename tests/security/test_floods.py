"""Hostile Events, statuses and deeply nested objects: the operator keeps running, the status stays bounded, the log is not forged."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from devcluster.ports import LOOPBACK
from tests.integration.arena import SETTINGS, Arena, Manifest

FORGED: Final = "x\x1b[31m\x9b0m\r\n2026-01-01T00:00:00.000Z ERROR   forged: all is lost\u2028\u202e\x00"
ABYSS: Final = 9_000
"""Levels of nesting; the API server accepts up to 10,000."""


def warning(arena: Arena, name: str, message: str, moment: str = "2026-01-01T00:00:00Z") -> Manifest:
    """A Warning Event in the form of Kong Ingress Controller's, about one of our plugins."""
    about = {"apiVersion": "configuration.konghq.com/v1", "kind": "KongPlugin", "name": "assistant-opentelemetry"}
    content = {"type": "Warning", "reason": "KongConfigurationTranslationFailed", "message": message, "count": 1}
    times = {"firstTimestamp": moment, "lastTimestamp": moment, "source": {"component": "kong-client"}}
    return arena.manifest("v1", "Event", name, involvedObject=about | {"namespace": arena.namespace}, **content, **times)


def insist(arena: Arena, name: str) -> None:
    """Repeat an Event, as Kong's controller does, until the binding shows it."""

    def shown() -> bool:
        arena.patch("Event", name, {"count": arena.existing("Event", name)["count"] + 1})
        return bool(arena.conditions()["Ready"]["reason"] == "KongTranslationFailed")

    arena.until(shown, "the warning in the status")


def nested(manifest: Manifest) -> str:
    """JSON of a manifest with a deeply nested value in place of `@`."""
    return json.dumps(manifest).replace('"@"', "[" * ABYSS + "]" * ABYSS)


def send(arena: Arena, kind: str, text: str) -> int:
    """Create an object from JSON that Python's encoder cannot write; returns the HTTP status."""
    api = arena.stage.cluster.api
    connection = http.client.HTTPSConnection(LOOPBACK, api.port, timeout=30, context=api.trust)
    try:
        connection.request("POST", arena.path(kind), text, {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    return arena


@pytest.fixture
def deep(arena: Arena) -> Iterator[Arena]:
    """An arena whose deep objects are deleted before other code reads it."""
    yield arena
    arena.stage.cluster.kubectl("-n", arena.namespace, "delete", "--ignore-not-found", "kongplugin/deep", "fkb/deep")


def lives(arena: Arena) -> None:
    """Check that the operator works: a further binding becomes Ready."""
    arena.put(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/proof"}, "proof"))
    arena.until_ready("proof")


def message(arena: Arena, name: str) -> str:
    """The message of Ready of a binding that Python cannot parse."""
    path = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}'
    return arena.stage.cluster.kubectl("-n", arena.namespace, "get", "fkb", name, "-o", path)


def test_a_value_nested_ten_thousand_deep_hides_no_other_object(deep: Arena) -> None:
    """Seen: Python's parser fails at a thousand levels, and with it the watch of every tenant's plugins, again after each restart."""
    plugin = deep.manifest("configuration.konghq.com/v1", "KongPlugin", "deep", plugin="cors", config={"a": "@"})
    patch = [{"op": "add", "path": "/queue", "value": "@"}]
    binding = deep.binding({"overrides": [{"plugin": "opentelemetry", "patch": patch}], "routes.0.expose.path": "/deep"}, "deep")

    statuses = [send(deep, "KongPlugin", nested(plugin)), send(deep, "FiddlerKongBinding", nested(binding))]

    assert statuses == [201, 201]
    lives(deep)
    deep.until(lambda: "nested at most 8 levels" in message(deep, "deep"), "a message about the depth")


@pytest.mark.parametrize("moment", ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_event_from_the_beginning_or_the_end_of_time_is_judged_by_when_it_was_stored(ready: Arena, moment: str) -> None:
    """Seen: Python has no year 0, and one such Event ended the operator, again after each restart."""
    ready.create(warning(ready, "untimely", "x", moment))

    insist(ready, "untimely")
    lives(ready)
    ready.delete("Event", "untimely")
    ready.until_ready()


def test_a_long_message_with_control_characters_is_shown_short_and_plain(ready: Arena) -> None:
    ready.create(warning(ready, "forged", FORGED + "y" * 900_000))

    insist(ready, "forged")
    message = ready.conditions()["Ready"]["message"]

    assert message.isprintable()
    assert len(message) <= 4096
    assert [line for line in ready.operator.log.splitlines() if line.startswith("2026-01-01T00:00:00.000Z")] == []
    ready.delete("Event", "forged")
    ready.until_ready()


def test_a_flood_of_warnings_causes_few_writes_and_blocks_no_neighbour(ready: Arena, neighbour: Arena) -> None:
    mark = ready.mark()
    for number in range(200):
        ready.create(warning(ready, f"flood-{number}", f"flood {number}"))
    neighbour.put(neighbour.binding())

    neighbour.until_ready()
    assert len([write for write in ready.writes(mark) if write.namespace == ready.namespace]) < 50


def forge(arena: Arena, *types: str) -> None:
    """Overwrite the status alone: these conditions are true, with the longest messages that the schema takes."""
    fields = {"status": "True", "reason": "Forged", "observedGeneration": 1, "lastTransitionTime": "2026-11-24T00:00:00Z"}
    conditions = [{"type": kind, "message": "z" * 4096, **fields} for kind in types]
    body: dict[str, Any] = {"status": {"conditions": conditions, "routes": "99/1"}}
    path = f"{arena.path('FiddlerKongBinding', 'assistant')}/status"
    arena.stage.cluster.api.request("PATCH", path, body, "application/merge-patch+json")


def reported(arena: Arena) -> dict[str, Any]:
    """The status but for the times at which conditions changed: these may be the forger's."""
    status: dict[str, Any] = arena.existing("FiddlerKongBinding", "assistant")["status"]
    plain = [{name: value for name, value in c.items() if name != "lastTransitionTime"} for c in status["conditions"]]
    return {**status, "conditions": sorted(plain, key=lambda condition: str(condition["type"]))}


def test_a_forged_status_is_repaired(ready: Arena) -> None:
    ready.until_quiet()  # Kong's confirmation may come after Ready
    before = reported(ready)

    forge(ready, "Ready", "Accepted", *(f"Forged{number}" for number in range(8)))

    ready.until(lambda: reported(ready) == before, "the status as it was before")
    ready.until_quiet()
    assert reported(ready) == before


def test_a_broken_binding_that_is_forged_to_be_ready_is_not_ready_again(ready: Arena) -> None:
    ready.put(ready.binding({"fiddler.apiKeySecretRef.name": "absent"}))
    ready.until_condition("Ready", "False", "SecretNotFound")

    forge(ready, "Ready")

    ready.until_condition("Ready", "False", "SecretNotFound")


def test_a_gateway_with_a_hostile_image_does_not_keep_the_status_from_being_written(arena: Arena) -> None:
    arena.put(arena.gateway(image=f"registry.example/{'x' * 3000}:3.13.0.3"), arena.binding())

    arena.until(lambda: bool(arena.conditions()), "a status")

    arena.put(arena.gateway(env=SETTINGS))
    arena.until_ready()
