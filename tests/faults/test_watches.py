"""The operator catches up on events that it missed: watches fall silent, drop events, break or end at once; lists are stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.faults import scenarios
from tests.faults.ground import Ground, World
from tests.faults.scenarios import given_back, ready
from tests.faults.script import EndAtOnce, Rule, Silence, StaleList, Withhold, watches
from tests.faults.targets import attaching, target, users_plugin
from tests.integration.arena import SETTINGS

pytestmark = pytest.mark.exhaustive

ATTEMPTS: Final = 5
SHORTEST_PAUSE: Final = 0.2
"""Average seconds between two attempts; a shorter pause is a storm."""

Step = Callable[[Ground], None]
Holds = Callable[[Ground], bool]


@pytest.fixture
def ground(world: World) -> Iterator[Ground]:
    with world.ground() as ground:
        yield ground


def undo_settings(ground: Ground) -> None:
    """A user removes one of the settings."""
    gateway = ground.existing("Deployment", "kong-gateway")
    container = gateway["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [entry for entry in container["env"] if entry["name"] != "KONG_UNTRUSTED_LUA"]
    path = f"/apis/apps/v1/namespaces/{ground.namespace}/deployments/kong-gateway"
    ground.stage.cluster.api.request("PUT", path, gateway)


def attached(ground: Ground) -> None:
    ground.put(users_plugin(ground, "rate-limiting", "rate-limit"), target(ground, "Service"), attaching(ground, "Service"))
    ground.until_ready()
    ground.until_quiet(1.0)


def clear_list(ground: Ground) -> None:
    """A user removes every plugin from their Service."""
    ground.patch("Service", "chat", {"metadata": {"annotations": {"konghq.com/plugins": None}}})


def listed(ground: Ground) -> bool:
    annotations = ground.existing("Service", "chat")["metadata"].get("annotations") or {}
    return "assistant-opentelemetry" in annotations.get("konghq.com/plugins", "")


def delete_ingress(ground: Ground) -> None:
    ground.delete("Ingress", "assistant-openai")


def rotate(ground: Ground) -> None:
    ground.put(ground.secret("openai", "sk-rotated-0123456789abcdef"))


def delete_plugin(ground: Ground) -> None:
    ground.delete("KongPlugin", "assistant-opentelemetry")


CHANGES: Final[dict[str, tuple[Step, Step, Holds]]] = {
    "secrets": (ready, rotate, scenarios.rotated),
    "kongplugins": (ready, delete_plugin, lambda ground: ground.get("KongPlugin", "assistant-opentelemetry") is not None),
    "services": (attached, clear_list, listed),
    "ingresses": (ready, delete_ingress, lambda ground: ground.get("Ingress", "assistant-openai") is not None),
    "deployments": (ready, undo_settings, lambda ground: ground.settings() == SETTINGS),
    "fiddlerkongbindings": (ready, scenarios.delete, given_back),
}
"""By resource: the preparation, a user's action on an object of it, and the condition that shows the operator's reaction."""


def unnoticed(ground: Ground, act: Step, noticed: Holds) -> None:
    """Do something that the operator's watch does not report."""
    act(ground)
    ground.until_quiet(1.0)
    assert not noticed(ground)


@pytest.mark.parametrize("resource", list(CHANGES))
def test_changes_missed_by_a_silent_watch_are_noticed_when_its_connection_breaks(ground: Ground, resource: str) -> None:
    prepare, act, noticed = CHANGES[resource]
    prepare(ground)
    ground.script.add(Rule(watches(resource), Silence(), times=None))
    unnoticed(ground, act, noticed)

    ground.script.clear()
    ground.end_watches()

    ground.until(lambda: noticed(ground), f"the change of {resource}")
    ground.until_quiet()


@pytest.mark.parametrize("resource", list(CHANGES))
def test_events_dropped_before_a_version_expired_are_noticed(ground: Ground, resource: str) -> None:
    prepare, act, noticed = CHANGES[resource]
    prepare(ground)
    ground.script.add(Rule(watches(resource), Withhold(), times=None))
    unnoticed(ground, act, noticed)

    ground.script.clear()
    ground.end_watches(resource, error=410)

    ground.until(lambda: noticed(ground), f"the change of {resource}")
    ground.until_quiet()


@pytest.mark.parametrize("resource", ["fiddlerkongbindings", "secrets", "deployments"])
def test_an_error_event_ends_in_a_working_watch(ground: Ground, resource: str) -> None:
    ready(ground)
    ground.end_watches(resource, error=500)

    ground.put(ground.binding({"routes.0.llm.model": "gpt-4o"}))

    ground.until_ready()
    rotate(ground)
    ground.until(lambda: scenarios.rotated(ground), "the rotated key")
    ground.until_quiet()


@pytest.mark.parametrize("resource", ["fiddlerkongbindings", "secrets"])
def test_a_server_that_ends_every_watch_at_once_is_not_stormed(ground: Ground, resource: str) -> None:
    ready(ground)
    ground.script.add(Rule(watches(resource), EndAtOnce(), times=None))
    before = len(ground.proxy.watches(resource))
    ground.end_watches()
    ground.until(lambda: len(ground.proxy.watches(resource)) >= before + ATTEMPTS, "the attempts")

    first, *_, last = ground.proxy.watches(resource)[before : before + ATTEMPTS]

    assert last - first > ATTEMPTS * SHORTEST_PAUSE
    ground.script.clear()
    ground.put(ground.binding({"payloads": "Disabled"}))
    ground.until_ready()


@pytest.mark.parametrize("resource", list(CHANGES))
def test_a_restart_on_lists_from_before_the_binding_ends_in_the_same_state(ground: Ground, resource: str) -> None:
    ready(ground)
    before = ground.state()
    ground.script.add(Rule(lambda call: call.verb == "list" and call.resource == resource, StaleList(), times=None))

    ground.pod.kill()
    ground.until(lambda: len(ground.pod.exit_codes) > 0, "the restart")
    ground.until_quiet(3.0)

    assert ground.state() == before
