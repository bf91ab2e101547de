"""The administrator's settings of the operator process: one frozen value, made once at start-up and passed down."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["ArrivalsSettings", "LogFormat", "ProbeSettings", "SecretsAccess", "SecretsSettings", "Settings"]

LogFormat = Literal["text", "json"]
SecretsAccess = Literal["watch", "get"]


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8 or fd00::/8") from None


def _off_or_slow(seconds: float) -> float:
    if 0 < seconds < 1:
        raise ValueError("must be 0 or at least 1")
    return seconds


class ProbeSettings(BaseModel):
    """Limits of the trace-endpoint probe. An address is refused unless the defaults or the administrator allow it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    allow_http: bool = False
    """Allow http:// to hosts outside the cluster. In-cluster names (`*.svc`, `*.cluster.local`) may always use http."""

    allowed_addresses: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """CIDRs to allow in `fiddler.url` that are refused by default, such as loopback for a local sink. Link-local and metadata addresses
    stay refused, and so does loopback in an `upstreamUrl`."""

    ca_file: str | None = None
    """Path of a PEM bundle of CA certificates, trusted in addition to the system's."""

    timeout: float = Field(default=10.0, gt=0, le=60)
    """Seconds for one probe, name resolution included. A collector and Fiddler behind it are two probes."""

    interval: float = Field(default=300.0, ge=1)
    """Seconds between probes of an endpoint that answers; jittered by 10 %."""

    retry_interval: float = Field(default=15.0, ge=1)
    """Seconds before a failed probe is repeated; doubled with each failure, up to the interval of probes that succeed."""

    concurrency: int = Field(default=8, ge=1, le=64)
    """Probes that run at the same time."""


class ArrivalsSettings(BaseModel):
    """The queries for spans in Fiddler. The probe's rules for addresses and certificates and its timeout apply to them too (`probe`)."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    interval: Annotated[float, AfterValidator(_off_or_slow)] = Field(default=300.0, ge=0)
    """Seconds between queries for the spans of an application, jittered by 10 %; while there are none, the first queries are sooner. 0
    switches this off."""

    concurrency: int = Field(default=4, ge=1, le=64)
    """Queries that run at the same time."""


class SecretsSettings(BaseModel):
    """How Secrets are observed."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    access: SecretsAccess = "watch"
    """How Secrets are observed: `watch` lists and watches them; `get` reads only those that a binding names or makes, by name, for clusters
    that forbid clients to list Secrets."""

    interval: float = Field(default=60.0, ge=1, le=300)
    """With `get`: seconds within which a changed Secret is noticed; stretched by up to 10 %."""


class Settings(BaseModel):
    """The operator's settings: flags of `fiddler-kong run`, environment variables and, with few exceptions, values of the Helm chart."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty means the whole cluster."""

    read_cluster_kinds: bool = False
    """Where only some namespaces are watched: read KongClusterPlugins, IngressClasses and GatewayClasses of the cluster too, which needs a
    ClusterRole. Without it, the operator does not attach to an object whose konghq.com/plugins names a plugin for which it sees no
    KongPlugin."""

    workers: int = Field(default=16, ge=1, le=64)
    """Reconciliations that run at the same time."""

    lease_namespace: str | None = None
    """Namespace of the leader-election Lease. If left out, no leader is elected: only for a single replica, in development."""

    lease_duration: float = Field(default=15.0, ge=2)
    """Seconds after which another replica may take over a lease that was not renewed."""

    health_port: int = Field(default=8080, ge=0, le=65535)
    """Port of /healthz; 0 switches it off."""

    health_host: str = "0.0.0.0"  # noqa: S104 - the kubelet asks from outside the pod's loopback
    """Address on which /healthz listens."""

    metrics_port: int = Field(default=8081, ge=0, le=65535)
    """Port of /metrics; 0 switches it off."""

    metrics_host: str = "0.0.0.0"  # noqa: S104 - Prometheus asks from outside the pod's loopback
    """Address on which /metrics listens."""

    metrics_bindings: int = Field(default=1000, ge=0, le=10_000)
    """Number of bindings, and likewise of trace endpoints, that have series of their own in /metrics, failing ones first; the rest is only
    counted. With 0, no name of a binding is in /metrics."""

    log_format: LogFormat = "text"
    """Format of log lines: text for people, or one JSON object per line for a log collector, which the chart sets."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""

    resync_interval: float = Field(default=600.0, ge=1)
    """Seconds between resyncs, which compare the cache with a fresh list of bindings to find lost deletions; stretched by up to 10 %."""

    drain_timeout: float = Field(default=20.0, ge=0)
    """Seconds that running reconciliations get to finish after SIGTERM."""

    secrets: SecretsSettings = SecretsSettings()

    probe: ProbeSettings = ProbeSettings()

    arrivals: ArrivalsSettings = ArrivalsSettings()
