"""The API types of `integrations.fiddler.ai/v1alpha1`. The docstring under a field is what `kubectl explain` shows.

Everything here is generated into `crds/`: pattern, bounds, defaults, rules, columns. Change a type, run `make generate`.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from .headers import CREDENTIAL_HEADERS, FRAMING_HEADERS, header_rule
from .overrides import Override, PatchOperation
from .types import ApiModel, HeaderName, LabelName, ModelName, ObjectName, RouteName, Rule, SecretKeyRef

__all__ = [
    "AttachTo",
    "BindingSpec",
    "Expose",
    "Fiddler",
    "Gateway",
    "Llm",
    "LlmAuth",
    "LlmOptions",
    "Override",
    "PatchOperation",
    "Route",
    "SecretKeyRef",
    "Sessions",
    "WorkloadRef",
]

DEFAULT_SESSION_HEADER: Final = "X-Fiddler-Conversation-Id"
URL_PATTERN: Final = r"^https?://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*/?$"
ADDRESS_PATTERN: Final = r"^[0-9]+([.][0-9]+){3}$"
VERSION_PATTERN: Final = r"^[0-9]{1,2}([.][0-9]{1,4}){1,3}$"
UUID_PATTERN: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


class Fiddler(ApiModel):
    """Destination of the traces."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"self.url.matches(r'{URL_PATTERN}')",
            message="url must be http:// or https:// and a host with nothing after it but a port, such as https://acme.fiddler.ai",
            holds=lambda f: re.fullmatch(URL_PATTERN, f.url) is not None,
        ),
        Rule(
            cel=f"self.applicationId.matches('{UUID_PATTERN}')",
            message="applicationId must be the UUID in the application's settings, such as 3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
            holds=lambda f: re.fullmatch(UUID_PATTERN, f.application_id) is not None,
        ),
    )

    url: str = Field(min_length=1, max_length=512)
    """URL of your Fiddler instance, scheme and host only, for example `https://acme.fiddler.ai`. The operator adds `/v1/traces`.
    `http` is only accepted for hosts inside the cluster, unless the operator's administrator allows it."""

    application_id: str = Field(min_length=1, max_length=64)
    """UUID of the GenAI application in Fiddler (application settings). Fiddler silently drops spans whose id it does not know."""

    api_key_secret_ref: SecretKeyRef
    """Secret that holds the Fiddler API key (organizational settings): the bare key, without `Bearer `."""


class WorkloadRef(ApiModel):
    """The workload that runs Kong."""

    kind: Literal["Deployment"] = "Deployment"
    """Kind of the workload."""

    name: ObjectName
    """Name of the workload, for example `kong-gateway`."""

    namespace: LabelName | None = None
    """Namespace of the workload; the binding's own when left out. A workload in another namespace must carry the annotation
    `integrations.fiddler.ai/allow-bindings-from` naming the binding's namespace (or `*`)."""


class Gateway(ApiModel):
    """The Kong AI Gateway that handles the traffic."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!has(self.kongVersion) || self.kongVersion.matches('{VERSION_PATTERN}')",
            message="kongVersion must be two to four numbers with dots between them, such as 3.13.0.7",
            holds=lambda g: g.kong_version is None or re.fullmatch(VERSION_PATTERN, g.kong_version) is not None,
        ),
    )

    target_ref: WorkloadRef
    """The workload that runs Kong Gateway Enterprise 3.13 or later (image `kong/kong-gateway`)."""

    container: LabelName = "proxy"
    """Name of the container that runs Kong. Kong's Helm charts call it `proxy`."""

    ingress_class_name: ObjectName = "kong"
    """Ingress class that the gateway's Kong Ingress Controller serves."""

    kong_version: str | None = Field(default=None, min_length=3, max_length=32)
    """Kong's version, for example `3.13.0.7`, where the image does not tell it: an image of your own, or one without a version tag.
    Ignored where the image is `kong/kong-gateway` with a version tag."""

    management: Literal["Apply", "Verify"] = "Apply"
    """`Apply` sets the three tracing settings on the workload (a rolling restart, once). `Verify` never writes to the workload and
    reports what is missing, with the Helm values to set."""

    conflicts: Literal["Refuse", "Override"] = "Refuse"
    """Action when another field manager has set one of the settings to another value: `Refuse` reports it and changes nothing,
    `Override` takes the field over and restores the former value when the last binding is deleted."""

    untrusted_lua: Literal["on", "sandbox", "strict", "lax", "Unmanaged"] = "on"
    """Value for KONG_UNTRUSTED_LUA, which session grouping needs. `on` is what Fiddler documents; it lets everyone who may create a
    KongPlugin run unrestricted Lua in this gateway. `sandbox` also suffices up to Kong 3.13, `strict` and `lax` exist from 3.14.
    `Unmanaged` leaves the setting alone; the gateway must then not set it to `off`. YAML reads a bare on as true: write `"on"`."""


