"""Condition types and the registry of reasons: the single source for status, events, documentation and tests.

A reason belongs to one condition type and fixes its status. `summary` explains it, `remedy` says what to do next; both go into
`docs/reference/conditions.md`. The message in a binding's status is more precise: it names the object and the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

__all__ = ["EVERY_REASON", "REASONS", "ConditionType", "Finding", "Reason", "Status", "reason"]

Status = Literal["True", "False", "Unknown"]

SHOWN_PROBLEMS: Final = 5
"""Problems that one message spells out: each may take several hundred of its 4096 characters."""


class ConditionType(StrEnum):
    """The condition types, in the order in which they are decided and shown."""

    ACCEPTED = "Accepted"
    """The spec is valid, allowed, and clashes with nothing on the gateway."""
    SECRETS_RESOLVED = "SecretsResolved"
    """Every referenced Secret and key exists and is usable."""
    GATEWAY_CONFIGURED = "GatewayConfigured"
    """The gateway runs, fully rolled out, with the needed settings, on a Kong version that emits GenAI spans."""
    PLUGINS_PROGRAMMED = "PluginsProgrammed"
    """The plugins are applied and attached, and Kong has taken them as far as its controller tells."""
    TRACE_ENDPOINT_REACHABLE = "TraceEndpointReachable"
    """Fiddler's trace endpoint answered an empty export with exactly 200, over trusted TLS."""
    READY = "Ready"
    """All conditions above are True."""
    RECONCILING = "Reconciling"
    """Present only while the operator works on the binding or waits for something (kstatus)."""
    STALLED = "Stalled"
    """Present only while a person must act (kstatus)."""

    @property
    def summed(self) -> bool:
        """Whether `Ready` needs this condition to be True."""
        return self not in {ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED}


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of the registry. `stalls`: a person must act; otherwise the operator waits or retries while the status is not True."""

    name: str
    type: ConditionType
    status: Status
    summary: str
    remedy: str = ""
    stalls: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: a reason of the registry and the message for this binding."""

    reason: Reason
    message: str

    @classmethod
    def of_problems(cls, reason: Reason, problems: Sequence[str]) -> Finding:
        """One finding for several problems: the first ones spelled out, the rest counted. The CRD bounds a message's length."""
        rest = len(problems) - SHOWN_PROBLEMS
        return cls(reason, " ".join((*problems[:SHOWN_PROBLEMS], *([f"And {rest} more."] if rest > 0 else []))))

    @property
    def type(self) -> ConditionType:
        """The condition the finding decides."""
        return self.reason.type

    @property
    def status(self) -> Status:
        """The status its reason fixes."""
        return self.reason.status


_A: Final = ConditionType.ACCEPTED
_S: Final = ConditionType.SECRETS_RESOLVED
_G: Final = ConditionType.GATEWAY_CONFIGURED
_P: Final = ConditionType.PLUGINS_PROGRAMMED
_T: Final = ConditionType.TRACE_ENDPOINT_REACHABLE
_R: Final = ConditionType.READY

