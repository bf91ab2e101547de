"""The codes of faults that only the doctor sees: no condition of a binding reports them."""

from __future__ import annotations

from typing import Final

from .diagnosis import Code, Severity

__all__ = ["OWN"]

_N, _W, _E = Severity

# Rows are easier to read in this form than in the formatter's.
# fmt: off
OWN: Final = (
    Code(
        "FKB0101", "NotReadable", _N, "You may not read what the check is about, or the cluster fails to show it: it may be fine or not.",
        "Ask for the verb in the message, or repair what it names; or let someone with more rights run the doctor.",
    ),
    Code(
        "FKB0102", "ClusterTooOld", _E, "This version of Kubernetes is older than the operator needs.",
        "Upgrade the cluster to Kubernetes 1.29 or later.",
    ),
    Code(
        "FKB0201", "DefinitionMissing", _E, "The cluster does not know FiddlerKongBinding.",
        "Install the operator's chart, or its manifests: docs/install.md.",
    ),
    Code(
        "FKB0202", "VersionNotServed", _E, "The cluster's definition of FiddlerKongBinding lacks the version that this program uses.",
        "Install the resource definition of the same release as this program.",
    ),
    Code(
        "FKB0301", "OperatorNotFound", _E, "Nothing shows that the operator is installed: no Deployment, no Lease.",
        "Install the operator: docs/install.md.",
    ),
    Code(
        "FKB0302", "OperatorNotRunning", _E, "The operator is installed, but no replica of it leads, so no binding changes anything.",
        "kubectl --namespace NAMESPACE get pods; then read the log of the pod that does not become ready.",
    ),
    Code(
        "FKB0303", "OperatorVersionDiffers", _N, "The operator is of another release than this program, and may decide differently.",
        "Use the program of the operator's release.",
    ),
    Code(
        "FKB0304", "AccountLacksPermissions", _E, "The operator's account lacks permissions that the operator needs.",
        "Bind the roles of the same release to it: docs/reference/permissions.md.",
    ),
    Code(
        "FKB0401", "ControllerSilent", _W, "Nothing shows that Kong Ingress Controller serves this ingress class.",
        "Check that its pods run, and that they serve the class.",
    ),
    Code(
        "FKB0402", "ControllerNotReady", _E, "A pod of Kong Ingress Controller is not ready: changes may not reach Kong.",
        "kubectl --namespace NAMESPACE describe pod NAME",
    ),
    Code(
        "FKB0403", "ConfigurationRefused", _E, "Kong refuses its whole configuration because of an object: no change reaches it.",
        "Correct the object in the message.",
    ),
    Code(
        "FKB0501", "IngressClassOfOthers", _E, "The ingress class belongs to another controller than Kong's.",
        "Set gateway.ingressClassName to a class whose spec.controller is ingress-controllers.konghq.com/kong.",
    ),
    Code(
        "FKB0690", "NotSeen", _W, "The operator has not answered the present spec of the binding yet.",
        "Wait some seconds. If it stays so, read the operator's log.",
    ),
    Code(
        "FKB0691", "NotInFiles", _N, "The files lack an object that the binding refers to, so the doctor assumes that it is correct.",
        "Add the object to the files, or check it in the cluster.",
    ),
    Code(
        "FKB0901", "PodLacksSettings", _E, "A pod of the gateway runs without settings that the binding needs: it sends no spans.",
        "Finish the rollout: kubectl --namespace NAMESPACE rollout restart KIND/NAME",
    ),
    Code(
        "FKB0902", "PodTooOld", _E, "A pod of the gateway runs a Kong that cannot emit GenAI spans.",
        "Finish the rollout: kubectl --namespace NAMESPACE rollout status KIND/NAME",
    ),
    Code(
        "FKB0903", "PodNotReady", _W, "A pod of the gateway is not ready.", "kubectl --namespace NAMESPACE describe pod NAME",
    ),
    Code(
        "FKB0904", "NoPod", _E, "The gateway has no pod.", "kubectl --namespace NAMESPACE describe KIND/NAME",
    ),
    Code(
        "FKB0905", "PodSettingsUnknown", _W, "A pod of the gateway takes a setting from a ConfigMap, a Secret or a field.",
        "Put the plain values into the container's env.",
    ),
    Code(
        "FKB1090", "NotApplied", _E, "Objects of the binding are missing, or a list lacks its plugins, and the operator has not made them.",
        "Check that the operator runs, then read its log.",
    ),
    Code(
        "FKB1091", "NotInKong", _E, "Kong's Admin API does not have a plugin of the binding: a change has not reached this pod.",
        "See the log of Kong Ingress Controller.",
    ),
    Code(
        "FKB1101", "OtherPluginRuns", _W, "On a route another plugin of the same type runs in place of the binding's.",
        "Take the other plugin off the more specific object, or check that its traces are not needed.",
    ),
    Code(
        "FKB1102", "NothingLeadsThere", _W, "No Ingress or HTTPRoute leads to the Service with the plugins, so they never run.",
        "Create an Ingress or HTTPRoute that leads to the Service.",
    ),
    Code(
        "FKB1103", "PayloadsOff", _N, "payloads is Disabled: Fiddler shows tokens and models, but no text of prompts and answers.",
        "Set spec.payloads: Captured, if the text may be stored in Fiddler (personal data).",
    ),
    Code(
        "FKB1104", "SessionsOff", _N, "sessions.mode is Disabled: each call is a session of its own, unless the clients trace themselves.",
        "Set spec.sessions.mode: Header, and let the clients send X-Fiddler-Conversation-Id.",
    ),
    Code(
        "FKB1105", "SamplingRateLow", _N, "tracing.samplingRate is below 1: Fiddler sees only a part of the calls.",
        "Set spec.tracing.samplingRate: 1.0 to see all of them.",
    ),
    Code(
        "FKB1201", "ExportUnauthorized", _E, "The gateway's log says that the trace endpoint refuses Kong's key (401 or 403).",
        "Put a valid key into the Secret of fiddler.apiKeySecretRef.",
    ),
    Code(
        "FKB1202", "ExportRefused", _E, "The gateway's log says that the trace endpoint refuses Kong's exports (another 4xx).",
        "Check fiddler.url, fiddler.export.endpoint and fiddler.applicationId.",
    ),
    Code(
        "FKB1203", "ExportFailing", _W, "The gateway's log says that the trace endpoint answers with errors (429 or 5xx).",
        "Wait; Kong tries again for a minute, then drops the spans.",
    ),
    Code(
        "FKB1204", "ExportUnreachable", _E, "The gateway's log says that Kong cannot reach the trace endpoint: name, connection or TLS.",
        "Check DNS, egress policies and CA (KONG_LUA_SSL_TRUSTED_CERTIFICATE) of the gateway's pods: fiddler-kong doctor --from-gateway",
    ),
    Code(
        "FKB1205", "SpansDropped", _E, "The gateway's log says that Kong has dropped spans that it could not export.",
        "Repair what keeps the exports from arriving; see the lines before it.",
    ),
    Code(
        "FKB1206", "ExportNotTaken", _E, "The gateway's log says that exports are answered with a redirect, or with a 2xx other than 200.",
        "Look for a proxy, login page or queue between the gateway and Fiddler: Kong sends a batch again until it gets 200, then drops it.",
    ),
    Code(
        "FKB1390", "ProbeDiffers", _N, "To this machine the trace endpoint answers differently than to the operator in the cluster.",
        "The way from the cluster counts: see the condition TraceEndpointReachable.",
    ),
    Code(
        "FKB1391", "GatewayCannotResolve", _E, "A pod of the gateway cannot resolve the name of the trace endpoint.",
        "Check the DNS of the gateway's pods, and that network policies let them ask it (port 53).",
    ),
    Code(
        "FKB1392", "GatewayCannotConnect", _E, "A pod of the gateway gets no connection to the trace endpoint.",
        "Let network policies, the service mesh and the firewall pass it. Kong's opentelemetry plugin has no setting for a proxy.",
    ),
    Code(
        "FKB1393", "GatewayTlsFails", _E, "A pod of the gateway cannot agree on TLS with the trace endpoint, or does not trust it.",
        "Add the CA to KONG_LUA_SSL_TRUSTED_CERTIFICATE of the gateway, or repair the endpoint's certificate.",
    ),
    Code(
        "FKB1394", "GatewayGetsNoAnswer", _E, "A pod of the gateway connects to the trace endpoint and gets no HTTP answer.",
        "Check what listens there: it must speak OTLP/HTTP, which a collector usually serves on port 4318.",
    ),
    Code(
        "FKB1395", "GatewayAnswerUnexpected", _W, "To a pod of the gateway the trace endpoint answers as no OTLP endpoint does.",
        "Look for what answers in its place, such as an egress gateway, a proxy or another service.",
    ),
)
# fmt: on
