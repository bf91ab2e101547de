"""A cluster is broken in many ways, and the doctor names each cause. One namespace serves all rows, each with a binding of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from click.testing import CliRunner

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.cli import main
from tests.integration.arena import SETTINGS, Arena, Manifest
from tests.integration.diagnoses import doctor, found, until_named
from tests.integration.targets import attached_binding, foreign_plugin, ingress, service

Setup = Callable[[Arena], list[Manifest]]
"""Makes the objects of a row, the binding `patient` among them."""

CANARY: Final = "canary-VERY-secret-0123456789"
PATIENT: Final = "patient"
OTHER_ID: Final = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def clinic(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    """A namespace with a gateway that has the settings, because a binding in it is Ready."""
    arena = Arena(stage, operator, f"test-{secrets.token_hex(4)}")
    arena.open()
    try:
        arena.put(arena.binding())
        arena.until_ready()
        yield arena
    finally:
        arena.close()


def patient(arena: Arena, changes: dict[str, Any] | None = None) -> Manifest:
    """The quick start's binding under a path of its own."""
    return arena.binding({"routes.0.expose": {"path": f"/{arena.namespace}-{PATIENT}"}, **(changes or {})}, PATIENT)


def changed(**changes: Any) -> Setup:
    """Only the binding is wrong. Two underscores stand for a dot."""
    return lambda arena: [patient(arena, {path.replace("__", "."): value for path, value in changes.items()})]


def with_key(value: str) -> Setup:
    """Fiddler's key is this."""
    ref = {"fiddler.apiKeySecretRef": {"name": "odd", "key": "api-key"}}
    return lambda arena: [arena.secret("odd", value), patient(arena, ref)]


def on_gateway(changes: dict[str, Any] | None = None, image: str = "kong/kong-gateway:3.13.0.7", **env: str) -> Setup:
    """The binding has a gateway of its own, with this env."""
    spec = {"gateway.targetRef": {"name": "odd-gateway"}, **(changes or {})}
    return lambda arena: [arena.gateway(image, env, name="odd-gateway"), patient(arena, spec)]


def advised(arena: Arena) -> list[Manifest]:
    gateway = arena.gateway("kong/kong-gateway:3.13.0.0", SETTINGS, name="odd-gateway")
    return [gateway, patient(arena, {"gateway.targetRef": {"name": "odd-gateway"}})]


def halted(**spec: Any) -> Setup:
    """The gateway's Deployment does not roll out."""

    def make(arena: Arena) -> list[Manifest]:
        gateway, binding = on_gateway()(arena)
        arena.put(gateway)
        arena.stage.cluster.wait_rolled_out(arena.namespace, "odd-gateway")
        return [{**gateway, "spec": {**gateway["spec"], **spec}}, binding]

    return make


def attached(plugins: str | None = None, *others: Callable[[Arena], Manifest]) -> Setup:
    """The binding is attached to a Service with this list."""
    return lambda arena: [*(make(arena) for make in others), service(arena, plugins=plugins), attached_binding(arena, name=PATIENT)]


def theirs(arena: Arena) -> Manifest:
    return foreign_plugin(arena, "theirs", "opentelemetry")


def route_with_theirs(arena: Arena) -> Manifest:
    return ingress(arena, plugins="theirs")