class Expose(ApiModel):
    """The Service and the Ingress that the operator creates for the provider."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!has(self.host) || !self.host.matches('{ADDRESS_PATTERN}')",
            message="host must be a name, not an IP address: an Ingress cannot answer to one; leave host out",
            holds=lambda e: e.host is None or re.fullmatch(ADDRESS_PATTERN, e.host) is None,
        ),
    )

    path: str = Field(min_length=2, max_length=256, pattern=r"^(/[A-Za-z0-9_-]+)+$")
    """Path prefix under which the gateway offers the model, for example `/openai`; stripped before the provider is called. Only letters,
    digits, `-` and `_`: Kong's controller reads `~` and `.` as a regular expression, which would match paths of other Ingresses too."""

    host: ObjectName | None = None
    """Host name that the Ingress matches; all hosts when left out."""


class AttachTo(ApiModel):
    """An existing object in the binding's namespace whose traffic is observed."""

    kind: Literal["Service", "Ingress"]
    """Kind of the object. On a Service the plugins cover every route to it, on an Ingress only that Ingress' routes."""

    name: ObjectName
    """Name of the object."""


class LlmOptions(ApiModel):
    """Options of the model. Kong applies them to every request of the route."""

    max_tokens: int | None = Field(default=None, ge=1, le=10_000_000)
    """Largest number of tokens in an answer."""

    temperature: float | None = Field(default=None, ge=0, le=5)
    """Sampling temperature."""

    top_p: float | None = Field(default=None, ge=0, le=1)
    """Nucleus sampling: probability mass considered."""

    top_k: int | None = Field(default=None, ge=0, le=500)
    """Number of most likely tokens considered."""

    input_cost: float | None = Field(default=None, ge=0.000001, le=1_000_000)
    """Cost of a million input tokens, for Kong's own statistics."""

    output_cost: float | None = Field(default=None, ge=0.000001, le=1_000_000)
    """Cost of a million output tokens, for Kong's own statistics."""

    upstream_url: str | None = Field(default=None, min_length=8, max_length=512, pattern=r"^https?://[A-Za-z0-9\[][A-Za-z0-9._~:/\[\]-]*$")
    """Call this URL instead of the provider's own, for a self-hosted or proxied model."""


class LlmAuth(ApiModel):
    """How the gateway identifies itself to the provider."""

    RULES: ClassVar[tuple[Rule, ...]] = (header_rule("headerName", FRAMING_HEADERS, "one that HTTP itself uses, such as Host"),)

    secret_ref: SecretKeyRef
    """Secret that holds the provider's bare API key; the operator adds the header and the prefix the provider wants."""

    header_name: HeaderName | None = None
    """Header that carries the key, if not the provider's usual one."""

    header_prefix: str | None = Field(default=None, max_length=32, pattern=r"^([A-Za-z][A-Za-z0-9-]* )?$")
    """Prefix of the key in the header, if not the provider's usual one, for example `Bearer ` with the space. May be empty."""


