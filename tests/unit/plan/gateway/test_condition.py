from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.env import INSTRUMENTATIONS, SAMPLING_RATE, UNTRUSTED_LUA
from fiddler_kong_operator.plan.own_models import OwnModel
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot
from fiddler_kong_operator.plan.workload import Container, EnvEntry, EnvSource, Halt, Rollout
from tests.unit.plan.gateway import test_rollouts
from tests.unit.plan.situations import AGENT, ATTACHED, OURS, WANTED, make_binding, make_container, make_snapshot, make_spec, make_workload

TRACING = {INSTRUMENTATIONS: "all", SAMPLING_RATE: "1.0"}
VERIFY = make_binding(make_spec(management="Verify"))
STARTING = Rollout(complete=False, ready=True)
DOWN = Rollout(complete=True, ready=False)
KONG_ENV = EnvSource("ConfigMap kong-env")


def with_env(env: dict[str, str] | tuple[EnvEntry, ...], **more: Any) -> Snapshot:
    """A snapshot whose gateway has that env; keyword arguments go to the workload."""
    binding = more.pop("binding", None)
    return make_snapshot(binding, workload=make_workload(make_container(env), **more))


def with_list(plugins: str, **more: Any) -> Snapshot:
    return with_env({**WANTED, "KONG_PLUGINS": plugins}, **more)


def with_sources(env: dict[str, str], *sources: EnvSource, **gateway: Any) -> Snapshot:
    """A gateway whose container has these entries in envFrom."""
    workload = make_workload(replace(make_container(env), env_from=sources))
    return make_snapshot(make_binding(make_spec(**gateway)), workload=workload)


def rolling(*replaced: Container, env: dict[str, str] = WANTED, **more: Any) -> Snapshot:
    """A rollout under way, with pods of these older templates."""
    return with_env(env, rollout=STARTING, replaced=tuple((container,) for container in replaced), **more)


def with_image(image: str, **gateway: Any) -> Snapshot:
    return make_snapshot(make_binding(make_spec(**gateway)), workload=make_workload(make_container(image=image)))


def beside_kong(container: Container, **gateway: Any) -> Snapshot:
    """A pod with this container and another one, `kong`, of Kong's image."""
    return make_snapshot(make_binding(make_spec(**gateway)), workload=make_workload(container, make_container({}, name="kong")))


def seen_by(spec_options: dict[str, Any], snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, binding=make_binding(make_spec(**spec_options)))


def answered_by(model: OwnModel) -> Snapshot:
    """A binding without a model, on a Service with an ai-proxy of its own."""
    chat = ObjectKey("Service", "kong", "chat")
    target = Attachable(chat, "uid-chat", "5", ("model",))
    seen = {"models": {"model": (model,)}, "plugin_types": {"model": "ai-proxy"}}
    return make_snapshot(make_binding(make_spec(ATTACHED)), targets={chat: target}, **seen)


