"""The types behind `expose` of a route."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from .durations import Duration
from .rules import Rule, form, unlike
from .types import ApiModel, LabelName, ObjectName

__all__ = ["Expose", "GatewayRef", "Timeouts"]

HostName = Annotated[
    ObjectName,
    unlike(
        "[0-9.]+",
        "must be a name, not digits and dots alone, which Kong takes for an IP address; leave host out to serve all hosts",
    ),
]
ExposedPath = Annotated[
    str,
    StringConstraints(min_length=2, max_length=256),
    form(
        "(/[A-Za-z0-9_-]+)+",
        "must be a path such as /openai or /llm/chat: letters, digits, '-' and '_' after each '/'",
    ),
]


class Timeouts(ApiModel):
    """Kong's timeouts towards the provider."""

    connect: Duration | None = None
    """Longest time to connect to the provider, for example `10s`. Kong's default is `60s`."""

    read: Duration | None = None
    """Longest time between two reads of the answer, for example `10m`. Kong's default is `60s`. Reasoning models may be silent for longer;
    the client then gets a 504."""

    write: Duration | None = None
    """Longest time between two writes of the request, for example `1m30s`. Kong's default is `60s`."""


class GatewayRef(ApiModel):
    """A Gateway (`gateway.networking.k8s.io`) that Kong's controller serves."""

    name: ObjectName
    """Name of the Gateway."""

    namespace: LabelName | None = None
    """Namespace of the Gateway. If left out, the binding's own. The Gateway's listeners decide by `allowedRoutes` who may use it."""

    section_name: ObjectName | None = None
    """Name of the only listener to use, for example `https`. If left out, all listeners of the Gateway."""


class Expose(ApiModel):
    """The Service and the Ingress, or HTTPRoute, that the operator creates for the provider."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.tlsSecretName) || !has(self.gatewayRef)",
            message="must not be given beside gatewayRef: the Gateway's listener holds the certificate",
            holds=lambda e: e.tls_secret_name is None or e.gateway_ref is None,
            field="tlsSecretName",
        ),
        Rule(
            cel="!has(self.tlsSecretName) || has(self.host)",
            message="must be given beside tlsSecretName: it is the name in the certificate",
            holds=lambda e: e.tls_secret_name is None or e.host is not None,
            field="host",
            missing=True,
        ),
    )

    path: ExposedPath
    """Path prefix at which the gateway offers the model, for example `/openai`. Kong removes it before it calls the provider. Its parts
    have only letters, digits, `-` and `_`, because Kong's controller would read `~` and `.` as part of a regular expression."""

    host: HostName | None = None
    """Host name that the Ingress or HTTPRoute matches, for example `llm.example.com`. If left out, all hosts."""

    gateway_ref: GatewayRef | None = None
    """Create an HTTPRoute of this Gateway instead of an Ingress. `gateway.targetRef` must then name the workload that serves the
    Gateway."""

    tls_secret_name: ObjectName | None = None
    """Secret of type `kubernetes.io/tls`, in the binding's namespace, with the certificate for `host`. If left out, Kong serves its own
    certificate. Not with `gatewayRef`: the Gateway's listener holds the certificate there."""

    timeouts: Timeouts | None = None
    """Kong's timeouts towards the provider. For each that is left out, Kong's default counts, or the annotation that you set on the
    Service, such as `konghq.com/read-timeout`."""

    retries: int | None = Field(default=None, ge=0, le=32767)
    """How often Kong tries again if it cannot connect to the provider. If left out, Kong's default, 5, or the annotation
    `konghq.com/retries` that you set on the Service."""
