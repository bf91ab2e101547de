"""The status of a FiddlerKongBinding. Part of `integrations.fiddler.ai/v1alpha1`, as `v1alpha1`'s types."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from .rules import form
from .types import ApiModel

__all__ = ["UNWRITTEN", "BindingStatus", "Condition", "FiddlerStatus", "GatewayStatus", "RefusalStatus"]

UNWRITTEN: Final[Mapping[str, Any]] = MappingProxyType({"observedGeneration": -1})
"""The status that the API server shows until the operator has written one. kstatus then says InProgress, where it would say Current."""


class Condition(ApiModel):
    """One aspect of the binding's state, as in every Kubernetes API."""

    type: str = Field(min_length=1, max_length=64)
    """Name of the condition, for example `Ready`."""

    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds. `Unknown`: the operator cannot tell, or waits for something."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=64), form("[A-Za-z]+", "must be letters")]
    """Why, in one word. docs/reference/conditions.md lists all of them."""

    message: str = Field(max_length=4096)
    """Why, in sentences: what is wrong, where, and what to do next."""

    observed_generation: int = Field(ge=0)
    """Generation of the spec (`metadata.generation`) that this condition is about."""

    last_transition_time: str = Field(max_length=32, json_schema_extra={"format": "date-time"})
    """Time at which `status` last changed."""


class GatewayStatus(ApiModel):
    """Facts about the gateway."""

    version: str | None = Field(default=None, max_length=64)
    """Version of Kong, from the image's tag or `spec.gateway.kongVersion`. Missing if neither tells it."""

    image: str | None = Field(default=None, max_length=1024)
    """Image of the Kong container."""


class FiddlerStatus(ApiModel):
    """Facts about the Fiddler application."""

    application: str | None = Field(default=None, max_length=256)
    """Name of the application. Missing if the API key may not read it."""

    traces_endpoint: str | None = Field(default=None, max_length=600)
    """URL to which Kong sends the traces."""


class RefusalStatus(ApiModel):
    """Objects that Kong refused for the present spec and keys. They are taken back, because one of them would freeze a whole gateway."""

    objects: tuple[Annotated[str, StringConstraints(max_length=320)], ...] = Field(max_length=128)
    """Refused objects of the binding, as `Kind/name`. The plugins among them are attached nowhere, and routes that need one of these
    objects are not exposed."""

    generation: int = Field(ge=0)
    """Generation of the spec that was refused. A change of the spec is a new attempt."""

    message: str = Field(max_length=4096)
    """The object that was refused last, and Kong's error."""

    since: str = Field(max_length=32, json_schema_extra={"format": "date-time"})
    """Time at which the operator saw the newest refusal. A key that changes later is a new attempt."""


class BindingStatus(ApiModel):
    """Observed state of the binding: whether it works (`conditions`), and facts about the gateway and Fiddler."""

    observed_generation: int | None = Field(default=None, ge=-1)
    """Generation of the spec that this status is about; -1 until the operator has written the first status."""

    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    )
    """Accepted, SecretsResolved, GatewayConfigured, PluginsProgrammed and TraceEndpointReachable; Ready, which is True if all of these are;
    TracesArriving; and, only while true, Reconciling (the operator works or waits) and Stalled (a person must act)."""

    routes: str | None = Field(default=None, max_length=16)
    """Routes that the gateway serves with all plugins, out of all routes, for example `1/1`. It counts what is attached, even if the
    binding is suspended or no longer accepted."""

    gateway: GatewayStatus | None = None
    """Facts about the gateway, as far as they are known."""

    refusal: RefusalStatus | None = None
    """Present only while Kong refuses objects of the binding, which the operator has therefore taken back."""

    fiddler: FiddlerStatus | None = None
    """Facts about the Fiddler application, as far as they are known."""

    last_trace_time: str | None = Field(default=None, max_length=32, json_schema_extra={"format": "date-time"})
    """Start of the latest span of the application that the operator saw in Fiddler. Traffic alone updates it at most every ten minutes."""

    installation: str | None = Field(default=None, max_length=63)
    """Installation of the operator that manages the binding, named by the namespace of its Lease."""