CASES: list[tuple[str, Snapshot, str, list[str]]] = [
    ("all is right", make_snapshot(), "GatewayConfigured", ["Deployment kong/kong-gateway runs Kong 3.13.0.7"]),
    (
        "no workload",
        make_snapshot(workload=None),
        "GatewayNotFound",
        [
            "Deployment kong/kong-gateway (gateway.targetRef) does not exist",
            "Correct the reference",
            "supports Deployment, DaemonSet, StatefulSet, DataPlane, GatewayConfiguration.",
        ],
    ),
    (
        "not readable",
        make_snapshot(workload=None, unread={make_workload().key: Transient("get Deployment kong/kong-gateway: busy")}),
        "GatewayNotReadable",
        ["get Deployment kong/kong-gateway: busy"],
    ),
    (
        "namespace not watched",
        make_snapshot(workload=None, workload_visible=False),
        "GatewayNotFound",
        ["does not watch namespace kong", "administrator"],
    ),
    (
        "wrong container",
        seen_by({"container": "kong"}, make_snapshot(workload=make_workload(make_container(), make_container(name="ingress-controller")))),
        "GatewayContainerNotFound",
        ["no container kong", "there are: proxy (Kong's image), ingress-controller (Kong's image)."],
    ),
    (
        "an init container",
        seen_by({"container": "clear-stale-pid"}, make_snapshot(workload=replace(make_workload(), init_containers=("clear-stale-pid",)))),
        "GatewayContainerNotFound",
        ["clear-stale-pid is an init container of Deployment kong/kong-gateway", "there are: proxy (Kong's image)."],
    ),
    (
        "a sidecar of the default name",
        beside_kong(make_container({}, image="envoyproxy/envoy:v1.31")),
        "GatewayContainerNotKong",
        ["container proxy runs envoyproxy/envoy:v1.31, while container kong runs Kong's image", "Set gateway.container to kong"],
    ),
    (
        "a sidecar that got the settings",
        beside_kong(make_container(WANTED, image="envoyproxy/envoy:v1.31")),
        "GatewayContainerNotKong",
        [],
    ),
    (
        "an image of one's own with Kong's settings, beside a container of Kong's image",
        beside_kong(make_container({**WANTED, "KONG_DATABASE": "off"}, image="registry.example.net/ai-gateway:7")),
        "GatewayVersionUnknown",
        [],
    ),
    (
        "an image of one's own with its version, beside a container of Kong's image",
        beside_kong(make_container(WANTED, image="registry.example.net/ai-gateway:7"), kongVersion="3.13.0.7"),
        "GatewayConfigured",
        [],
    ),
    ("two containers of Kong's image", beside_kong(make_container()), "GatewayConfigured", []),
    (
        "Kong beside its controller and sidecars",
        make_snapshot(
            workload=make_workload(
                make_container({}, name="ingress-controller", image="kong/kubernetes-ingress-controller:3.5"),
                make_container({}, name="istio-proxy", image="istio/proxyv2:1.24"),
                make_container(),
            )
        ),
        "GatewayConfigured",
        [],
    ),
    (
        "no container",
        make_snapshot(workload=replace(make_workload(), containers=())),
        "GatewayContainerNotFound",
        ["no container proxy", "there are: none."],
    ),
    ("control plane", with_env({**WANTED, "KONG_ROLE": "control_plane"}), "GatewayControlPlaneOnly", ["KONG_ROLE=control_plane"]),
    (
        "data plane",
        with_env({**WANTED, "KONG_ROLE": "data_plane"}),
        "GatewayConfigured",
        ["It is a data plane: check that KONG_PLUGINS of its control plane"],
    ),
    (
        "a data plane that Kong Operator makes",
        make_snapshot(workload=make_workload(make_container({**WANTED, "KONG_ROLE": "data_plane"}), owners={"DataPlane": "edge"})),
        "GatewayConfigured",
        ["Kong Operator follows only filters (extensionRef) of HTTPRoutes", "gateway.management: Verify"],
    ),
    (
        "a control plane in this cluster",
        with_env({**WANTED, "KONG_ROLE": "data_plane", "KONG_CLUSTER_CONTROL_PLANE": "kong-cp.kong.svc.cluster.local:8005"}),
        "GatewayConfigured",
        [],
    ),
    (
        "Konnect",
        with_env({"KONG_KONNECT_MODE": "on"}),
        "GatewayControlledElsewhere",
        ["has KONG_KONNECT_MODE=on", "never from KongPlugins", "Kong Ingress Controller"],
    ),
    (
        "a control plane elsewhere",
        with_env({"KONG_ROLE": "data_plane", "KONG_CLUSTER_CONTROL_PLANE": "abc.us.cp0.konghq.com:443"}),
        "GatewayControlledElsewhere",
        ["KONG_CLUSTER_CONTROL_PLANE=abc.us.cp0.konghq.com:443"],
    ),
    *(
        (
            f"{name} from a source",
            with_env((EnvEntry(name, None, from_source=True), *(EnvEntry(n, v) for n, v in {**WANTED, **others}.items()))),
            "GatewaySettingFromSource",
            [f'env[name="{name}"] comes from valueFrom', f"{name}=<the value that it has now>"],
        )
        for name, others in (
            ("KONG_ROLE", {}),
            ("KONG_KONNECT_MODE", {}),
            ("KONG_CLUSTER_CONTROL_PLANE", {"KONG_ROLE": "data_plane"}),
        )
    ),
    (
        "the address of a control plane from a source, for a Kong that has none",
        with_env((EnvEntry("KONG_CLUSTER_CONTROL_PLANE", None, from_source=True), *(EnvEntry(n, v) for n, v in WANTED.items()))),
        "GatewayConfigured",
        [],
    ),
    (
        "a role from a source, before a plain one",
        with_env(
            (EnvEntry("KONG_ROLE", None, from_source=True), *(EnvEntry(n, v) for n, v in {**WANTED, "KONG_ROLE": "traditional"}.items()))
        ),
        "GatewayConfigured",
        [],
    ),
    (
        "only the controller",
        make_snapshot(
            workload=make_workload(make_container({}, name="ingress-controller", image="kong/kubernetes-ingress-controller:3.5"))
        ),
        "GatewayControllerOnly",
        ["Set gateway.targetRef to the workload that runs Kong"],
    ),
    (
        "the controller's container, under another name",
        with_env({"CONTROLLER_KONG_ADMIN_URL": "https://localhost:8444"}),
        "GatewayControllerOnly",
        ["container proxy, runs Kong's controller", "gateway.container"],
    ),
    ("plugins listed", with_list("bundled,acme"), "GatewayConfigured", []),
    ("each plugin listed", with_list("key-auth, ai-proxy, opentelemetry, pre-function"), "GatewayConfigured", []),
    ("an empty plugin list", with_list(" "), "GatewayConfigured", []),
    (
        "plugins not listed",
        with_list("key-auth,cors,ai-proxy"),
        "GatewayPluginsNotEnabled",
        [
            'env[name="KONG_PLUGINS"].value is key-auth,cors,ai-proxy, without pre-function and opentelemetry',
            "Set KONG_PLUGINS=key-auth,cors,ai-proxy,pre-function,opentelemetry",
            'env.plugins: "key-auth,cors,ai-proxy,pre-function,opentelemetry" (chart kong)',
        ],
    ),
    ("off", with_list("off"), "GatewayPluginsNotEnabled", ["without ai-proxy and pre-function and opentelemetry"]),
    ("off before all", with_list("off,bundled"), "GatewayPluginsNotEnabled", []),
    ("a plugin that is not needed", seen_by({"sessions": "Disabled"}, with_list("ai-proxy,opentelemetry")), "GatewayConfigured", []),
    (
        "a plugin list from a source",
        with_env((EnvEntry("KONG_PLUGINS", None, from_source=True), *(EnvEntry(n, v) for n, v in WANTED.items()))),
        "GatewaySettingFromSource",
        ['env[name="KONG_PLUGINS"] comes from valueFrom', "KONG_PLUGINS=<the value that it has now; bundled if it has none>"],
    ),
    (
        "everything perhaps from a ConfigMap",
        with_sources({}, KONG_ENV),
        "GatewaySettingFromSource",
        [
            "ConfigMap kong-env, in envFrom of container proxy, may set KONG_TRACING_INSTRUMENTATIONS, ",
            ", KONG_UNTRUSTED_LUA, KONG_PLUGINS. The operator opens no ConfigMap or Secret",
            "KONG_TRACING_INSTRUMENTATIONS=all, KONG_TRACING_SAMPLING_RATE=1.0, KONG_UNTRUSTED_LUA=on, KONG_PLUGINS=<the value",
            f"With gateway.conflicts: Override the operator sets {INSTRUMENTATIONS}, {SAMPLING_RATE}, {UNTRUSTED_LUA} itself.",
        ],
    ),
    (
        "what override takes over is not unread",
        with_sources({"KONG_PLUGINS": "bundled"}, KONG_ENV, conflicts="Override"),
        "GatewayPending",
        [],
    ),
    ("plain values precede a ConfigMap", with_sources({**WANTED, "KONG_PLUGINS": "bundled"}, KONG_ENV), "GatewayConfigured", []),
    ("another prefix", with_sources(WANTED, EnvSource("Secret keys", "LLM_")), "GatewayConfigured", []),
    (
        "unmanaged Lua, perhaps from a Secret",
        with_sources({**TRACING, "KONG_PLUGINS": "bundled"}, EnvSource("Secret kong", "KONG_"), untrustedLua="Unmanaged"),
        "GatewaySettingFromSource",
        ["Secret kong, in envFrom of container proxy, may set KONG_UNTRUSTED_LUA.", "KONG_UNTRUSTED_LUA=sandbox."],
    ),
    (
        "unmanaged Lua from a source",
        seen_by(
            {"untrustedLua": "Unmanaged"},
            with_env((*(EnvEntry(n, v) for n, v in TRACING.items()), EnvEntry(UNTRUSTED_LUA, None, from_source=True))),
        ),
        "GatewaySettingFromSource",
        ['env[name="KONG_UNTRUSTED_LUA"] comes from valueFrom.'],
    ),
    (
        "an impossible value, unmanaged",
        seen_by({"untrustedLua": "Unmanaged"}, with_env({**TRACING, UNTRUSTED_LUA: "yes"})),
        "GatewaySettingConflict",
        ["value is yes (Kong does not start with it)"],
    ),
    (
        "impossible values",
        with_env({INSTRUMENTATIONS: "request,all", SAMPLING_RATE: "often", UNTRUSTED_LUA: ""}),
        "GatewaySettingConflict",
        [
            "value is request,all (Kong heeds all only as the first entry), set by manager helm",
            "value is often (Kong does not start with it), set by manager helm",
            "value is empty (Kong takes it for unset), set by manager helm",
        ],
    ),
    (
        "Lua that an unknown Kong may not know",
        with_image("registry.example.net/edge/ai-gateway:1.4.2", untrustedLua="strict"),
        "GatewayVersionUnknown",
        ["untrustedLua=strict from 3.14 on", "gateway.kongVersion"],
    ),
    (
        "a company's own image",
        with_image("registry.example.net/edge/ai-gateway:1.4.2"),
        "GatewayVersionUnknown",
        ["does not tell Kong's version", "Set gateway.kongVersion"],
    ),
    (
        "a company's own image with a stated version",
        with_image("registry.example.net/edge/ai-gateway:1.4.2", kongVersion="3.13.0.7"),
        "GatewayConfigured",
        ["runs Kong 3.13.0.7"],
    ),
    (
        "an own tag that looks like Kong's",
        with_image("registry.example.net/edge/kong-gateway:3.2"),
        "GatewayVersionUnsupported",
        ["If the tag is not Kong's version, set gateway.kongVersion"],
    ),
    ("old", with_image("kong/kong-gateway:3.12.0.4"), "GatewayVersionUnsupported", ["is Kong 3.12.0.4", "kong/kong-gateway:3.13"]),
    ("open source", with_image("kong:3.9"), "GatewayVersionUnsupported", ["Kong 3.9", "open-source image"]),
    (
        "a value this Kong does not know",
        with_image("kong/kong-gateway:3.13.0.7", untrustedLua="strict"),
        "GatewaySettingUnsupported",
        ["untrustedLua=strict from 3.14 on", "3.13.0.7"],
    ),
    ("digest only", with_image("kong/kong-gateway@sha256:" + "0" * 64), "GatewayVersionUnknown", ["does not tell", "version tag"]),
    (
        "digest only, with a stated version",
        with_image("kong/kong-gateway@sha256:" + "0" * 64, kongVersion="3.12"),
        "GatewayVersionUnsupported",
        ["gateway.kongVersion says that the gateway runs Kong 3.12", "Correct it"],
    ),
    ("a tag precedes the stated version", with_image("kong/kong-gateway:3.13.0.7", kongVersion="3.9"), "GatewayConfigured", ["3.13.0.7"]),
    ("open source, latest", with_image("kong:latest"), "GatewayVersionUnknown", ["open-source image"]),
    (
        "wrong attributes",
        with_image("kong/kong-gateway:3.13.0.2"),
        "GatewayVersionAdvised",
        ["known defects: the attributes", "(fixed in 3.13.0.3); ", "Upgrade Kong to 3.13.0.7 or later."],
    ),
    ("unfinished spans", with_image("kong/kong-gateway:3.14.0.2"), "GatewayVersionAdvised", ["unfinished", "3.14.0.3", "unverified"]),
    (
        "defects of an ai-proxy that is not the binding's",
        answered_by(OwnModel("llm/v1/responses", provider="gemini", key_header="x-goog-api-key")),
        "GatewayVersionAdvised",
        [
            "streamed answers of the responses API count as zero tokens (fixed in 3.14.0.0)",
            "token counts of streamed Gemini answers are multiplied (fixed in 3.14.0.13)",
            "Kong's access logs show the provider's key (fixed in 3.13.0.8)",
        ],
    ),
    ("an ai-proxy of others without defects", answered_by(OwnModel("llm/v1/chat", provider="openai")), "GatewayConfigured", []),
    (
        "defect under failures",
        with_image("kong/kong-gateway:3.13.0.3"),
        "GatewayConfigured",
        ["known defects: the export of traces", "(fixed in 3.13.0.7)", "resolved"],
    ),
    (
        "unverified version",
        with_image("kong/kong-gateway:3.16.0.1"),
        "GatewayConfigured",
        ["Session grouping is unverified", "verified: 3.13"],
    ),
    (
        "unverified version, attributes alone",
        seen_by({"sessions": "Disabled", "attributes": [AGENT]}, with_image("kong/kong-gateway:3.16.0.1")),
        "GatewayConfigured",
        ["Stamping spans is unverified", "that attributes arrive"],
    ),
    (
        "attributes without their plugin",
        seen_by({"sessions": "Disabled", "attributes": [AGENT]}, with_list("ai-proxy,opentelemetry")),
        "GatewayPluginsNotEnabled",
        ["without pre-function"],
    ),
    (
        "attributes alone and off",
        seen_by({"sessions": "Disabled", "attributes": [AGENT], "untrustedLua": "Unmanaged"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})),
        "GatewaySettingConflict",
        ["requests would fail in the pre-function plugin", "leave attributes out"],
    ),
    (
        "from a source",
        with_env((EnvEntry(SAMPLING_RATE, None, from_source=True),)),
        "GatewaySettingFromSource",
        ['containers[name="proxy"].env[name="KONG_TRACING_SAMPLING_RATE"] comes from valueFrom.', "KONG_TRACING_SAMPLING_RATE=1.0"],
    ),
    (
        "twice",
        with_env((EnvEntry(INSTRUMENTATIONS, "all"), EnvEntry(INSTRUMENTATIONS, "all"))),
        "GatewaySettingDuplicate",
        [
            'env[name="KONG_TRACING_INSTRUMENTATIONS"] is listed more than once',
            "Leave one entry for each: KONG_TRACING_INSTRUMENTATIONS=all.",
        ],
    ),
    (
        "conflict",
        with_env({**WANTED, INSTRUMENTATIONS: "request", UNTRUSTED_LUA: "sandbox"}),
        "GatewaySettingConflict",
        [
            'Deployment kong/kong-gateway: spec.template.spec.containers[name="proxy"].env[name="KONG_TRACING_INSTRUMENTATIONS"].value',
            "is request, set by manager helm; it must be all.",
            'env.tracing_instrumentations: all, env.untrusted_lua: "on" (chart kong)',
            'gateway.env.tracing_instrumentations: all, gateway.env.untrusted_lua: "on" (chart ingress)',
            "Or set gateway.conflicts to Override",
        ],
    ),
    (
        "conflict with an unknown manager",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, managers=frozenset()),
        "GatewaySettingConflict",
        ["unknown manager"],
    ),
    (
        "another manager changed our value",
        with_env(
            {**WANTED, SAMPLING_RATE: "0.5"},
            managers={INSTRUMENTATIONS: OURS, SAMPLING_RATE: frozenset({"kubectl-edit"}), UNTRUSTED_LUA: OURS},
        ),
        "GatewaySettingConflict",
        ["set by manager kubectl-edit"],
    ),
    (
        "a value we put back",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, managers=frozenset({names.RESTORING_MANAGER})),
        "GatewaySettingConflict",
        ["this operator put an earlier value back"],
    ),
    (
        "override takes over",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, binding=make_binding(make_spec(conflicts="Override"))),
        "GatewayPending",
        ["About to set on Deployment kong/kong-gateway: KONG_TRACING_SAMPLING_RATE=1.0."],
    ),
    (
        "a sibling's override counts",
        replace(
            with_env({**WANTED, SAMPLING_RATE: "0.5"}),
            siblings=(make_binding(make_spec(conflicts="Override"), name="other"),),
        ),
        "GatewayPending",
        [],
    ),
    (
        "a sibling's override for another container does not",
        replace(
            with_env({**WANTED, SAMPLING_RATE: "0.5"}),
            siblings=(make_binding(make_spec(conflicts="Override", container="other"), name="other"),),
        ),
        "GatewaySettingConflict",
        [],
    ),
    (
        "override does not change what comes from a source",
        with_env((EnvEntry(SAMPLING_RATE, None, from_source=True),), binding=make_binding(make_spec(conflicts="Override"))),
        "GatewaySettingFromSource",
        [],
    ),
    (
        "unmanaged and off",
        seen_by({"untrustedLua": "Unmanaged"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})),
        "GatewaySettingConflict",
        [
            "value is off, set by manager helm",
            "gateway.untrustedLua is Unmanaged",
            'env.untrusted_lua: "sandbox"',
            "Or set sessions.mode to Disabled",
        ],
    ),
    ("unmanaged and absent", seen_by({"untrustedLua": "Unmanaged"}, with_env(TRACING)), "GatewayConfigured", []),
    ("sessions disabled and off", seen_by({"sessions": "Disabled"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})), "GatewayConfigured", []),
    (
        "verify, nothing there",
        replace(with_env({}), binding=VERIFY),
        "GatewaySettingsMissing",
        ["is missing; it must be all.", "Verify", "env.tracing_instrumentations: all", 'gateway.env.tracing_sampling_rate: "1.0"'],
    ),
    (
        "verify, wrong",
        replace(with_env({**WANTED, SAMPLING_RATE: "0.5"}), binding=VERIFY),
        "GatewaySettingsMissing",
        ["is 0.5, set by manager helm"],
    ),
    ("verify, right", make_snapshot(VERIFY), "GatewayConfigured", []),
    (
        "Kong Operator's, lacking",
        with_env({**WANTED, SAMPLING_RATE: "0.5"}, owners={"DataPlane": "edge"}),
        "GatewayManagedElsewhere",
        [
            "Set gateway.targetRef to {kind: DataPlane, namespace: kong, name: edge}: this operator then sets KONG_TRACING",
            'In DataPlane kong/edge, set spec.deployment.podTemplateSpec.spec.containers[name="proxy"].env: [{name: KONG_TRACING',
        ],
    ),
    (
        "Kong Operator's by its label",
        with_env({}, labels={"gateway-operator.konghq.com/managed-by": "dataplane"}),
        "GatewayManagedElsewhere",
        ["Set gateway.targetRef to its DataPlane", "In the DataPlane or GatewayConfiguration that it comes from, set spec.deployment"],
    ),
    ("Kong Operator's, right", with_env(WANTED, owners={"DataPlane": "edge"}), "GatewayConfigured", []),
    (
        "a project of Kong's name in another registry",
        with_image("registry.example.net/kong/kong:1.4.2"),
        "GatewayVersionUnsupported",
        ["is Kong 1.4.2", "If the tag is not Kong's version, set gateway.kongVersion to it."],
    ),
    ("absent", with_env({}), "GatewayPending", ["Deployment kong/kong-gateway: KONG_TRACING_INSTRUMENTATIONS=all", "replaced once."]),
    (
        "absent, of pods that only a person replaces",
        with_env(
            {}, rollout=Rollout(complete=True, ready=True, halt=Halt("manual", "waits until someone deletes its pods", "Delete them."))
        ),
        "GatewayPending",
        ["KONG_UNTRUSTED_LUA=on. The rollout of its pods waits until someone deletes its pods."],
    ),
    ("ours and outdated", with_env({**WANTED, UNTRUSTED_LUA: "sandbox"}, managers=OURS), "GatewayPending", ["KONG_UNTRUSTED_LUA=on"]),
    (
        "absent while suspended",
        seen_by({"suspend": True}, with_env({})),
        "GatewayPending",
        ["nothing is applied while spec.suspend is true"],
    ),
    (
        "absent while an older binding asks for another value",
        replace(
            with_env({}, binding=make_binding(created=2)),
            siblings=(make_binding(make_spec(untrustedLua="sandbox"), name="elder", created=1),),
        ),
        "GatewayPending",
        [
            "lacks KONG_TRACING_INSTRUMENTATIONS=all",
            "Only the settings of the older binding kong/elder apply: use these.",
        ],
    ),
    ("no pod", with_env(WANTED, rollout=DOWN), "GatewayNotRunning", ["no ready pod", "kubectl -n kong get pods"]),
    ("rolling out, seen from the start", rolling(make_container(TRACING)), "GatewayRollingOut", ["being replaced"]),
    ("rolling out, not seen from the start", with_env(WANTED, rollout=STARTING, replaced=None), "GatewayRollingOut", []),
    ("rolling out from an older Kong", rolling(make_container(image="kong/kong-gateway:3.12")), "GatewayRollingOut", []),
    ("rolling out from another container", rolling(make_container(name="kong")), "GatewayRollingOut", []),
    (
        "rolling out from switched-off Lua",
        rolling(make_container({**TRACING, UNTRUSTED_LUA: "off"}), env=TRACING, binding=make_binding(make_spec(untrustedLua="Unmanaged"))),
        "GatewayRollingOut",
        [],
    ),
    (
        "rolling out from one template with the settings to another",
        rolling(make_container(image="kong/kong-gateway:3.13.0.5")),
        "GatewayConfigured",
        [],
    ),
    ("invalid spec", make_snapshot(replace(make_binding(), spec=None)), "GatewayNotEvaluated", []),
    ("not granted", make_snapshot(make_binding(namespace="ai")), "GatewayNotEvaluated", []),
]


