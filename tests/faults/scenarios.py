"""Events in the life of bindings, as data: the preparation, the user's action, and the condition that shows the operator's reaction.

After `act`, the operator may be killed at each of its writes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.ground import OTHER_CLASS, Ground
from tests.faults.targets import attaching, target, users_plugin
from tests.integration.arena import SETTINGS

__all__ = ["SCENARIOS", "Scenario"]

Step = Callable[[Ground], None]
Holds = Callable[[Ground], bool]


def ready(ground: Ground) -> None:
    """A binding that is Ready, at rest."""
    ground.put(ground.binding())
    ground.until_ready()
    ground.until_quiet(1.0)


@dataclass(frozen=True)
class Scenario:
    """One event."""

    name: str
    act: Step
    done: Holds
    prepare: Step = ready
    """Play it undisturbed, with the operator running."""
    passing: int = 1
    """Number of passing states, each with a status and an Event, that a run may report and the undisturbed run did not."""


def nothing(_ground: Ground) -> None:
    """No preparation."""


def gone(ground: Ground, name: str = "assistant") -> bool:
    """Whether the binding and everything it owned are deleted."""
    owned = (k for k in ground.state() if k.split()[1].startswith(f"{name}-"))
    return ground.get("FiddlerKongBinding", name) is None and not any(owned)


def given_back(ground: Ground) -> bool:
    """Whether the last binding is deleted and the gateway is as before."""
    return gone(ground) and ground.settings() == {} and ground.rolled_out()


def change(name: str, changes: Mapping[str, Any], reason: str = "Ready") -> Scenario:
    """The user applies the binding with other values; Ready must end with `reason`."""
    return Scenario(name, lambda ground: ground.put(ground.binding(changes)), lambda ground: ground.reason() == reason)


# Creation and deletion


def delete(ground: Ground) -> None:
    ground.delete("FiddlerKongBinding", "assistant")


def create_again(ground: Ground) -> None:
    delete(ground)
    ground.put(ground.binding({"payloads": "Disabled"}))


def delete_namespace(ground: Ground) -> None:
    ground.stage.cluster.api.request("DELETE", f"/api/v1/namespaces/{ground.namespace}")


def namespace_gone(ground: Ground) -> bool:
    return ground.stage.cluster.api.get(f"/api/v1/namespaces/{ground.namespace}") is None


def without_key(ground: Ground) -> None:
    ground.delete("Secret", "openai")
    ground.put(ground.binding())
    ground.until(lambda: ground.reason() == "SecretNotFound", "the missing Secret")
    ground.until(lambda: "create events SecretNotFound" in map(str, ground.proxy.effective_writes()), "its Event")
    ground.until_quiet(1.0)


def bring_key(ground: Ground) -> None:
    ground.put(ground.secret("openai", ground.stage.keys.provider))


# Keys


def rotate(name: str) -> Step:
    return lambda ground: ground.put(ground.secret(name, "sk-rotated-0123456789abcdef"))


def rotated(ground: Ground) -> bool:
    """Whether Kong gets the new keys. The probe refuses a wrong Fiddler key; a provider's key is not checked."""
    data = ground.existing("Secret", "assistant-kong-keys")["data"].values()
    return any(b"sk-rotated" in base64.b64decode(value) for value in data) and ground.reason() in {"Ready", "Unauthorized"}


# A user's Service or Ingress


def targets_of(kind: str) -> Step:
    def prepare(ground: Ground) -> None:
        ground.put(users_plugin(ground, "rate-limiting", "rate-limit"), target(ground, "Service"))
        if kind == "Ingress":
            ground.put(target(ground, "Ingress"))

    return prepare


def attached_to(kind: str) -> Step:
    def prepare(ground: Ground) -> None:
        targets_of(kind)(ground)
        ground.put(target(ground, "Service", "other", plugins=""), attaching(ground, kind))
        ground.until_ready()
        ground.until_quiet(1.0)

    return prepare


def attach(kind: str) -> Step:
    return lambda ground: ground.put(attaching(ground, kind))


def detached(ground: Ground) -> bool:
    """Whether the user's list is as before, and everything else is removed."""
    kept = ground.existing("Service", "chat")["metadata"]["annotations"]
    return given_back(ground) and kept["konghq.com/plugins"] == "rate-limit"


def move(ground: Ground) -> None:
    ground.put(attaching(ground, "Service", "other"))


