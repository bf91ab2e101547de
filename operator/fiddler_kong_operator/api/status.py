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
    """Name of the aspect."""

    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=64), form("[A-Za-z]+", "must be letters")]
    """Why, in one word; see the reference of reasons in the documentation."""

    message: str = Field(max_length=4096)
    """Why, in a sentence, and what to do next."""

    observed_generation: int = Field(ge=0)
    """Generation of the spec that this condition is about."""

    last_transition_time: str = Field(max_length=32, json_schema_extra={"format": "date-time"})
    """When `status` last changed."""


class GatewayStatus(ApiModel):
    """Facts about the gateway."""

    version: str | None = Field(default=None, max_length=64)
    """Version of Kong, from the image's tag or `spec.gateway.kongVersion`."""

    image: str | None = Field(default=None, max_length=1024)
    """Image of the Kong container."""


class FiddlerStatus(ApiModel):
    """Facts about the Fiddler application."""

    application: str | None = Field(default=None, max_length=256)
    """Name of the application, where Fiddler lets the key read it."""

    traces_endpoint: str | None = Field(default=None, max_length=600)
    """URL to which Kong sends the traces."""


class RefusalStatus(ApiModel):
    """What Kong refused of the present spec and keys, and is therefore taken back: one refused object freezes a whole gateway."""

    objects: tuple[Annotated[str, StringConstraints(max_length=320)], ...] = Field(max_length=128)
    """Objects of the binding, as `Kind/name`. No list names these plugins, and routes that need one of these objects are not exposed."""

    generation: int = Field(ge=0)
    """Generation of the spec that was refused. Another one is a new attempt."""

    message: str = Field(max_length=4096)
    """Kong's words."""

    since: str = Field(max_length=32, json_schema_extra={"format": "date-time"})
    """When the newest of them was refused. A key that changes later is a new attempt."""


class BindingStatus(ApiModel):
    """Observed state of the binding. Written only when it changes."""

    observed_generation: int | None = Field(default=None, ge=-1)
    """Generation of the spec that this status is about; -1 until the operator has written the first status."""

    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    )
    """Accepted, SecretsResolved, GatewayConfigured, PluginsProgrammed, TraceEndpointReachable, Ready, which sums these up, and
    TracesArriving; Reconciling and Stalled while true."""

    routes: str | None = Field(default=None, max_length=16)
    """Routes that the gateway serves with all plugins, out of all routes: `1/1`. Suspended and refused bindings keep what is attached."""

    gateway: GatewayStatus | None = None
    """Facts about the gateway."""

    refusal: RefusalStatus | None = None
    """Present while something is taken back because Kong refused it."""

    fiddler: FiddlerStatus | None = None
    """Facts about the Fiddler application."""

    last_trace_time: str | None = Field(default=None, max_length=32, json_schema_extra={"format": "date-time"})
    """Start of the latest span of the application that the operator saw in Fiddler; traffic alone updates it at most every ten minutes."""

    installation: str | None = Field(default=None, max_length=63)
    """Installation of the operator that manages the binding: the namespace of its lease."""
