from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.api import BindingSpec, Override, PatchOperation
from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.checks import evaluate_acceptance
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.decision import decide
from fiddler_kong_operator.plan.snapshot import Attachable, Child, ConsumerPlugin, Snapshot
from fiddler_kong_operator.plan.workload import Rollout, Workload
from tests.unit.plan.situations import (
    AGENT,
    ATTACHED,
    EXPOSED,
    WANTED,
    make_binding,
    make_container,
    make_snapshot,
    make_spec,
    make_workload,
)

CHAT = ObjectKey("Service", "kong", "chat")
GRANT = ObjectKey("ReferenceGrant", "kong", "from-shop")
CANARY = ObjectKey("Service", "kong", "canary")
OWN_INGRESS = ObjectKey("Ingress", "kong", "assistant-openai")
OWN_SERVICE = ObjectKey("Service", "kong", "assistant-openai")
ATTACHED_WITH_LLM = {**ATTACHED, "llm": EXPOSED["llm"]}


def target(*plugins: str, key: ObjectKey = CHAT) -> dict[ObjectKey, Attachable]:
    return {key: Attachable(key, "uid-target", "5", plugins)}


def attached(*plugins: str, route: dict[str, Any] = ATTACHED, sessions: str = "Header", **more: Any) -> Snapshot:
    """A binding that attaches to a Service which already lists these plugins."""
    return make_snapshot(make_binding(make_spec(route, sessions=sessions)), targets=target(*plugins), **more)


def ingress(name: str, *rules: tuple[str, str], namespace: str = "kong", ingress_class: str | None = "kong") -> Attachable:
    return Attachable(ObjectKey("Ingress", namespace, name), f"uid-{name}", "5", ingress_class=ingress_class, rules=rules)


def exposed(*ingresses: Attachable, host: str | None = None, **more: Any) -> Snapshot:
    """A binding that exposes /openai while these Ingresses exist."""
    route = EXPOSED if host is None else {**EXPOSED, "expose": {"path": "/openai", "host": host}}
    return make_snapshot(make_binding(make_spec(route), created=5), ingresses=ingresses, **more)


