"""The API types of `integrations.fiddler.ai/v1alpha1`. The docstring under a field is what `kubectl explain` shows.

Everything here is generated into `crds/`: bounds, defaults, rules, columns. Change a type, run `make generate`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import AfterValidator, Field

from .auth import AwsAuth, AzureAuth
from .balancer import Balancer
from .exposure import Expose, GatewayRef, Timeouts
from .llm import Llm, LlmAuth, LlmOptions, Model, Target
from .overrides import Override, PatchOperation
from .rules import Rule
from .spans import Attribute, Sessions, Tracing
from .types import (
    ApiModel,
    ApplicationId,
    InstanceUrl,
    KongVersion,
    LabelName,
    ObjectName,
    RouteName,
    SecretKeyRef,
)

__all__ = [
    "AttachTo",
    "Attribute",
    "AwsAuth",
    "AzureAuth",
    "Balancer",
    "BindingSpec",
    "Export",
    "Expose",
    "Fiddler",
    "Gateway",
    "GatewayRef",
    "Llm",
    "LlmAuth",
    "LlmOptions",
    "Model",
    "Override",
    "PatchOperation",
    "Route",
    "SecretKeyRef",
    "Sessions",
    "Target",
    "Timeouts",
    "Tracing",
    "WorkloadRef",
]


class Export(ApiModel):
    """An OpenTelemetry Collector between Kong and Fiddler."""

    endpoint: InstanceUrl
    """URL of the collector's OTLP/HTTP receiver, scheme, host and port only, for example
    `http://otel-collector.observability.svc:4318`. Kong sends the traces there, and the collector sends them on to `fiddler.url`."""

    credentials: Literal["Forward", "Omit"] = "Forward"
    """Whether Kong sends Fiddler's API key to the collector. `Forward`: it does, and the collector passes it on, so that one collector can
    serve every binding. `Omit`: it does not, because the collector has a key of its own; the operator still tests Fiddler with the key in
    `fiddler.apiKeySecretRef`."""


class Fiddler(ApiModel):
    """Destination of the traces."""

    url: InstanceUrl
    """URL of your Fiddler instance, scheme and host only, for example `https://acme.fiddler.ai`. The operator adds `/v1/traces`.
    `http` is accepted only for hosts inside the cluster (`*.svc`, `*.cluster.local`), unless the operator's administrator allows it."""

    application_id: ApplicationId
    """UUID of the GenAI application in Fiddler (application settings), for example `3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11`. Fiddler silently
    drops spans with an id that it does not know. The operator writes it in lower case."""

    api_key_secret_ref: SecretKeyRef
    """Secret that holds the Fiddler API key (organizational settings): the bare key, without `Bearer `. The operator tests Fiddler with it,
    and copies it into a Secret of its own from which Kong reads it."""

    export: Export | None = None
    """Send the traces to an OpenTelemetry Collector, which forwards them to `url`. If left out, Kong sends them straight to Fiddler."""


class WorkloadRef(ApiModel):
    """The workload that runs Kong."""

    kind: Literal["Deployment", "DaemonSet", "StatefulSet", "DataPlane", "GatewayConfiguration"] = "Deployment"
    """Kind of the workload. Kong's Helm charts install a Deployment, or a DaemonSet by choice. With Kong Operator, name the `DataPlane`; if
    a Gateway owns that, name the `GatewayConfiguration`, whose settings apply to every Gateway of the classes that refer to it."""

    name: ObjectName
    """Name of the workload, for example `kong-gateway`."""

    namespace: LabelName | None = None
    """Namespace of the workload. If left out, the binding's own. A workload in another namespace, or the object from which Kong Operator
    makes it, must have the annotation `integrations.fiddler.ai/allow-bindings-from` with the binding's namespace in its list (or `*`)."""


class Gateway(ApiModel):
    """The Kong AI Gateway that handles the traffic."""

    target_ref: WorkloadRef
    """The workload that runs Kong Gateway Enterprise 3.13 or later (image `kong/kong-gateway`)."""

    container: LabelName = "proxy"
    """Name of the container that runs Kong. Kong's Helm charts call it `proxy`."""

    ingress_class_name: ObjectName = "kong"
    """Ingress class that the gateway's Kong Ingress Controller serves. The Ingresses that the operator creates get it."""

    kong_version: KongVersion | None = None
    """Kong's version, for example `3.13.0.7`, if the image does not tell it: an image of your own, or one without a version tag. If left
    out, the operator reads it from the image's tag, and reports where it cannot. Ignored if the image is `kong/kong-gateway` with a version
    tag."""

    management: Literal["Apply", "Verify"] = "Apply"
    """Who configures the gateway. `Apply`: the operator sets KONG_TRACING_INSTRUMENTATIONS, KONG_TRACING_SAMPLING_RATE and
    KONG_UNTRUSTED_LUA on the workload, whose pods are then replaced once. `Verify`: the operator sets nothing on the workload; it reports
    what is missing, with the Helm values to set. It adds no plugins to an HTTPRoute in `attachTo` either, but reports the YAML to add."""

    conflicts: Literal["Refuse", "Override"] = "Refuse"
    """How the operator handles settings that another field manager, such as Helm, has set to another value. `Refuse`: it reports the
    conflict and changes nothing. `Override`: it takes the field over, and restores the former value when the last binding is deleted."""

    untrusted_lua: Literal["on", "sandbox", "strict", "lax", "Unmanaged"] = "on"
    """Value for KONG_UNTRUSTED_LUA, which `sessions` and `attributes` need: they run a few lines of Lua in Kong. `on` is what Fiddler
    documents; it lets everyone who may create a KongPlugin run unrestricted Lua in this gateway. `sandbox` also suffices up to Kong 3.13;
    `strict` and `lax` exist from 3.14 on. `Unmanaged` leaves the setting alone; the gateway must then not set it to `off`. Write `"on"` in
    quotes, because YAML reads a bare on as true."""


