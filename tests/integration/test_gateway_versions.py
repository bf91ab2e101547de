"""The Kong version of an image, and the refusal of unsuitable gateways: a specific reason, and not a single write.

All tests of this module share one namespace, each with its own Deployment and binding.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.arena import SETTINGS, Arena, Manifest, changed
from tests.integration.own import own_arena
from tests.integration.workload import LUA, RATE, Gateway

ENV: Final = "spec.template.spec.containers.0.env"
DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture(scope="module")
def hall(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    with own_arena(stage, operator) as arena:
        yield arena


def open_gateway(hall: Arena, image: str, changes: Mapping[str, Any] | None = None) -> Gateway:
    """A further Deployment of the namespace, under its own name."""
    name = f"kong-{secrets.token_hex(3)}"
    labels = {"metadata.name": name, "spec.selector.matchLabels.app": name, "spec.template.metadata.labels.app": name}
    hall.put(changed(hall.gateway(image), {**labels, **(changes or {})}))
    return Gateway(hall, name)


def bind(gateway: Gateway, changes: Mapping[str, Any] | None = None) -> None:
    """A binding with the gateway's name."""
    own = {"gateway.targetRef.name": gateway.name, "routes.0.expose.path": f"/{gateway.name}"}
    gateway.arena.put(gateway.arena.binding({**own, **(changes or {})}, gateway.name))


def attached(gateway: Gateway) -> str:
    """The plugins attached to the Service of the binding's route."""
    service = gateway.arena.existing("Service", f"{gateway.name}-openai")
    return str(service["metadata"]["annotations"]["konghq.com/plugins"])


def withheld(gateway: Gateway) -> bool:
    """Whether everything but pre-function is attached."""
    return attached(gateway) == f"{gateway.name}-openai-ai-proxy,{gateway.name}-opentelemetry"


def refused(gateway: Gateway, reason: str, status: str = "False", *, runs: bool = True) -> str:
    """The message of a refusal; nothing was written to the workload, no plugin of ours with Lua is attached.

    Where no Kong `runs`, no plugin at all is.
    """
    condition = gateway.arena.until_condition("Ready", status, reason, gateway.name)
    assert gateway.arena.conditions(gateway.name)["Stalled"]["reason"] == reason
    assert withheld(gateway) if runs else gateway.arena.get("Service", f"{gateway.name}-openai") is None
    assert gateway.writes() == ()
    assert gateway.traces_of_us == []
    return str(condition["message"])


@pytest.mark.parametrize(
    ("image", "version", "more"),
    [
        ("kong/kong-gateway:3.9", "3.9", ""),
        ("kong/kong-gateway:3.12.0.1-ubuntu", "3.12.0.1", ""),
        (
            f"registry.example.com:5000/kong/kong-gateway:v3.10.0.2@{DIGEST}",
            "3.10.0.2",
            " If the tag is not Kong's version, set gateway.kongVersion to it.",
        ),
    ],
)
def test_a_kong_that_is_too_old_is_refused(hall: Arena, image: str, version: str, more: str) -> None:
    gateway = open_gateway(hall, image)
    bind(gateway)

    assert refused(gateway, "GatewayVersionUnsupported") == (
        f"Image {image} is Kong {version}; GenAI spans need Kong Gateway Enterprise 3.13 or later. "
        f"Use an image such as kong/kong-gateway:3.13.{more}"
    )