# Rows are easier to read in this form than in the formatter's.
# fmt: off
EVERY_REASON: Final = (
    # Accepted
    Reason("Accepted", _A, "True", "The spec is valid and clashes with nothing."),
    Reason(
        "ShadowsGlobalPlugin", _A, "True", "Accepted, but a global plugin of the same type no longer runs on these routes.",
        "Kong runs only the most specific instance of a plugin type. Check that the global one is not needed here.",
    ),
    Reason(
        "ShadowedPlugin", _A, "True", "Accepted, but a plugin of the same type on a route runs there in place of the binding's.",
        "Take it off the route, or check that its calls need no traces.",
    ),
    Reason(
        "PathOverlap", _A, "True", "Accepted, but a regular expression of another Ingress of the class may match the exposed path.",
        "Check that the expression does not take the route's calls.",
    ),
    Reason(
        "InvalidSpec", _A, "False", "The spec breaks a rule that the API server could not check.",
        "Correct the field named in the message.", stalls=True,
    ),
    Reason(
        "WatchForbidden", _A, "False", "The operator may not watch a kind of object that the binding depends on; nothing is changed.",
        "Give the operator's service account the rule in the message; the operator then continues.", stalls=True,
    ),
    Reason(
        "EndpointRefused", _A, "False", "fiddler.url or an upstreamUrl points to an address to which no gateway may send keys or calls.",
        "Use the https URL of your Fiddler instance, or ask the operator's administrator to allow it.", stalls=True,
    ),
    Reason(
        "GatewayNotGranted", _A, "False", "The gateway is in another namespace and its owner has not allowed this one.",
        "Ask the gateway's owner to add this namespace to the annotation integrations.fiddler.ai/allow-bindings-from.", stalls=True,
    ),
    Reason(
        "GatewaySettingsClash", _A, "False", "An older binding on the same gateway asks for another value of a gateway setting.",
        "Use the same value in both bindings.", stalls=True,
    ),
    Reason(
        "IngressClassNotFound", _A, "False", "The cluster has ingress classes, but not that of gateway.ingressClassName.",
        "Use the class of the Kong that runs as the gateway, or create it.",
    ),
    Reason(
        "TargetNotReadable", _A, "Unknown", "The API server does not answer a read of the object named in attachTo.",
        "See the message; the operator tries again.",
    ),
    Reason("TargetNotFound", _A, "False", "The object named in attachTo does not exist.", "Create it, or correct attachTo."),
    Reason(
        "TargetOwned", _A, "False", "The object named in attachTo belongs to this or another binding.",
        "Name an object that no binding owns.", stalls=True,
    ),
    Reason(
        "OtherIngressClass", _A, "False", "The Ingress named in attachTo is of another class than gateway.ingressClassName.",
        "Name the gateway and the class that serve the Ingress, or change its class.", stalls=True,
    ),
    Reason(
        "RoutesNotReadable", _A, "False", "The operator may not read HTTPRoutes, so it cannot see which Services share a rule.",
        "Let an administrator add list and watch of HTTPRoutes to the operator's role.", stalls=True,
    ),
    Reason(
        "SharedBackend", _A, "False", "The Service shares a rule of an HTTPRoute with others: with plugins on it, Kong drops the route.",
        "Give the Service a rule of its own, or put plugins of your own on the HTTPRoute.", stalls=True,
    ),
    Reason(
        "TlsVerificationOff", _A, "False", "The Service switches TLS verification off, which a gateway from Kong 3.14 on refuses.",
        "Remove the annotation konghq.com/tls-verify, and give Kong the CA of the Service's certificate.", stalls=True,
    ),
    Reason(
        "PluginClash", _A, "False", "The target already carries a plugin of a type this binding needs; two would freeze the gateway.",
        "Remove the other plugin's name from the annotation konghq.com/plugins, or the part of the binding that needs the type.",
        stalls=True,
    ),
    Reason(
        "UnknownPlugin", _A, "False", "The target lists a name without a visible plugin; it may be of a type that this binding needs.",
        "Create the plugin, take the name off the list, or let the operator read KongClusterPlugins.",
    ),
    Reason(
        "RouteClash", _A, "False", "Another Ingress of the same class already serves this host and path.",
        "Choose another path or host, or use attachTo.", stalls=True,
    ),
    Reason(
        "NameTaken", _A, "False", "The binding would create an object whose name an object of another owner already has.",
        "Rename the route or the binding, or delete the other object; after a restore from a backup, delete the binding's objects.",
        stalls=True,
    ),
    Reason(
        "KongNotInstalled", _A, "False", "Kong's resource definitions are not installed in this cluster.",
        "Install Kong Ingress Controller.",
    ),
    Reason("Suspended", _A, "Unknown", "spec.suspend is true: nothing is changed.", "Set spec.suspend to false to resume."),
    # SecretsResolved
    Reason("SecretsResolved", _S, "True", "Every referenced key exists and is usable."),
    Reason(
        "SecretNotFound", _S, "False", "A referenced Secret does not exist.",
        "Create it in the binding's namespace; the operator continues as soon as it exists.",
    ),
    Reason("SecretKeyNotFound", _S, "False", "A Secret lacks the referenced key.", "Add the key, or correct the reference."),
    Reason("SecretValueEmpty", _S, "False", "A referenced value is empty.", "Store the key in it."),
    Reason(
        "SecretValuePlaceholder", _S, "False", "A referenced value is still a placeholder such as ${FIDDLER_API_KEY}.",
        "Replace it with the real key.",
    ),
    Reason(
        "SecretValuePrefixed", _S, "False", "A referenced value starts with `Bearer `, so Kong would send the prefix twice.",
        "Store the bare key.",
    ),
    Reason(
        "SecretValueUnusable", _S, "False", "A referenced value contains characters that an HTTP header must not contain.",
        "Store the key as printable ASCII on one line.",
    ),
    Reason(
        "SecretValueTooLong", _S, "False", "A referenced value has more than 8000 characters; web servers refuse such a header.",
        "Store the bare key.",
    ),
    Reason(
        "SecretNotReadable", _S, "Unknown", "The API server does not answer a read of a referenced Secret.",
        "See the message; the operator tries again.",
    ),
    Reason("SecretsNotEvaluated", _S, "Unknown", "Not checked, because the spec is invalid."),
    # GatewayConfigured
    Reason("GatewayConfigured", _G, "True", "The gateway runs with the needed settings."),
    Reason(
        "GatewayVersionAdvised", _G, "True", "The gateway works, but its Kong version has a known defect that is visible in Fiddler.",
        "Upgrade Kong to the version in the message.",
    ),
    Reason(
        "GatewayNotReadable", _G, "Unknown", "The API server does not answer a read of the workload named in gateway.targetRef.",
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
        "GatewaySettingFromSource", _G, "Unknown", "A setting comes, or may come, from a ConfigMap or Secret, which are not opened.",
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
        "Set the Helm values named in the message.", stalls=True,
    ),
    Reason(
        "GatewayManagedElsewhere", _G, "False", "Kong Operator owns this workload and would revert any change.",
        "Set the env on its DataPlane or GatewayConfiguration.", stalls=True,
    ),
    Reason(
        "GatewaySettingsReverted", _G, "False", "Another manager keeps reverting the settings; the operator has stopped writing them.",
        "Set the values in that manager's source (Git, Helm values).", stalls=True,
    ),
    Reason(
        "GatewayWriteRefused", _G, "False", "The API server refused the change to the workload.",
        "See the message; the cause is often a missing permission or an admission policy.",
    ),
    Reason(
        "GatewayWriteFailing", _G, "False", "The change to the workload fails for the time being: a webhook that is down, for example.",
        "Repair what the message names; the operator tries again at least every minute.",
    ),
    Reason("GatewayPending", _G, "Unknown", "The operator is about to apply the settings to the workload."),
    Reason("GatewayRollingOut", _G, "Unknown", "The workload's pods are being replaced.", "Wait; see `kubectl rollout status`."),
    Reason(
        "GatewayRolloutPaused", _G, "Unknown", "The workload is paused before all pods run with the settings.",
        "Resume it with `kubectl rollout resume`.", stalls=True,
    ),
    Reason(
        "GatewayRolloutStuck", _G, "False", "The workload's rollout exceeded its progress deadline.",
        "Find out why the new pods do not become ready.", stalls=True,
    ),
    Reason("GatewayScaledToZero", _G, "False", "The workload is scaled to 0.", "Scale it up, or name the workload that runs the pods."),
    Reason("GatewayNotRunning", _G, "False", "The workload has no ready pod.", "Check the workload's pods."),
    Reason("GatewayNotEvaluated", _G, "Unknown", "Not checked, because the binding was not accepted."),
    # PluginsProgrammed
    Reason("PluginsProgrammed", _P, "True", "The plugins are applied, attached and not refused. The message says if Kong confirmed it."),
    Reason(
        "GatewayFrozen", _P, "False", "Kong refuses its whole configuration because of another object, so no change reaches it.",
        "Take the name that is twice on the object's list out once.", stalls=True,
    ),
    Reason("PluginsPending", _P, "Unknown", "The plugins wait for an earlier condition."),
    Reason("WaitingForGateway", _P, "Unknown", "The operator attaches the pre-function plugin when the gateway's rollout is complete."),
    Reason(
        "KongNotConfirmed", _P, "Unknown", "Kong's controller has given a route's Ingress no address yet; others of its class have one.",
        "Wait some seconds; then see the message: the controller does not serve the class, or another object freezes the gateway.",
    ),
    Reason(
        "KongRefused", _P, "False", "Kong refused an object. The binding's own was taken back, or the gateway would take no change.",
        "Correct what Kong names in the message. To try the same again, set spec.suspend to true and back to false.", stalls=True,
    ),
    Reason("KongTranslationFailed", _P, "False", "Kong's controller leaves an object out.", "Read its error in the message.", stalls=True),
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
        "WriteFailing", _P, "False", "An object cannot be written for the time being: a webhook that is down, for example.",
        "Repair what the message names; the operator tries again at least every minute.",
    ),
    Reason(
        "DeletionBlocked", _P, "False", "The binding is being deleted, but the API server refuses a change that the deletion needs.",
        "See the message; the operator tries again at least every minute.", stalls=True,
    ),
    # TraceEndpointReachable
    Reason("Reachable", _T, "True", "Fiddler answered an empty export with 200."),
    Reason("ProbePending", _T, "Unknown", "The endpoint has not been probed yet."),
    Reason(
        "NameNotResolved", _T, "False", "The host name of fiddler.url does not resolve.",
        "Check the URL, the cluster's DNS and egress policies.",
    ),
    Reason("ConnectionRefused", _T, "False", "Nothing accepts connections at that address.", "Check the URL's port and egress policies."),
    Reason("ProbeTimeout", _T, "False", "No answer within the time limit.", "Check egress policies and proxies."),
    Reason(
        "ConnectionFailed", _T, "False", "The connection broke before an answer arrived.", "Check proxies between the cluster and Fiddler.",
    ),
    Reason(
        "TlsUntrusted", _T, "False", "The operator, or the gateway's Kong, does not trust the server's certificate.",
        "Give a private CA to the operator (probe.caFile) and to Kong (KONG_LUA_SSL_TRUSTED_CERTIFICATE), or see the message.",
    ),
    Reason("TlsExpired", _T, "False", "The server's certificate has expired, or is not valid yet.", "Renew it on the server."),
    Reason(
        "TlsWrongHost", _T, "False", "The server's certificate is for other hosts than the one in fiddler.url.",
        "Use a host that it is for, or have the host added to the certificate.",
    ),
    Reason(
        "Redirected", _T, "False", "The endpoint answers with a redirect, which Kong does not follow.",
        "Use the URL it points to, if it is your Fiddler instance.",
    ),
    Reason("Unauthorized", _T, "False", "Fiddler does not accept the API key (401).", "Put a valid key into the Secret in the message."),
    Reason(
        "Forbidden", _T, "False", "The API key may not write to this application (403).",
        "Check the key's permissions and the application id.",
    ),
    Reason(
        "ApplicationNotFound", _T, "False", "Fiddler has no application with this id; spans would be dropped silently.",
        "Copy the UUID from the application's settings.", stalls=True,
    ),
    Reason("EndpointNotFound", _T, "False", "There is no trace endpoint at this URL (404).", "fiddler.url must be your Fiddler instance."),
    Reason(
        "RateLimited", _T, "False", "Fiddler is rate limiting (429).", "Nothing to do; the operator probes again when Fiddler allows it.",
    ),
    Reason("ServerError", _T, "False", "Fiddler answers with a server error (5xx).", "Nothing to do; the operator probes again."),
    Reason(
        "UnexpectedSuccess", _T, "False", "The endpoint answers 2xx, but not 200: Kong before 3.14 would resend the same spans.",
        "Look for what answers in place of Fiddler or a collector's OTLP receiver, such as a proxy.",
    ),
    Reason(
        "NotOtlp", _T, "False", "The server answers, but it is not an OTLP trace endpoint.",
        "fiddler.url must be your Fiddler instance.",
    ),
    Reason("UnexpectedAnswer", _T, "False", "The endpoint answers with an unexpected HTTP status.", "See the status in the message."),
    Reason(
        "AddressRefused", _T, "False", "The operator does not probe this address.",
        "Use a public https URL, or ask the operator's administrator to allow it.", stalls=True,
    ),
    # Ready
    Reason("Ready", _R, "True", "Everything is in place for Fiddler to observe these routes."),
)
# fmt: on

REASONS: Final[dict[str, Reason]] = {entry.name: entry for entry in EVERY_REASON}
"""Every reason by name. While not True, `Ready` has the reason of the deciding condition."""


def reason(name: str) -> Reason:
    """The registry's entry; KeyError for a name that is not in it, which is a bug."""
    return REASONS[name]
