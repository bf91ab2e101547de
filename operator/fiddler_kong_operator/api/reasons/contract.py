"""The contract of a reason, and the condition types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = ["ConditionType", "Reason", "Status"]

Status = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """The condition types, in the order in which they are decided and shown."""

    ACCEPTED = "Accepted"
    """The spec is valid, allowed, and clashes with nothing on the gateway."""
    SECRETS_RESOLVED = "SecretsResolved"
    """Every referenced Secret and key exists and is usable."""
    GATEWAY_CONFIGURED = "GatewayConfigured"
    """The gateway runs, fully rolled out, with the needed settings, on a Kong version that emits GenAI spans."""
    PLUGINS_PROGRAMMED = "PluginsProgrammed"
    """The plugins are applied and attached, and Kong has accepted them, as far as Kong Ingress Controller reports."""
    TRACE_ENDPOINT_REACHABLE = "TraceEndpointReachable"
    """Fiddler's trace endpoint answered an empty export with exactly 200, over trusted TLS."""
    READY = "Ready"
    """All conditions above are True."""
    TRACES_ARRIVING = "TracesArriving"
    """Fiddler shows spans of the application as it should. Not part of Ready: without calls there are none."""
    RECONCILING = "Reconciling"
    """Present only while the operator works on the binding or waits for something (kstatus)."""
    STALLED = "Stalled"
    """Present only while a person must act (kstatus)."""

    @property
    def summed(self) -> bool:
        """Whether `Ready` needs this condition to be True."""
        return self not in {ConditionType.READY, ConditionType.TRACES_ARRIVING, ConditionType.RECONCILING, ConditionType.STALLED}


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of the registry. `stalls`: a person must act; otherwise the operator waits or retries while the status is not True."""

    name: str
    type: ConditionType
    status: Status
    summary: str
    remedy: str = ""
    stalls: bool = False