class Llm(ApiModel):
    """The model behind a route; becomes an `ai-proxy` plugin."""

    provider: Literal["openai"]
    """Provider of the model."""

    model: ModelName
    """Name of the model, as the provider calls it, for example `gpt-4o-mini`."""

    route_type: Literal["llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings", "llm/v1/responses"] = "llm/v1/chat"
    """Kind of LLM call the route carries."""

    options: LlmOptions = LlmOptions()
    """Options of the model."""

    auth: LlmAuth
    """How the gateway identifies itself to the provider."""


class Route(ApiModel):
    """One path of LLM traffic through the gateway."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.expose) != has(self.attachTo)",
            message="each route must have exactly one of expose and attachTo",
            holds=lambda r: (r.expose is None) != (r.attach_to is None),
        ),
        Rule(
            cel="!has(self.expose) || has(self.llm)",
            message="a route with expose must have llm: it says which provider the Service calls",
            holds=lambda r: r.expose is None or r.llm is not None,
        ),
    )

    name: RouteName
    """Name of the route, unique in the binding; part of the names of the created objects."""

    expose: Expose | None = None
    """Create a Service and an Ingress for the provider. Excludes `attachTo`."""

    attach_to: AttachTo | None = None
    """Observe an existing Service or Ingress. Excludes `expose`."""

    llm: Llm | None = None
    """The model behind the route. Leave it out where the object in `attachTo` already has an `ai-proxy` plugin of its own."""


class Sessions(ApiModel):
    """How calls of one conversation become one session in Fiddler."""

    RULES: ClassVar[tuple[Rule, ...]] = (header_rule("header", CREDENTIAL_HEADERS, "one that carries credentials"),)

    mode: Literal["Header", "Disabled"] = "Header"
    """`Header`: the client sends a conversation id with each call (needs KONG_UNTRUSTED_LUA). `Disabled`: no pre-function plugin;
    every call is a session of its own unless the application traces with an OpenTelemetry SDK itself."""

    header: HeaderName = DEFAULT_SESSION_HEADER
    """Request header that carries the conversation id; ids must be printable ASCII."""


class BindingSpec(ApiModel):
    """Desired state: the LLM traffic, the gateway that handles it, and the Fiddler application that shows it."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.routes.all(r, self.routes.exists_one(o, o.name == r.name))",
            message="routes must have names that differ from each other",
            holds=lambda s: len({r.name for r in s.routes}) == len(s.routes),
        ),
        Rule(
            cel="self.routes.all(r, !has(r.attachTo) || self.routes.exists_one(o, has(o.attachTo) && "
            "o.attachTo.kind == r.attachTo.kind && o.attachTo.name == r.attachTo.name))",
            message="an object must be named by attachTo in only one route",
            holds=lambda s: _distinct([(r.attach_to.kind, r.attach_to.name) for r in s.routes if r.attach_to]),
        ),
        Rule(
            cel="self.routes.all(r, !has(r.expose) || self.routes.exists_one(o, has(o.expose) && o.expose.path == r.expose.path && "
            "has(o.expose.host) == has(r.expose.host) && (!has(r.expose.host) || o.expose.host == r.expose.host)))",
            message="a host and path must be exposed by only one route",
            holds=lambda s: _distinct([(r.expose.host, r.expose.path) for r in s.routes if r.expose]),
        ),
    )

    fiddler: Fiddler
    """Destination of the traces."""

    gateway: Gateway
    """The Kong AI Gateway that handles the traffic."""

    routes: tuple[Route, ...] = Field(min_length=1, max_length=16)
    """The LLM traffic to observe."""

    payloads: Literal["Disabled", "Captured"] = "Disabled"
    """`Captured` sends prompts and answers to Fiddler. They may hold personal data: leave `Disabled` in production unless needed.
    Without it Fiddler shows tokens, model and latency, but no text."""

    sessions: Sessions = Sessions()
    """How calls of one conversation become one session in Fiddler."""

    overrides: tuple[Override, ...] = Field(default=(), max_length=16)
    """Patches of the generated plugins' config, for options that have no field here."""

    suspend: bool = False
    """Stop all changes for this binding; existing objects stay as they are."""


def _distinct(items: list[Any]) -> bool:
    return len(set(items)) == len(items)