@pytest.mark.parametrize(("snapshot", "expected", "phrases"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_finding(snapshot: Snapshot, expected: str, phrases: list[str]) -> None:
    finding = evaluate_gateway(snapshot).finding

    assert expected == finding.reason.name
    assert [phrase for phrase in phrases if phrase not in finding.message] == []


@pytest.mark.parametrize("source", [False, True])
def test_a_long_value_leaves_room_for_the_remedy(source: bool) -> None:  # noqa: FBT001
    long = ",".join(f"custom-{n}" for n in range(4_000))
    taken_in = EnvEntry("KONG_PLUGINS", None, from_source=True, written=f"$(BASE),{long}")
    entry = taken_in if source else EnvEntry("KONG_PLUGINS", long)
    found = evaluate_gateway(with_env((entry, *(EnvEntry(n, v) for n, v in WANTED.items())))).finding

    assert found.reason.name == ("GatewaySettingFromSource" if source else "GatewayPluginsNotEnabled")
    assert len(found.message) < 2_000


def test_nothing_of_a_workload_is_shown_without_a_grant() -> None:
    snapshot = make_snapshot(
        make_binding(namespace="ai"), workload=make_workload(make_container({SAMPLING_RATE: "0.123"}, image="private:1"))
    )

    view = evaluate_gateway(snapshot)

    assert (view.version, view.image) == (None, None)
    assert "0.123" not in view.finding.message


@pytest.mark.parametrize(
    ("snapshot", "ready", "off"),
    [
        pytest.param(make_snapshot(), True, False, id="all is right"),
        pytest.param(with_image("kong/kong-gateway@sha256:" + "0" * 64), True, False, id="version unknown"),
        pytest.param(with_image("kong/kong-gateway:3.13.0.2"), True, False, id="version advised"),
        pytest.param(with_image("kong:3.9"), False, False, id="version unsupported"),
        pytest.param(with_env({}), False, False, id="settings absent"),
        pytest.param(with_env(WANTED, rollout=STARTING, replaced=None), False, False, id="rolling out"),
        pytest.param(rolling(make_container()), True, False, id="rolling out with the settings"),
        pytest.param(with_sources(TRACING, KONG_ENV, untrustedLua="Unmanaged"), False, True, id="perhaps off in a ConfigMap"),
        pytest.param(with_env(WANTED, rollout=DOWN), False, False, id="no pod"),
        pytest.param(with_env({**WANTED, UNTRUSTED_LUA: "off"}), False, True, id="off"),
        pytest.param(seen_by({"untrustedLua": "Unmanaged"}, with_env({**TRACING, UNTRUSTED_LUA: "off"})), False, True, id="off, unmanaged"),
        pytest.param(seen_by({"untrustedLua": "Unmanaged"}, with_env(TRACING)), True, False, id="absent, unmanaged"),
        pytest.param(with_env({**WANTED, UNTRUSTED_LUA: "off"}, owners={"DataPlane": "edge"}), False, True, id="off, Kong Operator's"),
        pytest.param(make_snapshot(workload=None), False, False, id="no workload"),
    ],
)
def test_what_the_pre_function_plugin_may_do(snapshot: Snapshot, ready: bool, off: bool) -> None:  # noqa: FBT001
    view = evaluate_gateway(snapshot)

    assert (ready, off) == (view.lua_ready, view.lua_off)


def test_version_and_image_are_shown_even_where_something_is_wrong() -> None:
    view = evaluate_gateway(with_image("kong:3.9.1"))

    assert (view.version, view.image) == ("3.9.1", "kong:3.9.1")


def test_the_cases_reach_every_reason_but_those_of_writing() -> None:
    judged = {expected for _, _, expected, _ in CASES} | {case[4] for case in test_rollouts.CASES}
    reachable = judged | {"GatewaySettingsReverted", "GatewayWriteFailing", "GatewayWriteRefused"}

    assert {name for name, entry in REASONS.items() if entry.type is ConditionType.GATEWAY_CONFIGURED} == reachable