def clash(ground: Ground) -> None:
    """The user attaches their own ai-proxy plugin where ours is attached."""
    ground.put(users_plugin(ground, "ai-proxy", "theirs"))
    annotations = ground.existing("Service", "chat")["metadata"]["annotations"]
    listed = f"{annotations['konghq.com/plugins']},theirs"
    ground.patch("Service", "chat", {"metadata": {"annotations": {"konghq.com/plugins": listed}}})


# One gateway, several bindings; its owner


def second(ground: Ground) -> dict[str, Any]:
    return ground.binding({"routes.0.expose.path": f"/{ground.namespace}-2"}, name="second")


def two(ground: Ground) -> None:
    ready(ground)
    ground.put(second(ground))
    ground.until_ready("second")
    ground.until_quiet(1.0)


def delete_both(ground: Ground) -> None:
    delete(ground)
    ground.delete("FiddlerKongBinding", "second")


def only_second(ground: Ground) -> bool:
    return gone(ground) and ground.is_ready("second") and ground.settings() == SETTINGS


def owned_by_helm(ground: Ground) -> None:
    """A gateway whose chart sets one of the settings to another value."""
    ground.put(ground.gateway(env={"KONG_TRACING_SAMPLING_RATE": "0.1"}), manager="helm")
    ground.until(ground.rolled_out, "the chart's rollout")


def overridden(ground: Ground) -> None:
    owned_by_helm(ground)
    override(ground)
    ground.until_ready()
    ground.until_quiet(1.0)


def override(ground: Ground) -> None:
    ground.put(ground.binding({"gateway.conflicts": "Override"}))


def restored(ground: Ground) -> bool:
    """Whether the chart's value is back, owned by the chart alone."""
    managed = ground.existing("Deployment", "kong-gateway")["metadata"]["managedFields"]
    left = [entry["manager"] for entry in managed if entry["manager"].startswith("fiddler")]
    return gone(ground) and ground.settings() == {"KONG_TRACING_SAMPLING_RATE": "0.1"} and not left and ground.rolled_out()


def replace_gateway(ground: Ground) -> None:
    ground.delete("Deployment", "kong-gateway")
    ground.put(ground.gateway(image="kong/kong-gateway:3.14.0.0"))


def on_new_gateway(ground: Ground) -> bool:
    return ground.is_ready() and ground.rolled_out() and ground.settings() == SETTINGS


# Drift


def delete_children(ground: Ground) -> None:
    for kind, name in (("KongPlugin", "assistant-opentelemetry"), ("Secret", "assistant-kong-keys"), ("Ingress", "assistant-openai")):
        ground.delete(kind, name)


def edit_children(ground: Ground) -> None:
    ground.patch("KongPlugin", "assistant-opentelemetry", {"config": {"traces_endpoint": "https://elsewhere.example"}})
    ground.patch("Service", "assistant-openai", {"metadata": {"annotations": {"konghq.com/plugins": "theirs"}}})


def whole(ground: Ground) -> bool:
    """Whether all children exist with the operator's content."""
    plugin = ground.get("KongPlugin", "assistant-opentelemetry")
    service = ground.existing("Service", "assistant-openai")["metadata"]["annotations"]["konghq.com/plugins"]
    there = all(ground.get(kind, name) for kind, name in (("Secret", "assistant-kong-keys"), ("Ingress", "assistant-openai")))
    repaired = plugin is not None and "elsewhere" not in plugin["config"]["traces_endpoint"] and "theirs" not in service
    return repaired and there and ground.is_ready()


# Children of an older release


def older(ground: Ground) -> None:
    """The operator is down. Its children have other fields and labels than today's, and one child is no longer wanted."""
    ready(ground)
    ground.pod.stop()
    owner = ground.existing("KongPlugin", "assistant-opentelemetry")["metadata"]
    labels = {"app.kubernetes.io/managed-by": None, "integrations.fiddler.ai/generation": "1"}
    ground.patch("KongPlugin", "assistant-opentelemetry", {"metadata": {"labels": labels}, "config": {"header_type": "w3c", "queue": None}})
    ground.patch("Secret", "assistant-kong-keys", {"data": {"legacy": "ImtleSI="}, "metadata": {"labels": {"konghq.com/secret": None}}})
    ground.patch("Service", "assistant-openai", {"spec": {"ports": [{"port": 443, "name": "https"}]}})
    legacy = ground.manifest("configuration.konghq.com/v1", "KongPlugin", "assistant-legacy", plugin="correlation-id", config={})
    ground.create({**legacy, "metadata": {**legacy["metadata"], "labels": owner["labels"], "ownerReferences": owner["ownerReferences"]}})