def test_the_open_source_image_is_named_as_the_likely_mistake(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong:3.9")
    bind(gateway)

    message = refused(gateway, "GatewayVersionUnsupported")

    assert "It is Kong's open-source image, which never emits them (the default of Kong's Helm charts)." in message


def test_the_right_image_in_place_of_the_wrong_one_makes_the_binding_ready(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong:3.9")
    bind(gateway)
    refused(gateway, "GatewayVersionUnsupported")

    gateway.edit({"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "kong/kong-gateway:3.13"}]}}}})

    hall.until_ready(gateway.name)
    assert gateway.settings == SETTINGS


def test_versions_that_work_are_shown_whatever_the_form_of_the_tag(hall: Arena) -> None:
    images = {
        "kong/kong-gateway:3.13": "3.13",
        "kong/kong-gateway:v3.13.0.5": "3.13.0.5",
        "kong/kong-gateway:3.13.0.3-ubuntu": "3.13.0.3",
        f"registry.example.com:5000/mirror/kong-gateway:3.13.0.4@{DIGEST}": "3.13.0.4",
    }
    gateways = {open_gateway(hall, image).name: image for image in images}
    for name in gateways:
        bind(Gateway(hall, name))

    for name in gateways:
        hall.until_ready(name)

    shown = [hall.existing("FiddlerKongBinding", name)["status"]["gateway"] for name in gateways]
    assert shown == [{"version": images[image], "image": image} for image in gateways.values()]


def test_a_version_with_a_visible_defect_works_and_is_advised_against(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong/kong-gateway:3.13.0.1")
    bind(gateway)

    ready = hall.until_ready(gateway.name)

    advice = "known defects: the attributes of GenAI spans are wrong (fixed in 3.13.0.3);"
    assert hall.conditions(gateway.name)["GatewayConfigured"]["reason"] == "GatewayVersionAdvised"
    assert advice in ready["message"]


def test_a_newer_version_works_and_says_that_sessions_are_unverified(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong/kong-gateway:3.14.0.9")
    bind(gateway)

    hall.until_ready(gateway.name)

    configured = hall.conditions(gateway.name)["GatewayConfigured"]
    assert configured["reason"] == "GatewayConfigured"
    assert "Session grouping is unverified on this version (verified: 3.13)" in configured["message"]


@pytest.mark.parametrize("image", [f"kong/kong-gateway@{DIGEST}", "kong/kong-gateway:latest", "kong/kong-gateway"])
def test_an_image_without_a_version_gets_everything_and_its_version_is_unknown(hall: Arena, image: str) -> None:
    gateway = open_gateway(hall, image)
    bind(gateway)

    unknown = hall.until_condition("Ready", "Unknown", "GatewayVersionUnknown", gateway.name)

    assert unknown["message"] == (
        f"The gateway runs with the needed settings, but image {image} does not tell Kong's version. "
        "Set gateway.kongVersion, or use kong/kong-gateway with a version tag of 3.13 or later (a digest may follow it)."
    )
    assert gateway.settings == SETTINGS
    hall.until(lambda: f"{gateway.name}-pre-function" in attached(gateway).split(","), "pre-function is attached")
    assert {"Reconciling", "Stalled"}.isdisjoint(hall.conditions(gateway.name))


def test_a_stated_version_makes_a_binding_with_a_companys_own_image_ready(hall: Arena) -> None:
    gateway = open_gateway(hall, "registry.example.net/edge/ai-gateway:1.4.2")
    bind(gateway)
    hall.until_condition("Ready", "Unknown", "GatewayVersionUnknown", gateway.name)

    bind(gateway, {"gateway.kongVersion": "3.13.0.7"})

    hall.until_ready(gateway.name)


def test_nothing_is_made_until_every_pod_of_the_gateway_has_the_plugins(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong/kong-gateway:3.13", {f"{ENV}.1": {"name": "KONG_PLUGINS", "value": "key-auth,ai-proxy"}})
    bind(gateway)

    message = hall.until_condition("Ready", "False", "GatewayPluginsNotEnabled", gateway.name)["message"]

    assert "Set KONG_PLUGINS=key-auth,ai-proxy,pre-function,opentelemetry" in message
    hall.until_quiet()
    assert [hall.get(kind, f"{gateway.name}-{rest}") for kind, rest in OBJECTS] == [None] * len(OBJECTS)
    assert gateway.writes() == ()

    gateway.edit({"spec": {"paused": True}})
    gateway.set_env({"name": "KONG_PLUGINS", "value": "bundled"})
    hall.until_condition("Ready", "Unknown", "GatewayRolloutPaused", gateway.name)
    hall.until_quiet()
    assert [hall.get(kind, f"{gateway.name}-{rest}") for kind, rest in OBJECTS] == [None] * len(OBJECTS)

    gateway.edit({"spec": {"paused": False}})
    hall.until_ready(gateway.name)


def test_pre_function_is_not_attached_where_the_lua_may_be_off_in_a_config_map(hall: Arena) -> None:
    source = {"configMapRef": {"name": "kong-env", "optional": True}}
    gateway = open_gateway(
        hall,
        "kong/kong-gateway:3.13",
        {f"{ENV}.1": {"name": "KONG_PLUGINS", "value": "bundled"}, "spec.template.spec.containers.0.envFrom": [source]},
    )
    bind(gateway, {"gateway.untrustedLua": "Unmanaged"})

    message = refused(gateway, "GatewaySettingFromSource", "Unknown")

    assert f"ConfigMap kong-env, in envFrom of container proxy, may set KONG_TRACING_INSTRUMENTATIONS, {RATE}, {LUA}." in message


def test_a_missing_container_is_answered_with_those_there_are(hall: Arena) -> None:
    sidecar = {"name": "log-shipper", "image": "shipper:1"}
    gateway = open_gateway(hall, "kong/kong-gateway:3.13", {"spec.template.spec.containers.1": sidecar})
    bind(gateway, {"gateway.container": "kong"})

    assert refused(gateway, "GatewayContainerNotFound", runs=False) == (
        f"Deployment {hall.namespace}/{gateway.name} has no container kong. Set gateway.container to the one that runs Kong; "
        "there are: proxy (Kong's image), log-shipper."
    )


def from_config_map(setting: str) -> Manifest:
    return {"name": setting, "valueFrom": {"configMapKeyRef": {"name": "tracing", "key": "value", "optional": True}}}


OBJECTS: Final = (
    ("Secret", "kong-keys"),
    ("KongPlugin", "openai-ai-proxy"),
    ("KongPlugin", "opentelemetry"),
    ("KongPlugin", "pre-function"),
    ("Service", "openai"),
    ("Ingress", "openai"),
)


OBSTACLES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "a control plane",
        {f"{ENV}.1": {"name": "KONG_ROLE", "value": "control_plane"}},
        "GatewayControlPlaneOnly",
        "container proxy, has KONG_ROLE=control_plane and handles no traffic. Set gateway.targetRef to the workload of the data plane.",
    ),
    (
        "Kong Operator's workload",
        {"metadata.labels": {"gateway-operator.konghq.com/managed-by": "dataplane"}},
        "GatewayManagedElsewhere",
        (
            "Set gateway.targetRef to its DataPlane: this operator then sets KONG_TRACING_INSTRUMENTATIONS=all, "
            "KONG_TRACING_SAMPLING_RATE=1.0, KONG_UNTRUSTED_LUA=on there"
        ),
    ),
    (
        "a data plane of Konnect",
        {f"{ENV}.1": {"name": "KONG_KONNECT_MODE", "value": "on"}},
        "GatewayControlledElsewhere",
        "has KONG_KONNECT_MODE=on: its plugins come from a control plane outside this cluster",
    ),
]


@pytest.mark.parametrize(("changes", "reason", "message"), [case[1:] for case in OBSTACLES], ids=[case[0] for case in OBSTACLES])
def test_a_gateway_that_must_not_be_written_to_says_why(hall: Arena, changes: dict[str, Any], reason: str, message: str) -> None:
    gateway = open_gateway(hall, "kong/kong-gateway:3.13", changes)
    bind(gateway, {"gateway.conflicts": "Override"})

    assert message in refused(gateway, reason)


def test_a_setting_from_a_config_map_is_left_alone_even_with_override(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong/kong-gateway:3.13", {f"{ENV}.1": from_config_map(RATE)})
    bind(gateway, {"gateway.conflicts": "Override"})

    message = refused(gateway, "GatewaySettingFromSource", "Unknown")

    assert f': spec.template.spec.containers[name="proxy"].env[name="{RATE}"] comes from valueFrom.' in message


def test_a_setting_that_is_listed_twice_is_left_alone_even_with_override(hall: Arena) -> None:
    gateway = open_gateway(hall, "kong/kong-gateway:3.13")
    twice = [{"name": LUA, "value": "off"}, {"name": LUA, "value": "on"}]
    container = {"name": "proxy", "image": "kong/kong-gateway:3.13", "env": twice}
    hall.patch("Deployment", gateway.name, {"spec": {"template": {"spec": {"containers": [container]}}}})
    bind(gateway, {"gateway.conflicts": "Override"})

    assert refused(gateway, "GatewaySettingDuplicate").endswith(
        f': spec.template.spec.containers[name="proxy"].env[name="{LUA}"] is listed more than once. Leave one entry for each: {LUA}=on.'
    )


def test_kong_operators_workload_is_fine_where_its_settings_are_right(hall: Arena) -> None:
    entries = [{"name": name, "value": value} for name, value in SETTINGS.items()]
    label = {"gateway-operator.konghq.com/managed-by": "dataplane"}
    gateway = open_gateway(hall, "kong/kong-gateway:3.13", {"metadata.labels": label, ENV: entries})
    bind(gateway)

    hall.until_ready(gateway.name)

    assert gateway.writes() == ()