def consumer(arena: Arena) -> Manifest:
    bob = arena.manifest("configuration.konghq.com/v1", "KongConsumer", "bob", username=f"bob-{arena.namespace}")
    bob["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "kong", "konghq.com/plugins": "theirs"}
    return bob


def global_plugin(arena: Arena) -> Manifest:
    plugin = {**theirs(arena), "kind": "KongClusterPlugin"}
    name, annotations = f"everywhere-{arena.namespace}", {"kubernetes.io/ingress.class": "kong"}
    return {**plugin, "metadata": {"name": name, "labels": {"global": "true"}, "annotations": annotations}}


def foreign_class(arena: Arena) -> list[Manifest]:
    name = f"others-{arena.namespace}"
    spec = {"controller": "example.com/another"}
    other = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": name}, "spec": spec}
    return [other, patient(arena, {"gateway.ingressClassName": name})]


def taken(arena: Arena) -> list[Manifest]:
    return [service(arena, f"{PATIENT}-openai"), patient(arena)]


@dataclass(frozen=True)
class Break:
    """A way to break a cluster, and the names of the codes that tell it."""

    named: tuple[str, ...]
    setup: Setup


BREAKS: Final = {
    "a Secret is missing": Break(("SecretNotFound",), changed(fiddler__apiKeySecretRef={"name": "absent", "key": "api-key"})),
    "a Secret lacks the key": Break(("SecretKeyNotFound",), changed(fiddler__apiKeySecretRef={"name": "fiddler", "key": "token"})),
    "a placeholder was never replaced": Break(("SecretValuePlaceholder",), with_key("${FIDDLER_API_KEY}")),
    "a key has a prefix": Break(("SecretValuePrefixed",), with_key(f"Bearer {CANARY}")),
    "a key is wrong": Break(("Unauthorized",), with_key(CANARY)),
    "the application id is wrong": Break(("ApplicationNotFound",), changed(fiddler__applicationId=OTHER_ID)),
    "Fiddler is not reachable": Break(("ConnectionRefused",), changed(fiddler__url="http://127.0.0.1:9")),
    "the endpoint is a metadata service": Break(("EndpointRefused",), changed(fiddler__url="http://169.254.169.254")),
    "the gateway does not exist": Break(("GatewayNotFound",), changed(gateway__targetRef={"name": "absent"})),
    "the container has another name": Break(("GatewayContainerNotFound",), changed(gateway__container="kong")),
    "the gateway's owner allows nobody": Break(
        ("GatewayNotGranted",), changed(gateway__targetRef={"namespace": "kong", "name": "kong-gateway"})
    ),
    "Kong is too old": Break(("GatewayVersionUnsupported", "PodTooOld"), on_gateway(image="kong/kong-gateway:3.9.0.1")),
    "Kong is the open-source image": Break(("GatewayVersionUnsupported",), on_gateway(image="kong:3.9")),
    "Kong has a known defect": Break(("GatewayVersionAdvised",), advised),
    "tracing is off": Break(("GatewaySettingConflict", "PodLacksSettings"), on_gateway(KONG_TRACING_INSTRUMENTATIONS="off")),
    "the sampling rate is 0": Break(("GatewaySettingConflict", "PodLacksSettings"), on_gateway(KONG_TRACING_SAMPLING_RATE="0")),
    "Lua is off": Break(("GatewaySettingConflict", "PodLacksSettings"), on_gateway(KONG_UNTRUSTED_LUA="off")),
    "nobody sets the settings": Break(("GatewaySettingsMissing", "PodLacksSettings"), on_gateway({"gateway.management": "Verify"})),
    "a plugin is not enabled": Break(("GatewayPluginsNotEnabled",), on_gateway(KONG_PLUGINS="cors")),
    "the rollout is paused": Break(("GatewayRolloutPaused", "PodLacksSettings"), halted(paused=True)),
    "the gateway is scaled to 0": Break(("GatewayScaledToZero", "NoPod"), halted(replicas=0)),
    "the ingress class is unknown": Break(("IngressClassNotFound",), changed(gateway__ingressClassName="absent")),
    "the ingress class is another controller's": Break(("IngressClassOfOthers",), foreign_class),
    "the Service of attachTo is missing": Break(
        ("TargetNotFound",), lambda arena: [attached_binding(arena, target="absent", name=PATIENT)]
    ),
    "a plugin of the type is on the Service": Break(("PluginClash",), attached("theirs", theirs)),
    "a name without a plugin is on the Service": Break(("UnknownPlugin",), attached("nobodys")),
    "nothing leads to the Service": Break(("NothingLeadsThere",), attached()),
    "a plugin on the route hides the binding's": Break(("ShadowedPlugin", "OtherPluginRuns"), attached(None, theirs, route_with_theirs)),
    "a consumer's plugin hides the binding's": Break(("ShadowedPlugin", "OtherPluginRuns"), attached(None, theirs, ingress, consumer)),
    "the binding hides a global plugin": Break(("ShadowsGlobalPlugin",), attached(None, global_plugin, ingress)),
    "another route has the path": Break(("RouteClash",), lambda arena: [arena.binding(name=PATIENT)]),
    "an object has a name of the binding's": Break(("NameTaken",), taken),
    "the binding is suspended": Break(("Suspended",), changed(suspend=True)),
    "text is switched off": Break(("PayloadsOff",), changed(payloads="Disabled")),
    "sessions are switched off": Break(("SessionsOff",), changed(sessions={"mode": "Disabled"})),
    "a part of the calls is traced": Break(("SamplingRateLow",), changed(tracing={"samplingRate": 0.1})),
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_the_doctor_names_the_cause(clinic: Arena, broken: Break) -> None:
    made = broken.setup(clinic)
    clinic.put(*made)
    try:
        assert CANARY not in until_named(clinic, set(broken.named), PATIENT)
    finally:
        clinic.delete("FiddlerKongBinding", PATIENT)
        clinic.until_gone("FiddlerKongBinding", PATIENT)
        for manifest in made[:-1]:
            clinic.delete(manifest["kind"], manifest["metadata"]["name"])


def test_a_cluster_in_order_has_no_fault(clinic: Arena) -> None:
    result = doctor(clinic)

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["states"]["error"] == 0


def test_from_red_to_green(clinic: Arena) -> None:
    clinic.put(*with_key(CANARY)(clinic))
    red = doctor(clinic, name=PATIENT)
    clinic.put(clinic.secret("odd", clinic.stage.keys.fiddler))

    green = doctor(clinic, "--wait", name=PATIENT)

    clinic.delete("FiddlerKongBinding", PATIENT)
    assert (red.exit_code, found(red) & {"Unauthorized"}) == (1, {"Unauthorized"})
    assert green.exit_code == 0, green.output


def test_the_plugins_of_a_route_come_with_their_level(clinic: Arena) -> None:
    config = str(clinic.stage.cluster.kubeconfig)

    result = CliRunner().invoke(main, ["doctor", "--kubeconfig", config, "--route", f"{clinic.namespace}/assistant-openai"])

    assert result.exit_code == 0, result.output
    assert f"Ingress {clinic.namespace}/assistant-openai -> Service {clinic.namespace}/assistant-openai" in result.output
    assert "assistant-opentelemetry" in result.output


def test_a_user_without_rights_learns_which_are_missing(clinic: Arena) -> None:
    config = clinic.stage.cluster.kubeconfig_for_service_account(clinic.namespace, "default")

    result = doctor(clinic, kubeconfig=str(config))

    assert result.exit_code in {1, 2}
    assert "NotReadable" in found(result)
    assert "is forbidden" in result.output