def upgrade(ground: Ground) -> None:
    if ground.pod.pid is None:
        ground.pod.start()


def upgraded(ground: Ground) -> bool:
    secret = ground.existing("Secret", "assistant-kong-keys")
    labelled = "app.kubernetes.io/managed-by" in (ground.existing("KongPlugin", "assistant-opentelemetry")["metadata"]["labels"])
    return labelled and "legacy" not in secret["data"] and ground.get("KongPlugin", "assistant-legacy") is None


OVERRIDE: Final = {"op": "add", "path": "/queue", "value": {"max_batch_size": 7}}
REFUSED: Final = {"op": "replace", "path": "/traces_endpoint", "value": "https://elsewhere.example"}

SCENARIOS: Final = (
    Scenario("create", lambda ground: ground.put(ground.binding()), Ground.is_ready, nothing),
    Scenario("delete", delete, given_back),
    Scenario("create again", create_again, lambda ground: ground.is_ready() and "assistant-openai" in str(ground.state())),
    # The namespace controller deletes kind by kind, in its own order and pace: first the gateway, then a Secret, then another one, ...
    Scenario("delete the namespace", delete_namespace, namespace_gone, passing=4),
    # The new route waits for Kong's confirmation, and an operator that was restarted has not asked Fiddler yet.
    Scenario("the key arrives late", bring_key, Ground.is_ready, without_key, passing=2),
    Scenario("rotate the provider's key", rotate("openai"), rotated),
    Scenario("rotate Fiddler's key", rotate("fiddler"), lambda ground: ground.reason() == "Unauthorized"),
    change("another model", {"routes.0.llm.model": "gpt-4o", "routes.0.llm.options.maxTokens": 64}),
    change("payloads off", {"payloads": "Disabled"}),
    change("another session header", {"sessions": {"headers": ["X-Chat"]}}),
    change("sessions off", {"sessions": {"mode": "Disabled"}}),
    change("another path", {"routes.0.expose.path": "/elsewhere", "routes.0.expose.host": "llm.example"}),
    change("rename the route", {"routes.0.name": "renamed"}),
    change("another application", {"fiddler.applicationId": "00000000-0000-4000-8000-000000000000"}, "ApplicationNotFound"),
    change("an override", {"overrides": [{"plugin": "opentelemetry", "patch": [OVERRIDE]}]}),
    change("sandboxed Lua", {"gateway.untrustedLua": "sandbox"}),
    change("another ingress class", {"gateway.ingressClassName": OTHER_CLASS}),
    change("suspend", {"suspend": True, "payloads": "Disabled"}, "Suspended"),
    # The settings are released only after a delay: a reference that did not wait for it would differ from one run to the next.
    change("verify only", {"gateway.management": "Verify"}, "GatewaySettingsMissing"),
    change("refused", {"overrides": [{"plugin": "opentelemetry", "patch": [REFUSED]}]}, "InvalidSpec"),
    Scenario("attach to a Service", attach("Service"), Ground.is_ready, targets_of("Service")),
    Scenario("attach to an Ingress", attach("Ingress"), Ground.is_ready, targets_of("Ingress")),
    Scenario("detach from a Service", delete, detached, attached_to("Service")),
    Scenario("detach from an Ingress", delete, detached, attached_to("Ingress")),
    Scenario("move to another Service", move, Ground.is_ready, attached_to("Service")),
    Scenario("retreat from a clash", clash, lambda ground: ground.reason() == "PluginClash", attached_to("Service")),
    Scenario("a second binding", lambda ground: ground.put(second(ground)), lambda ground: ground.is_ready("second")),
    Scenario("the first of two goes", delete, only_second, two),
    Scenario("both go", delete_both, lambda ground: given_back(ground) and gone(ground, "second"), two),
    Scenario("override the chart", override, Ground.is_ready, owned_by_helm),
    Scenario("give the chart's value back", delete, restored, overridden),
    Scenario("another gateway of the same name", replace_gateway, on_new_gateway, passing=2),  # it is gone, then it rolls out
    Scenario("children deleted", delete_children, whole),
    Scenario("children edited", edit_children, whole),
    Scenario("upgrade", upgrade, upgraded, older),
)
"""Every scenario within one namespace."""
