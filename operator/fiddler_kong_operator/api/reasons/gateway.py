"""The reasons of GatewayConfigured: whether its gateway runs as needed."""

from __future__ import annotations

from typing import Final

from .contract import ConditionType, Reason

__all__ = ["REASONS"]

_G: Final = ConditionType.GATEWAY_CONFIGURED

# Rows are easier to read in this form than in the formatter's.
# fmt: off
REASONS: Final = (
    Reason("GatewayConfigured", _G, "True", "The gateway runs with the needed settings."),
    Reason(
        "GatewayVersionAdvised", _G, "True", "The gateway works, but its Kong version has a known defect that does harm.",
        "Upgrade Kong to the version in the message.",
    ),
    Reason(
        "GatewayNotReadable", _G, "Unknown", "The workload named in gateway.targetRef, or what runs its pods, cannot be read.",
        "See the message; the operator tries again.",
    ),
    Reason(
        "GatewayNotFound", _G, "False", "The workload named in gateway.targetRef does not exist.",
        "Correct the reference, or install the gateway.",
    ),
    Reason(
        "GatewayContainerNotFound", _G, "False", "The workload has no container of that name.",
        "Set gateway.container to one of those in the message.", stalls=True,
    ),
    Reason(
        "GatewayContainerNotKong", _G, "False", "Another container of the pod runs Kong's image, and nothing shows that this one does.",
        "Set gateway.container to the one in the message, or gateway.kongVersion.", stalls=True,
    ),
    Reason(
        "GatewayControlPlaneOnly", _G, "False", "The workload runs Kong as a control plane, which handles no traffic.",
        "Name the data plane's workload.", stalls=True,
    ),
    Reason(
        "GatewayControllerOnly", _G, "False", "The workload, or the container, runs Kong's controller, which handles no traffic.",
        "Name the workload, or the container, that runs Kong.", stalls=True,
    ),
    Reason(
        "GatewayControlledElsewhere", _G, "False", "The data plane gets its configuration from outside the cluster (Konnect).",
        "Name a gateway that Kong Ingress Controller configures.", stalls=True,
    ),
    Reason(
        "GatewayPluginsNotEnabled", _G, "False", "KONG_PLUGINS leaves out a plugin that the binding needs; Kong would refuse everything.",
        "Add the plugins in the message to KONG_PLUGINS.", stalls=True,
    ),
    Reason(
        "GatewayVersionUnsupported", _G, "False", "This Kong cannot emit GenAI spans.",
        "Use the image kong/kong-gateway, 3.13 or later.", stalls=True,
    ),
    Reason(
        "GatewayVersionUnknown", _G, "Unknown", "Kong's version cannot be read from the image.",
        "Set gateway.kongVersion, or use an image of Kong's with a version tag (a digest may follow it).",
    ),
    Reason(
        "GatewaySettingConflict", _G, "False", "Another manager has set one of the settings to another value.",
        "Set the value from the message in that manager's source (Git, Helm values), or set gateway.conflicts to Override.", stalls=True,
    ),
    Reason(
        "GatewaySettingFromSource", _G, "Unknown", "A setting may come from a ConfigMap or Secret, which the operator does not open.",
        "Put the plain values from the message into the container's env.", stalls=True,
    ),
    Reason(
        "GatewaySettingUnsupported", _G, "False", "This version of Kong does not know the value of gateway.untrustedLua.",
        "Use one of the values in the message, or upgrade Kong.", stalls=True,
    ),
    Reason(
        "GatewaySettingDuplicate", _G, "False", "One of the settings is listed twice in the container's env.",
        "Remove one of the entries.", stalls=True,
    ),
    Reason(
        "GatewaySettingsMissing", _G, "False", "gateway.management is Verify and the workload lacks settings.",
        "Set the values in the message: with Helm, or in the object of Kong Operator.", stalls=True,
    ),
    Reason(
        "GatewayManagedElsewhere", _G, "False", "Kong Operator owns this workload and would revert any change.",
        "Name its DataPlane or GatewayConfiguration in gateway.targetRef, as the message says.", stalls=True,
    ),
    Reason(
        "GatewaySettingsReverted", _G, "False", "Another manager keeps reverting the settings; the operator has stopped writing them.",
        "Set the values in that manager's source (Git, Helm values).", stalls=True,
    ),
    Reason(
        "GatewayWriteRefused", _G, "False", "The API server refused the change to the workload.",
        "See the message: often a permission is missing, or an admission policy refuses it. The operator tries again every minute.",
        stalls=True,
    ),
    Reason(
        "GatewayWriteFailing", _G, "False", "The change to the workload fails at present, for example because a webhook is down.",
        "Repair what the message names; the operator tries again at least every minute.",
    ),
    Reason("GatewayPending", _G, "Unknown", "The operator is about to apply the settings to the workload."),
    Reason("GatewayRollingOut", _G, "Unknown", "The workload's pods are being replaced.", "Wait; see `kubectl rollout status`."),
    Reason(
        "GatewayRolloutManual", _G, "Unknown", "The workload replaces its pods only when someone deletes them (updateStrategy OnDelete).",
        "Delete the pods one by one, or set the update strategy to RollingUpdate.", stalls=True,
    ),
    Reason(
        "GatewayRolloutPaused", _G, "Unknown", "The workload is paused, or held by a partition, before all pods run with the settings.",
        "Resume it with the command in the message.", stalls=True,
    ),
    Reason(
        "GatewayRolloutStuck", _G, "False", "The workload's rollout exceeded its progress deadline.",
        "Find out why the new pods do not become ready.", stalls=True,
    ),
    Reason("GatewayScaledToZero", _G, "False", "The workload is scaled to 0.", "Scale it up, or name the workload that runs the pods."),
    Reason("GatewayNotRunning", _G, "False", "The workload has no ready pod.", "Check the workload's pods."),
    Reason("GatewayNotEvaluated", _G, "Unknown", "Not checked, because the binding was not accepted."),
)
# fmt: on