def on_gateway(*seen: Attachable, **more: Any) -> Snapshot:
    """A binding that exposes /openai on the Gateway kong/kong while these Ingresses and HTTPRoutes exist."""
    route = {**EXPOSED, "expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}}
    return make_snapshot(make_binding(make_spec(route), created=5), ingresses=seen, **more)


def gateway_route(name: str, *rules: tuple[str, str], gateway: str = "kong/kong") -> Attachable:
    """An HTTPRoute of a Gateway."""
    return Attachable(ObjectKey("HTTPRoute", "kong", name), f"uid-{name}", "5", gateways=(gateway,), rules=rules)


def child(kind: str, name: str, owner: str | None, label: str | None = "assistant", *, written: bool = True) -> dict[ObjectKey, Child]:
    key = ObjectKey(kind, "kong", name)
    return {key: Child(key, "uid-child", "5", owner, label, b"", written=written)}


def own_service(*plugins: str, **more: Any) -> Snapshot:
    """A binding whose own Service lists these plugins."""
    owned = child("Service", OWN_SERVICE.name, "uid-assistant")
    owners = {"assistant-opentelemetry": "uid-assistant"}
    return make_snapshot(make_binding(), targets=target(*plugins, key=OWN_SERVICE), children=owned, plugin_owners=owners, **more)


def by_webhook(snapshot: Snapshot) -> Snapshot:
    """The same, where a webhook changed what the operator wrote."""
    return replace(snapshot, children={key: replace(child, defaulted_from=b"written") for key, child in snapshot.children.items()})


def on_ingress(ingress_class: str | None, backends: tuple[tuple[ObjectKey, ...], ...] = (), **more: Any) -> Snapshot:
    """A binding that attaches to an Ingress of that class."""
    route = {"name": "web", "attachTo": {"kind": "Ingress", "name": "web"}}
    web = replace(ingress("web", ingress_class=ingress_class), backends=backends)
    return make_snapshot(make_binding(make_spec(route)), targets={web.key: web}, **more)


def ingress_to(service: ObjectKey, ingress_class: str | None) -> Attachable:
    """An Ingress of that class that leads to the Service."""
    return replace(ingress(f"to-{ingress_class}", ingress_class=ingress_class), backends=((service,),))


def consumers(*names: str, kind: str = "opentelemetry") -> tuple[ConsumerPlugin, ...]:
    """Consumers that list `theirs`, by namespace and name."""
    return tuple(ConsumerPlugin(ObjectKey("KongConsumer", *name.split("/")), "theirs", kind) for name in names)


def http_route(*rules: tuple[ObjectKey, ...], plugins: tuple[str, ...] = ()) -> Attachable:
    """An HTTPRoute with these Services in each rule."""
    return Attachable(ObjectKey("HTTPRoute", "kong", "split"), "uid-split", "5", plugins, backends=rules)


def with_application(uuid: str) -> BindingSpec:
    """A valid spec with that application's id."""
    spec = make_spec()
    return spec.model_copy(update={"fiddler": spec.fiddler.model_copy(update={"application_id": uuid})})


def on_route(*plugins: str, filters: tuple[str, ...] = (), foreign: bool = False, **more: Any) -> Snapshot:
    """A binding that attaches to an HTTPRoute with these plugins."""
    chat = Attachable(ObjectKey("HTTPRoute", "kong", "chat"), "uid-chat", "5", plugins, filters=filters, foreign=foreign)
    return make_snapshot(make_binding(make_spec(TO_ROUTE)), targets={chat.key: chat}, **more)


def from_to(old: str, new: str) -> Workload:
    """A gateway whose pods with the first image are being replaced by some with the second one."""
    starting = Rollout(complete=False, ready=True)
    return make_workload(make_container(image=new), rollout=starting, replaced=((make_container(image=old),),))


def without_tls_verification(image: str, old: str = "", **env: str) -> Snapshot:
    """A binding that attaches to such a Service, on a gateway of that image; during a rollout, older pods have the image `old`."""
    chat = Attachable(CHAT, "uid-target", "5", unverified_tls=True)
    workload = from_to(old, image) if old else make_workload(make_container({**WANTED, **env}, image=image))
    return make_snapshot(make_binding(make_spec(ATTACHED)), targets={CHAT: chat}, workload=workload)


KONGS: dict[str, Any] = {"ingress_classes": {"kong": True, "internal": False}, "kong_classes": frozenset({"kong", "internal"})}
TO_ROUTE = {"name": "chat", "attachTo": {"kind": "HTTPRoute", "name": "chat"}}
OWNERS = {"assistant-opentelemetry": "uid-assistant"}
OURS = ("assistant-pre-function", "assistant-opentelemetry")
OPENAI = ("", "/openai")
AI_METRICS = PatchOperation(op="add", path="/metrics/enable_ai_metrics", value=True)
LATER = make_spec().model_copy(update={"overrides": (Override(plugin="opentelemetry", patch=(AI_METRICS,)),)})
RIVAL = make_binding(make_spec(EXPOSED), name="rival", created=1)
YOUNG_RIVAL = make_binding(make_spec(EXPOSED), name="rival", created=9)
RIVAL_INGRESS = ingress("rival-openai", OPENAI)

CASES: list[tuple[str, Snapshot, str, list[str]]] = [
    ("all is right", make_snapshot(), "Accepted", ["clashes with nothing"]),
    (
        "invalid spec",
        make_snapshot(replace(make_binding(), spec=None, invalid="routes: must have at least 1 item"), kong_installed=False),
        "InvalidSpec",
        ["routes: must have at least 1 item"],
    ),
    ("invalid spec without an explanation", make_snapshot(replace(make_binding(), spec=None)), "InvalidSpec", ["could not be read"]),
    (
        "a key in clear",
        make_snapshot(make_binding(make_spec(url="http://acme.example.com"))),
        "EndpointRefused",
        ["uses http for acme.example.com", "Use https"],
    ),
    ("http inside the cluster", make_snapshot(make_binding(make_spec(url="http://sink.fiddler.svc:4318"))), "Accepted", []),
    (
        "http allowed by the administrator",
        make_snapshot(make_binding(make_spec(url="http://acme.example.com")), endpoints=EndpointPolicy(allow_http=True)),
        "Accepted",
        [],
    ),
    ("metadata service", make_snapshot(make_binding(make_spec(url="https://169.254.169.254"))), "EndpointRefused", ["metadata service"]),
    (
        "a model in the metadata service",
        make_snapshot(
            make_binding(make_spec({**EXPOSED, "llm": {**EXPOSED["llm"], "options": {"upstreamUrl": "http://169.254.169.254:80/latest"}}}))
        ),
        "EndpointRefused",
        ["spec.routes[0].llm.options.upstreamUrl: 169.254.169.254", "metadata service"],
    ),
    (
        "a model in the gateway's own machine, whatever the probe may reach",
        make_snapshot(
            make_binding(make_spec({**EXPOSED, "llm": {**EXPOSED["llm"], "options": {"upstreamUrl": "http://127.0.0.1:8001/config"}}})),
            endpoints=EndpointPolicy(allow_http=True, allowed_addresses=("127.0.0.0/8",)),
        ),
        "EndpointRefused",
        ["upstreamUrl: 127.0.0.1 is a loopback address, where Kong's own Admin API listens", "Write the name of a Service"],
    ),
    (
        "a field that the gateway's Kong does not have yet",
        make_snapshot(make_binding(LATER)),
        "InvalidSpec",
        ["spec.overrides[0].patch[0]: /metrics/enable_ai_metrics of opentelemetry exists from Kong 3.14 on, the gateway runs 3.13"],
    ),
    (
        "a field that the gateway's Kong has",
        make_snapshot(make_binding(LATER), workload=make_workload(make_container(image="kong/kong-gateway:3.14.0.7"))),
        "Accepted",
        [],
    ),
    (
        "a field that the older pods' Kong does not have",
        make_snapshot(make_binding(LATER), workload=from_to("kong/kong-gateway:3.13.0.7", "kong/kong-gateway:3.14.0.7")),
        "InvalidSpec",
        ["exists from Kong 3.14 on, the gateway runs 3.13", "Pods of an older template may still run it; the operator looks again"],
    ),
    (
        "a field that the gateway's Kong may have",
        make_snapshot(make_binding(LATER), workload=make_workload(make_container(image="kong/kong-gateway:latest"))),
        "Accepted",
        [],
    ),
    (
        "a gateway that tells no stranger its version",
        make_snapshot(make_binding(LATER, namespace="ai")),
        "GatewayNotGranted",
        [],
    ),
    ("an address in decimal", make_snapshot(make_binding(make_spec(url="https://2852039166"))), "EndpointRefused", ["usual form"]),
    (
        "no Kong",
        make_snapshot(make_binding(make_spec(suspend=True)), kong_installed=False),
        "KongNotInstalled",
        ["Install Kong Ingress Controller"],
    ),
    ("a kind not watched", make_snapshot(forbidden=("KongPlugin cannot be watched",)), "WatchForbidden", ["KongPlugin cannot be watched."]),
    ("suspended", make_snapshot(make_binding(make_spec(suspend=True), namespace="ai")), "Suspended", ["Set it to false"]),
    (
        "not granted",
        make_snapshot(make_binding(namespace="ai")),
        "GatewayNotGranted",
        ["Deployment kong/kong-gateway", "namespace ai", "integrations.fiddler.ai/allow-bindings-from: ai"],
    ),
    ("granted", make_snapshot(make_binding(namespace="ai"), workload=make_workload(grant="web, ai")), "Accepted", []),
    ("no workload to ask", make_snapshot(make_binding(namespace="ai"), workload=None), "Accepted", []),
    (
        "settings clash",
        make_snapshot(
            make_binding(make_spec(untrustedLua="sandbox"), created=2), siblings=(make_binding(make_spec(), name="elder", created=1),)
        ),
        "GatewaySettingsClash",
        ["gateway.untrustedLua is sandbox", "older binding kong/elder has on", "KONG_UNTRUSTED_LUA", "same value"],
    ),
    (
        "settings clash with a younger one",
        make_snapshot(make_binding(make_spec(untrustedLua="sandbox"), created=2), siblings=(make_binding(name="younger", created=3),)),
        "Accepted",
        [],
    ),
    (
        "target missing",
        make_snapshot(make_binding(make_spec(ATTACHED))),
        "TargetNotFound",
        ["Service kong/chat (route chat, attachTo) does not exist", "correct attachTo"],
    ),
    (
        "target not readable",
        make_snapshot(make_binding(make_spec(ATTACHED)), unread={CHAT: Transient("get Service kong/chat: busy")}),
        "TargetNotReadable",
        ["Service kong/chat (route chat, attachTo): get Service kong/chat: busy"],
    ),
    ("target without plugins", attached(), "Accepted", []),
    (
        "same type",
        attached("company-tracing", plugin_types={"company-tracing": "opentelemetry"}),
        "PluginClash",
        ["Service kong/chat (route chat, attachTo)", "company-tracing of type opentelemetry", "freeze", "konghq.com/plugins"],
    ),
    (
        "same type, pre-function",
        attached("guard", plugin_types={"guard": "pre-function"}),
        "PluginClash",
        ["guard of type pre-function", "sessions.mode to Disabled"],
    ),
    (
        "another's pre-function, for attributes alone",
        replace(
            attached("rival-pre-function", plugin_types={"rival-pre-function": "pre-function"}),
            binding=make_binding(make_spec(ATTACHED, sessions="Disabled", attributes=[AGENT])),
        ),
        "PluginClash",
        ["rival-pre-function of type pre-function", "leave attributes out"],
    ),
    (
        "a collector without TLS outside the cluster",
        make_snapshot(make_binding(make_spec(export={"endpoint": "http://otel.acme.example:4318"}))),
        "EndpointRefused",
        ["fiddler.export.endpoint uses http for otel.acme.example, which is not inside the cluster"],
    ),
    (
        "a metadata service as collector",
        make_snapshot(make_binding(make_spec(export={"endpoint": "https://169.254.169.254"}))),
        "EndpointRefused",
        ["fiddler.export.endpoint must be your collector"],
    ),
    (
        "a collector in the cluster",
        make_snapshot(make_binding(make_spec(export={"endpoint": "http://otel.kong.svc:4318"}))),
        "Accepted",
        [],
    ),
    (
        "a tenth of the calls",
        make_snapshot(make_binding(make_spec(tracing={"samplingRate": 0.1}))),
        "Accepted",
        ["tracing.samplingRate is 0.1: Kong traces that share of the calls", "sessions in Fiddler lack the others"],
    ),
    (
        "the client's trace left aside",
        make_snapshot(make_binding(make_spec(tracing={"propagation": "Ignore"}))),
        "Accepted",
        ["clashes with nothing."],
    ),
    (
        "an id that is not one of Fiddler's applications",
        make_snapshot(make_binding(with_application("3f0c9a54-8a5e-1c1c-9d53-6d1f6d1b7c11"))),
        "Accepted",
        ["fiddler.applicationId is a UUID of version 1", "check that it is the id of the application"],
    ),
    (
        "neither an id nor the client's trace",
        make_snapshot(make_binding(make_spec(tracing={"propagation": "Ignore"}, sessions="Disabled"))),
        "Accepted",
        ["tracing.propagation is Ignore and sessions.mode is Disabled, so every call is a session of its own"],
    ),
    (
        "a tenth of the calls, beside other advice",
        make_snapshot(make_binding(make_spec(tracing={"samplingRate": 0.1})), global_plugins={"opentelemetry": "company"}),
        "ShadowsGlobalPlugin",
        ["global KongClusterPlugin company", "tracing.samplingRate is 0.1"],
    ),
    ("pre-function where sessions are off", attached("guard", plugin_types={"guard": "pre-function"}, sessions="Disabled"), "Accepted", []),
    ("ai-proxy of the route's own", attached("llm", plugin_types={"llm": "ai-proxy"}), "Accepted", []),
    (
        "a second ai-proxy",
        attached("llm", plugin_types={"llm": "ai-proxy"}, route=ATTACHED_WITH_LLM),
        "PluginClash",
        ["llm of type ai-proxy", "remove llm from this route"],
    ),
    ("other types", attached("key-auth", plugin_types={"key-auth": "key-auth"}), "Accepted", []),
    (
        "our own, already attached",
        attached(
            "assistant-opentelemetry",
            plugin_types={"assistant-opentelemetry": "opentelemetry"},
            plugin_owners={"assistant-opentelemetry": "uid-assistant"},
        ),
        "Accepted",
        [],
    ),
    (
        "another binding's",
        attached(
            "rival-opentelemetry",
            plugin_types={"rival-opentelemetry": "opentelemetry"},
            plugin_owners={"rival-opentelemetry": "uid-rival"},
        ),
        "PluginClash",
        ["rival-opentelemetry"],
    ),
    (
        "from another namespace",
        attached("platform:tracing", plugin_types={"platform:tracing": "opentelemetry"}),
        "PluginClash",
        ["platform:tracing of type opentelemetry"],
    ),
    (
        "a name without a plugin that a webhook adds to our Service",
        by_webhook(own_service("assistant-opentelemetry", "ghost")),
        "Accepted",
        ["Service kong/assistant-openai also lists ghost: no plugin of that name is visible"],
    ),
    ("a name without a plugin that another client adds to our Service", own_service("assistant-opentelemetry", "ghost"), "Accepted", []),
    (
        "a name without a plugin, where ours are attached",
        attached("ghost", *OURS),
        "Accepted",
        ["Service kong/chat also lists ghost: no plugin of that name is visible"],
    ),
    (
        "a name without a plugin",
        attached("ghost"),
        "UnknownPlugin",
        [
            "(route chat, attachTo) lists ghost, but there is no KongPlugin or KongClusterPlugin of that name",
            "Create it, or take ghost out",
        ],
    ),
    (
        "a name of another namespace without a plugin",
        attached("kong:ghost"),
        "UnknownPlugin",
        ["sees no such KongPlugin in namespace kong", "let an administrator add kong (chart value watchNamespaces)"],
    ),
    ("a name without a plugin, where not all of ours are attached", attached("ghost", "assistant-opentelemetry"), "UnknownPlugin", []),
    (
        "a name that may be a plugin nobody lets us see",
        attached("ghost", cluster_plugins_readable=False),
        "UnknownPlugin",
        ["may not read KongClusterPlugins", "--read-cluster-kinds (chart value readClusterKinds)"],
    ),
    (
        "an ai-proxy-advanced beside our ai-proxy",
        attached("llm", plugin_types={"llm": "ai-proxy-advanced"}, route=ATTACHED_WITH_LLM),
        "PluginClash",
        ["llm of type ai-proxy-advanced; beside ai-proxy on one Service, both would answer the call", "remove llm from this route"],
    ),
    ("ai-proxy-advanced of the route's own", attached("llm", plugin_types={"llm": "ai-proxy-advanced"}), "Accepted", []),
    (
        "a policy adds one of our types to our own Service",
        own_service("corporate-tracing", plugin_types={"corporate-tracing": "opentelemetry"}),
        "PluginClash",
        ["adds corporate-tracing of type opentelemetry to Service kong/assistant-openai (route openai, expose)", "Exempt the Service"],
    ),
    (
        "a policy adds another type to our own Service",
        own_service("corporate-acl", plugin_types={"corporate-acl": "acl"}),
        "Accepted",
        [],
    ),
    (
        "our own Service with a plugin that somebody added after our last write",
        own_service(
            "assistant-opentelemetry", "theirs", plugin_types={"theirs": "opentelemetry", "assistant-opentelemetry": "opentelemetry"}
        ),
        "Accepted",
        [],
    ),
    (
        "a target of another binding",
        attached(target_owners={CHAT: "elder"}),
        "TargetOwned",
        ["Service kong/chat (route chat, attachTo) belongs to the binding elder"],
    ),
    ("a target of its own", attached(target_owners={CHAT: "assistant"}), "TargetOwned", ["belongs to this binding"]),
    (
        "an Ingress of another class",
        on_ingress("internal"),
        "OtherIngressClass",
        ["Ingress kong/web (route web, attachTo) has the ingress class internal", "gateway.ingressClassName is kong"],
    ),
    ("an Ingress of our class", on_ingress("kong"), "Accepted", []),
    ("an Ingress without a class, perhaps of the default one", on_ingress(None), "Accepted", []),
    ("an Ingress without a class, ours is the default", on_ingress(None, ingress_classes={"kong": True}), "Accepted", []),
    (
        "an Ingress without a class, ours is not the default",
        on_ingress(None, ingress_classes={"kong": False, "nginx": True}),
        "OtherIngressClass",
        ["has no ingress class, and kong (gateway.ingressClassName) is not the default"],
    ),
    (
        "a Service behind an Ingress of another Kong's class",
        attached(routes=(ingress_to(CHAT, "kong"), ingress_to(CHAT, "internal")), **KONGS),
        "OtherIngressClass",
        [
            "Service kong/chat (route chat, attachTo) is reached through Ingress kong/to-internal, which another Kong serves",
            "its ingress class is internal, and gateway.ingressClassName is kong",
            "Attach to the Ingress of class kong instead",
        ],
    ),
    (
        "a Service behind an Ingress of another Kong's class, the default one",
        attached(routes=(ingress_to(CHAT, None),), **(KONGS | {"ingress_classes": {"internal": True, "kong": False}})),
        "OtherIngressClass",
        ["its ingress class is internal"],
    ),
    (
        "a Service behind an Ingress without a class, where another Kong's class is a default one too",
        attached(routes=(ingress_to(CHAT, None),), **(KONGS | {"ingress_classes": {"kong": True, "internal": True}})),
        "OtherIngressClass",
        ["its ingress class is internal"],
    ),
    ("a Service behind an Ingress of another controller", attached(routes=(ingress_to(CHAT, "nginx"),), **KONGS), "Accepted", []),
    ("a Service behind an Ingress without a class", attached(routes=(ingress_to(CHAT, None),), **KONGS), "Accepted", []),
    (
        "another Service behind an Ingress of another Kong's class",
        attached(routes=(ingress_to(CANARY, "internal"),), **KONGS),
        "Accepted",
        [],
    ),
    (
        "a class that no IngressClass has",
        make_snapshot(ingress_classes={"kong-internal": False, "nginx": True}),
        "IngressClassNotFound",
        ["no IngressClass kong (gateway.ingressClassName); the cluster has kong-internal, nginx."],
    ),
    ("a class that exists", make_snapshot(ingress_classes={"kong": False}), "Accepted", []),
    ("a missing class, where no route needs it", attached(ingress_classes={"nginx": True}), "Accepted", []),
    (
        "a Service that shares a rule",
        attached(routes=(http_route((CHAT, CANARY)),)),
        "SharedBackend",
        [
            "shares a rule of HTTPRoute kong/split with Service canary",
            "Attach to the HTTPRoute instead (attachTo: {kind: HTTPRoute, name: split})",
            "or give the Service a rule of its own",
        ],
    ),
    (
        "a Service that shares a rule in another namespace",
        attached(routes=(replace(http_route((CHAT, CANARY)), key=ObjectKey("HTTPRoute", "shop", "split")),)),
        "SharedBackend",
        ["by a binding in namespace shop (attachTo: {kind: HTTPRoute, name: split})"],
    ),
    ("an HTTPRoute", on_route("cors", filters=("limit",), plugin_types={"cors": "cors", "limit": "rate-limiting"}), "Accepted", []),
    (
        "an HTTPRoute whose list has a plugin of a type of ours",
        on_route("theirs", plugin_types={"theirs": "opentelemetry"}),
        "PluginClash",
        ["HTTPRoute kong/chat (route chat, attachTo) already has theirs of type opentelemetry", "out of its annotation konghq.com/plugins"],
    ),
    (
        "an HTTPRoute whose filter names a plugin of a type of ours",
        on_route(filters=("theirs",), plugin_types={"theirs": "opentelemetry"}),
        "PluginClash",
        ["already has theirs of type opentelemetry", "Take the filter (extensionRef) that names theirs out of its rules"],
    ),
    (
        "an HTTPRoute whose filter names a plugin of the binding",
        on_route(filters=("assistant-opentelemetry",)),
        "PluginClash",
        ["already has assistant-opentelemetry of type opentelemetry", "Take the filter (extensionRef) that names"],
    ),
    (
        "an HTTPRoute whose filter names no plugin",
        on_route(filters=("ghost",)),
        "UnknownPlugin",
        ["lists ghost", "take ghost out of the filters of its rules"],
    ),
    (
        "an HTTPRoute of another implementation",
        on_route(foreign=True),
        "OtherIngressClass",
        ["HTTPRoute kong/chat (route chat, attachTo) is not Kong's", "Name a Gateway that Kong's controller serves in its parentRefs"],
    ),
    (
        "an HTTPRoute in a cluster without the Gateway API",
        make_snapshot(make_binding(make_spec(TO_ROUTE)), routes_installed=False),
        "GatewayApiNotInstalled",
        ["does not know HTTPRoute (gateway.networking.k8s.io/v1)", "Install the resource definitions of the Gateway API"],
    ),
    ("a Service in a cluster without the Gateway API", attached(routes_installed=False), "Accepted", []),
    ("an HTTPRoute that does not exist", make_snapshot(make_binding(make_spec(TO_ROUTE))), "TargetNotFound", ["HTTPRoute kong/chat"]),
    (
        "an HTTPRoute on an exposed place",
        exposed(replace(http_route((CHAT,)), rules=(("", "/openai/"),))),
        "PathOverlap",
        ["HTTPRoute kong/split serves the path /openai of route openai too"],
    ),
    ("an HTTPRoute on another host", exposed(replace(http_route((CHAT,)), rules=(("a.example", "/openai"),))), "Accepted", []),
    ("a Gateway, beside nothing", on_gateway(), "Accepted", []),
    (
        "a Gateway in a cluster without the Gateway API",
        on_gateway(routes_installed=False),
        "GatewayApiNotInstalled",
        ["which expose.gatewayRef needs (HTTPRoute kong/assistant-openai)", "leave gatewayRef out to get an Ingress"],
    ),
    ("a Gateway, whatever the ingress classes", on_gateway(ingress_classes={"nginx": True}), "Accepted", []),
    (
        "a place that another HTTPRoute of the Gateway serves",
        on_gateway(gateway_route("web", OPENAI)),
        "RouteClash",
        ["which HTTPRoute kong/web of the same Gateway already serves"],
    ),
    (
        "a place that an HTTPRoute of another Gateway serves",
        on_gateway(gateway_route("web", OPENAI, gateway="shop/kong")),
        "PathOverlap",
        ["HTTPRoute kong/web serves the path /openai of route openai too"],
    ),
    (
        "a place that an Ingress of the class serves",
        on_gateway(ingress("web", OPENAI)),
        "PathOverlap",
        ["Ingress kong/web serves the path"],
    ),
    ("a place that an Ingress of another class serves", on_gateway(ingress("web", OPENAI, ingress_class="nginx")), "Accepted", []),
    ("a regular expression of the Gateway", on_gateway(gateway_route("web", ("", "/~/open.*"))), "PathOverlap", ["regular expression"]),
    (
        "a longer path of another Ingress",
        exposed(ingress("web", ("", "/openai/v1/images"))),
        "PathOverlap",
        ["Ingress kong/web serves /openai/v1/images, below the path /openai of route openai", "this binding does not trace them"],
    ),
    ("a longer path of an HTTPRoute", exposed(gateway_route("web", ("", "/openai/v1"))), "PathOverlap", ["HTTPRoute kong/web serves"]),
    ("a longer path on another host", exposed(ingress("web", ("a.example", "/openai/v1"))), "Accepted", []),
    ("a longer path of another class", exposed(ingress("web", ("", "/openai/v1"), ingress_class="nginx")), "Accepted", []),
    ("a longer name", exposed(ingress("web", ("", "/openai-v1"))), "Accepted", []),
    (
        "a longer path of an Ingress to which the binding is attached",
        make_snapshot(
            make_binding(make_spec(EXPOSED, {"name": "web", "attachTo": {"kind": "Ingress", "name": "web"}}), created=5),
            ingresses=(ingress("web", ("", "/openai/v1")),),
            targets={ObjectKey("Ingress", "kong", "web"): ingress("web", ("", "/openai/v1"))},
        ),
        "Accepted",
        [],
    ),
    (
        "a longer path that leads to a Service to which the binding is attached",
        make_snapshot(
            make_binding(make_spec(EXPOSED, ATTACHED), created=5),
            ingresses=(replace(ingress("web", ("", "/openai/v1")), backends=((CHAT,),)),),
            targets=target(),
        ),
        "Accepted",
        [],
    ),
    (
        "a longer path of another binding",
        exposed(ingress("bot-openai", ("", "/openai/v1")), siblings=(make_binding(make_spec(EXPOSED), name="bot", created=9),)),
        "Accepted",
        [],
    ),
    (
        "a longer path of its own",
        exposed(ingress(OWN_INGRESS.name, ("", "/openai/v1")), children=child("Ingress", OWN_INGRESS.name, "uid-assistant")),
        "Accepted",
        [],
    ),
    (
        "our own HTTPRoute beside our former Ingress",
        on_gateway(
            gateway_route(OWN_INGRESS.name, OPENAI),
            ingress(OWN_INGRESS.name, OPENAI),
            children={**child("HTTPRoute", OWN_INGRESS.name, "uid-assistant"), **child("Ingress", OWN_INGRESS.name, "uid-assistant")},
        ),
        "Accepted",
        [],
    ),
    ("a Service with a rule of its own", attached(routes=(http_route((CHAT,), (CANARY,)),)), "Accepted", []),
    (
        "routes that nobody lets us see",
        attached(routes_readable=False),
        "RoutesNotReadable",
        ["may not list httproutes (gateway.networking.k8s.io)", "add list and watch"],
    ),
    (
        "routes of a namespace that is not watched",
        attached(unseen_routes={CHAT: {"shop": GRANT}}),
        "RoutesNotReadable",
        [f"{GRANT} lets HTTPRoutes of namespace shop lead to the Service", "add shop to the operator's", "watchNamespaces"],
    ),
    (
        "routes of a namespace that is not watched, where ours are attached",
        attached(*OURS, unseen_routes={CHAT: {"shop": GRANT}}),
        "Accepted",
        [],
    ),
    ("routes that nobody lets us see, where ours are attached", attached(*OURS, routes_readable=False), "Accepted", []),
    ("routes that nobody lets us see, for an Ingress", on_ingress("kong", routes_readable=False), "Accepted", []),
    (
        "TLS without verification on a Kong that refuses it",
        without_tls_verification("kong/kong-gateway:3.14.0.7"),
        "TlsVerificationOff",
        ['annotation konghq.com/tls-verify: "false"', "this one runs Kong 3.14.0.7", "Remove the annotation"],
    ),
    ("TLS without verification on an unknown Kong", without_tls_verification("kong"), "TlsVerificationOff", ["unknown version"]),
    (
        "TLS without verification on a Kong that older pods run",
        without_tls_verification("kong/kong-gateway:3.13.0.7", old="kong/kong-gateway:3.14.0.7"),
        "TlsVerificationOff",
        ["this one runs Kong 3.14.0.7"],
    ),
    ("TLS without verification on an older Kong", without_tls_verification("kong/kong-gateway:3.13.0.7"), "Accepted", []),
    (
        "TLS without verification on a Kong that was told to admit it",
        without_tls_verification("kong/kong-gateway:3.14.0.7", KONG_TLS_CERTIFICATE_VERIFY="off"),
        "Accepted",
        [],
    ),
    (
        "a plugin on a route to the target",
        attached(routes=(http_route((CHAT,), plugins=("theirs",)),), plugin_types={"theirs": "opentelemetry"}),
        "ShadowedPlugin",
        ["theirs (opentelemetry) of HTTPRoute kong/split to Service kong/chat"],
    ),
    (
        "a plugin on consumers",
        attached(consumer_plugins=consumers("kong/alice", "kong/bob", "shop/carol", "shop/dave")),
        "ShadowedPlugin",
        [
            "KongConsumer kong/alice (theirs, opentelemetry), KongConsumer kong/bob (theirs, opentelemetry), consumers in namespace shop",
            "shop (opentelemetry). Kong runs",
            "Take it off the consumer",
        ],
    ),
    (
        "a plugin on many consumers",
        attached(consumer_plugins=consumers(*(f"kong/c{number}" for number in range(2000)))),
        "ShadowedPlugin",
        ["KongConsumer kong/c1000 (theirs, opentelemetry), 1995 more. Kong runs"],
    ),
    (
        "another plugin that answers calls, on consumers",
        attached(route=ATTACHED_WITH_LLM, consumer_plugins=consumers("kong/alice", kind="ai-proxy-advanced")),
        "ShadowedPlugin",
        ["Calls of some consumers are answered twice, because these have a plugin of type ai-proxy-advanced.", "each answers the call"],
    ),
    (
        "another plugin that answers calls, on a route to the target",
        attached(route=ATTACHED_WITH_LLM, routes=(http_route((CHAT,), plugins=("theirs",)),), plugin_types={"theirs": "ai-proxy-advanced"}),
        "ShadowedPlugin",
        ["answered twice, by the binding's plugin and by another of their route: theirs (ai-proxy-advanced) of HTTPRoute kong/split"],
    ),
    (
        "a plugin that answers calls on a route to a target without llm",
        attached(routes=(http_route((CHAT,), plugins=("theirs",)),), plugin_types={"theirs": "ai-proxy-advanced"}),
        "Accepted",
        [],
    ),
    (
        "a plugin of a type that is not attached on a consumer",
        attached(consumer_plugins=consumers("kong/alice", kind="ai-proxy")),
        "Accepted",
        [],
    ),
    (
        "a plugin of another type on a route to the target",
        attached(routes=(http_route((CHAT,), plugins=("theirs",)),), plugin_types={"theirs": "acl"}),
        "Accepted",
        [],
    ),
    (
        "a regular expression that may match",
        exposed(ingress("web", ("", "/~/open[a-z]+"))),
        "PathOverlap",
        ["/~/open[a-z]+ of Ingress kong/web", "may also match /openai (route openai)"],
    ),
    ("a regular expression with an optional letter", exposed(ingress("web", ("", "/~/openaix?/v1"))), "PathOverlap", []),
    ("a regular expression for something else", exposed(ingress("web", ("", "/~/images/\\d+"))), "Accepted", []),
    ("a regular expression on another host", exposed(ingress("web", ("a.example", "/~/.*"))), "Accepted", []),
    ("a regular expression of another class", exposed(ingress("web", ("", "/~/.*"), ingress_class="nginx")), "Accepted", []),
    (
        "two clashes",
        attached("tracing", "guard", plugin_types={"tracing": "opentelemetry", "guard": "pre-function"}),
        "PluginClash",
        ["tracing of type opentelemetry", "guard of type pre-function"],
    ),
    (
        "path served by another",
        exposed(ingress("web", OPENAI, namespace="shop")),
        "RouteClash",
        ["Route openai exposes path /openai on all hosts", "Ingress shop/web", "Choose another expose.path"],
    ),
    ("path with a slash at its end", exposed(ingress("web", ("", "/openai/"))), "RouteClash", []),
    (
        "host and path served by another",
        exposed(ingress("web", ("llm.example.com", "/openai")), host="llm.example.com"),
        "RouteClash",
        ["host llm.example.com"],
    ),
    ("same path, other host", exposed(ingress("web", ("llm.example.com", "/openai"))), "Accepted", []),
    ("same path, other class", exposed(ingress("web", OPENAI, ingress_class="nginx")), "Accepted", []),
    ("our own Ingress", exposed(ingress(OWN_INGRESS.name, OPENAI)), "Accepted", []),
    (
        "our own Ingress, of a route that was renamed",
        exposed(ingress("assistant-former", OPENAI), children=child("Ingress", "assistant-former", "uid-assistant")),
        "Accepted",
        [],
    ),
    ("a younger binding was first", exposed(RIVAL_INGRESS, siblings=(YOUNG_RIVAL,)), "RouteClash", []),
    ("a race with a younger binding", exposed(RIVAL_INGRESS, ingress(OWN_INGRESS.name, OPENAI), siblings=(YOUNG_RIVAL,)), "Accepted", []),
    ("a race with an older binding", exposed(RIVAL_INGRESS, ingress(OWN_INGRESS.name, OPENAI), siblings=(RIVAL,)), "RouteClash", []),
    (
        "a stranger beside our own",
        exposed(ingress("web", OPENAI), ingress(OWN_INGRESS.name, OPENAI), siblings=(YOUNG_RIVAL,)),
        "RouteClash",
        [],
    ),
    (
        "global plugins of other types",
        make_snapshot(global_plugins={"prometheus": "metrics", "key-auth": "keys"}),
        "Accepted",
        [],
    ),
    (
        "global plugins of our types",
        make_snapshot(global_plugins={"pre-function": "security", "opentelemetry": "company-tracing"}),
        "ShadowsGlobalPlugin",
        ["KongClusterPlugin company-tracing (opentelemetry)", "KongClusterPlugin security (pre-function)", "not needed here"],
    ),
    (
        "a global plugin of another type that answers calls",
        make_snapshot(global_plugins={"ai-proxy-advanced": "company-models"}),
        "ShadowsGlobalPlugin",
        ["The calls are answered twice, by the binding's plugin and by KongClusterPlugin company-models (ai-proxy-advanced). Kong runs"],
    ),
    (
        "a plugin of our type on the Service behind",
        on_ingress("kong", backends=((CHAT,),), behind=target("guard"), plugin_types={"guard": "pre-function"}),
        "ShadowsServicePlugin",
        ["guard (pre-function) of Service kong/chat", "Check that guard is not needed here"],
    ),
    (
        "a disabled plugin on the route to the Service",
        attached(
            routes=(replace(ingress("web", ingress_class="kong"), plugins=("theirs",), backends=((CHAT,),)),),
            plugin_types={"theirs": "opentelemetry"},
            disabled=frozenset({"theirs"}),
        ),
        "Accepted",
        [],
    ),
    (
        "a global pre-function where sessions are off",
        make_snapshot(make_binding(make_spec(sessions="Disabled")), global_plugins={"pre-function": "security"}),
        "Accepted",
        [],
    ),
]


@pytest.mark.parametrize(("snapshot", "expected", "phrases"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_finding(snapshot: Snapshot, expected: str, phrases: list[str]) -> None:
    finding = evaluate_acceptance(snapshot).finding

    assert expected == finding.reason.name
    assert [phrase for phrase in phrases if phrase not in finding.message] == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Secret", "assistant-kong-keys"),
        ("KongPlugin", "assistant-opentelemetry"),
        ("KongPlugin", "assistant-pre-function"),
        ("KongPlugin", "assistant-openai-ai-proxy"),
        ("Service", "assistant-openai"),
        ("Ingress", "assistant-openai"),
    ],
)
@pytest.mark.parametrize(("owner", "expected"), [("uid-assistant", "Accepted"), ("uid-other", "NameTaken"), (None, "NameTaken")])
def test_names_of_what_would_be_created(kind: str, name: str, owner: str | None, expected: str) -> None:
    finding = evaluate_acceptance(make_snapshot(children=child(kind, name, owner, None))).finding

    assert expected == finding.reason.name
    assert expected == "Accepted" or f"do not belong to this binding: {kind} {name}." in finding.message


@pytest.mark.parametrize(
    ("owner", "label", "expected"),
    [
        (None, "assistant", "Accepted"),
        (None, "another", "NameTaken"),
        ("uid-other", "assistant", "Accepted"),
        ("uid-other", "another", "NameTaken"),
    ],
    ids=["ours", "another binding's", "an earlier binding's of the name, about to go", "owned by another"],
)
def test_an_object_without_its_owner_is_known_by_its_label(owner: str | None, label: str, expected: str) -> None:
    children = child("Service", "assistant-openai", owner, label)

    assert expected == evaluate_acceptance(make_snapshot(children=children)).finding.reason.name


@pytest.mark.parametrize(("owner", "expected"), [(None, "NameTaken"), ("uid-assistant", "Accepted"), ("uid-other", "NameTaken")])
def test_an_object_that_only_bears_our_labels_is_somebodys(owner: str | None, expected: str) -> None:
    children = child("Service", "assistant-openai", owner, written=False)

    assert expected == evaluate_acceptance(make_snapshot(children=children)).finding.reason.name


def test_all_taken_names_are_listed_with_the_command_for_a_restore_from_a_backup() -> None:
    restored = child("Secret", "assistant-kong-keys", None, written=False) | child("Service", "assistant-openai", None, written=False)

    message = evaluate_acceptance(make_snapshot(children=restored)).finding.message

    assert "do not belong to this binding: Secret assistant-kong-keys; Service assistant-openai. Rename the binding" in message
    assert "`kubectl delete secret,service --namespace kong --selector integrations.fiddler.ai/binding=assistant`" in message


def test_a_plugin_that_lost_its_owner_does_not_clash_with_itself() -> None:
    snapshot = attached(
        "assistant-opentelemetry",
        plugin_types={"assistant-opentelemetry": "opentelemetry"},
        children=child("KongPlugin", "assistant-opentelemetry", None),
    )

    assert evaluate_acceptance(snapshot).finding.reason.name == "Accepted"


@pytest.mark.parametrize(
    ("kind", "name"), [("KongPlugin", "assistant-pre-function"), ("Service", "assistant-chat"), ("KongPlugin", "something-else")]
)
def test_names_that_are_not_needed_may_be_taken(kind: str, name: str) -> None:
    binding = make_binding(make_spec(ATTACHED, sessions="Disabled"))

    snapshot = make_snapshot(binding, targets=target(), children=child(kind, name, "uid-other"))

    assert evaluate_acceptance(snapshot).finding.reason.name == "Accepted"


def test_all_advice_is_said_together() -> None:
    shadowing = {"theirs": "opentelemetry"}
    snapshot = attached(
        "ghost",
        *OURS,
        routes=(http_route((CHAT,), plugins=("theirs",)),),
        plugin_types=shadowing,
        global_plugins={"pre-function": "security"},
    )

    finding = evaluate_acceptance(snapshot).finding

    said = ["theirs (opentelemetry)", "KongClusterPlugin security (pre-function)", "also lists ghost"]
    assert (finding.reason.name, [phrase for phrase in said if phrase not in finding.message]) == ("ShadowedPlugin", [])


def test_only_clashing_targets_are_to_be_left() -> None:
    other = ObjectKey("Ingress", "kong", "web")
    routes = (ATTACHED, {"name": "web", "attachTo": {"kind": "Ingress", "name": "web"}})
    both = target("tracing") | target("key-auth", key=other)

    acceptance = evaluate_acceptance(
        make_snapshot(make_binding(make_spec(*routes)), targets=both, plugin_types={"tracing": "opentelemetry"})
    )

    assert frozenset({CHAT}) == acceptance.clashing_targets


@pytest.mark.parametrize("filters", [("theirs",), ("assistant-opentelemetry",)], ids=["a plugin of its type", "itself"])
def test_ours_leave_an_http_route_when_a_filter_comes_to_name(filters: tuple[str, ...]) -> None:
    types = {"theirs": "opentelemetry", "assistant-opentelemetry": "opentelemetry", "cors": "cors"}
    seen = on_route("assistant-opentelemetry", "cors", filters=filters, plugin_types=types, plugin_owners=OWNERS)

    (left,) = decide(seen).plan.first

    assert left.plugins == ("cors",)


def test_clashing_targets_are_named_whichever_check_decides() -> None:
    snapshot = attached("tracing", plugin_types={"tracing": "opentelemetry"}, kong_installed=False)

    acceptance = evaluate_acceptance(snapshot)

    assert ("KongNotInstalled", frozenset({CHAT})) == (acceptance.finding.reason.name, acceptance.clashing_targets)


def test_plugins_on_targets_of_earlier_specs_are_no_clash() -> None:
    elsewhere = ObjectKey("Service", "kong", "former-target")

    snapshot = make_snapshot(targets=target("tracing", key=elsewhere), plugin_types={"tracing": "opentelemetry"})

    assert ("Accepted", frozenset()) == (evaluate_acceptance(snapshot).finding.reason.name, evaluate_acceptance(snapshot).clashing_targets)


def test_the_cases_reach_every_reason() -> None:
    reachable = {expected for _, _, expected, _ in CASES} | {"NameTaken"}

    assert {name for name, entry in REASONS.items() if entry.type is ConditionType.ACCEPTED} == reachable