class AttachTo(ApiModel):
    """An existing object in the binding's namespace whose traffic is observed."""

    kind: Literal["Service", "Ingress", "HTTPRoute"]
    """Kind of the object. The plugins of a Service cover every route to it; those of an Ingress or HTTPRoute cover only its own rules. The
    operator attaches them by the annotation `konghq.com/plugins`."""

    name: ObjectName
    """Name of the object, which must be in the binding's namespace."""


class Route(ApiModel):
    """One path of LLM traffic through the gateway."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.expose) || has(self.attachTo)",
            message="must be given where attachTo is not: it makes a path to a provider; attachTo observes an existing object",
            holds=lambda r: r.expose is not None or r.attach_to is not None,
            field="expose",
            missing=True,
        ),
        Rule(
            cel="!has(self.expose) || !has(self.attachTo)",
            message="must not be given beside expose: a route has one of the two",
            holds=lambda r: r.expose is None or r.attach_to is None,
            field="attachTo",
        ),
        Rule(
            cel="!has(self.expose) || has(self.llm)",
            message="must be given beside expose: it says which provider the Service calls",
            holds=lambda r: r.expose is None or r.llm is not None,
            field="llm",
            missing=True,
        ),
        Rule(
            cel="!has(self.payloads) || has(self.llm)",
            message="must be given only beside llm: without it, the route's own ai-proxy decides by its logging.log_payloads",
            holds=lambda r: r.payloads is None or r.llm is not None,
            field="payloads",
        ),
    )

    name: RouteName
    """Name of the route, unique in the binding, for example `openai`. It becomes part of the names of the created objects."""

    expose: Expose | None = None
    """Create a path to the provider: a Service, and an Ingress or HTTPRoute. Give either this or `attachTo`."""

    attach_to: AttachTo | None = None
    """Observe an existing Service, Ingress or HTTPRoute of the binding's namespace. Give either this or `expose`."""

    llm: Llm | None = None
    """The model behind the route, or several: the operator makes an `ai-proxy` or `ai-proxy-advanced` plugin of it. `expose` needs it.
    Leave it out if the object in `attachTo` already has such a plugin."""

    payloads: Literal["Disabled", "Captured"] | None = None
    """Whether Kong sends prompts and answers of this route to Fiddler: `Captured` or `Disabled`. If left out, `spec.payloads` decides."""


N = TypeVar("N", Route, Attribute)


def _distinct(items: list[Any]) -> bool:
    return len(set(items)) == len(items)


def _named_apart(items: tuple[N, ...]) -> tuple[N, ...]:
    """The API server checks the same, since these lists are maps by name: it calls the second one a duplicate value."""
    if not _distinct([item.name for item in items]):
        raise ValueError("must have names that differ from each other")
    return items


_BY_NAME: Final[dict[str, Any]] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


class BindingSpec(ApiModel):
    """Desired state: the LLM traffic, the gateway that handles it, and the Fiddler application that shows it."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.routes.all(r, !has(r.attachTo) || self.routes.exists_one(o, has(o.attachTo) && "
            "o.attachTo.kind == r.attachTo.kind && o.attachTo.name == r.attachTo.name))",
            message="must name an object by attachTo in only one route",
            holds=lambda s: _distinct([(r.attach_to.kind, r.attach_to.name) for r in s.routes if r.attach_to]),
            field="routes",
        ),
        Rule(
            cel="self.routes.all(r, !has(r.expose) || self.routes.exists_one(o, has(o.expose) && o.expose.path == r.expose.path && "
            "has(o.expose.host) == has(r.expose.host) && (!has(r.expose.host) || o.expose.host == r.expose.host)))",
            message="must expose a host and path by only one route",
            holds=lambda s: _distinct([(r.expose.host, r.expose.path) for r in s.routes if r.expose]),
            field="routes",
        ),
    )

    fiddler: Fiddler
    """Destination of the traces."""

    gateway: Gateway
    """The Kong AI Gateway that handles the traffic."""

    routes: Annotated[tuple[Route, ...], AfterValidator(_named_apart)] = Field(min_length=1, max_length=16, json_schema_extra=_BY_NAME)
    """The LLM traffic to observe, each route with a name of its own."""

    payloads: Literal["Disabled", "Captured"] = "Disabled"
    """Whether Kong sends prompts and answers to Fiddler. `Captured`: it does; they may hold personal data. `Disabled`: Fiddler shows
    tokens, model and latency, but no text. A route may say otherwise (`routes[].payloads`)."""

    sessions: Sessions = Sessions()
    """How calls of one conversation become one session in Fiddler."""

    attributes: Annotated[tuple[Attribute, ...], AfterValidator(_named_apart)] = Field(
        default=(), max_length=16, json_schema_extra=_BY_NAME
    )
    """Attributes to write on the spans, for example the name of the agent. They need `gateway.untrustedLua`. None if left out."""

    tracing: Tracing = Tracing()
    """Which calls are traced, and in which trace."""

    overrides: tuple[Override, ...] = Field(default=(), max_length=16)
    """Patches (RFC 6902) of the generated plugins' config, for options of Kong that have no field here. None if left out."""

    suspend: bool = False
    """Stop all changes for this binding. Existing objects stay as they are; only plugins that would freeze the gateway, or make requests
    fail, are still detached."""
