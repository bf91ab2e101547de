"""The reasons of PluginsProgrammed: whether Kong runs its plugins."""

from __future__ import annotations

from typing import Final

from .contract import ConditionType, Reason

__all__ = ["REASONS"]

_P: Final = ConditionType.PLUGINS_PROGRAMMED

# Rows are easier to read in this form than in the formatter's.
# fmt: off
REASONS: Final = (
    Reason("PluginsProgrammed", _P, "True", "The plugins are applied, attached and not refused. The message says if Kong confirmed it."),
    Reason(
        "GatewayFrozen", _P, "False", "Kong refuses its whole configuration because of another object, so no change reaches it.",
        "Remove one of the two names in the message from its object.", stalls=True,
    ),
    Reason(
        "PluginsNotAdded", _P, "False", "With gateway.management: Verify, the plugins are still to be added to an HTTPRoute by hand.",
        "Add the YAML in the message to the HTTPRoute.", stalls=True,
    ),
    Reason("PluginsPending", _P, "Unknown", "The plugins wait for an earlier condition."),
    Reason("WaitingForGateway", _P, "Unknown", "The operator attaches the pre-function plugin when the gateway's rollout is complete."),
    Reason(
        "KongNotConfirmed", _P, "Unknown", "Kong's controller has not confirmed a route or the last change, or Kong refuses everything.",
        "Wait some seconds; then see the message: the controller does not serve the class, or another object freezes the gateway.",
    ),
    Reason(
        "RouteNotAccepted", _P, "False", "No Kong Gateway accepts the HTTPRoute of a route.",
        "Correct what the message quotes from the route's status.parents.", stalls=True,
    ),
    Reason(
        "KongRefused", _P, "False", "Kong refused an object. If it is the binding's, the operator detaches or deletes it.",
        "Correct what Kong names in the message. To try the same again, set spec.suspend to true and back to false.", stalls=True,
    ),
    Reason(
        "KongTranslationFailed", _P, "False", "Kong's controller leaves an object out.", "Correct what its error in the message names.",
        stalls=True,
    ),
    Reason(
        "ChildrenReverted", _P, "False",
        "Something keeps changing an object that the operator owns; the operator repairs it at most ten times a minute.",
        "Find the writer with `kubectl get OBJECT -o yaml --show-managed-fields` and stop it.", stalls=True,
    ),
    Reason(
        "PluginsWriteRefused", _P, "False", "The API server, an admission policy or a webhook refused an object.",
        "See the message; the operator tries again every minute.", stalls=True,
    ),
    Reason(
        "KongDefinitionOutdated", _P, "False",
        "The cluster's definition of KongPlugin is older than Kong Ingress Controller 3.1: it would drop the keys (configPatches).",
        "Install the resource definitions of Kong Ingress Controller 3.1 or later; the operator then continues.", stalls=True,
    ),
    Reason(
        "QuotaExceeded", _P, "False", "A ResourceQuota leaves no room for an object of the binding.",
        "Raise the quota in the message, or delete objects that it counts; the operator tries again every minute.", stalls=True,
    ),
    Reason(
        "PermissionMissing", _P, "False", "The operator's service account lacks a permission.",
        "Grant the verb in the message, as the operator's roles do; the operator tries again every minute.", stalls=True,
    ),
    Reason(
        "WriteFailing", _P, "False", "An object cannot be written at present, for example because a webhook is down.",
        "Repair what the message names; the operator tries again at least every minute.",
    ),
    Reason(
        "DeletionBlocked", _P, "False", "The binding is being deleted, but the API server refuses a change that the deletion needs.",
        "See the message; the operator tries again at least every minute.", stalls=True,
    ),
)
# fmt: on
