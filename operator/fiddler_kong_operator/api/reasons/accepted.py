"""The reasons of Accepted: whether a binding may do what its spec says."""

from __future__ import annotations

from typing import Final

from .contract import ConditionType, Reason

__all__ = ["REASONS"]

_A: Final = ConditionType.ACCEPTED

# Rows are easier to read in this form than in the formatter's.
# fmt: off
REASONS: Final = (
    Reason("Accepted", _A, "True", "The spec is valid and clashes with nothing."),
    Reason(
        "ShadowsGlobalPlugin", _A, "True",
        "Accepted, but a global plugin of the same type no longer runs on these routes, or another one answers too.",
        "See the message: what the global one does or exports stops here. Check that it is not needed.",
    ),
    Reason(
        "ShadowsServicePlugin", _A, "True",
        "Accepted, but a plugin of the same type on a Service no longer runs for these routes, or answers too.",
        "See the message: what the Service's does or exports stops here. Check that it is not needed.",
    ),
    Reason(
        "ShadowedPlugin", _A, "True",
        "Accepted, but a plugin on a route or consumer runs in place of the binding's, or answers calls beside it.",
        "Take it off the route or consumer, or check that its calls need no traces.",
    ),
    Reason(
        "PathOverlap", _A, "True", "Accepted, but another route, perhaps by a regular expression, may take calls of the exposed path.",
        "Check that the route's calls do not go there.",
    ),
    Reason(
        "InvalidSpec", _A, "False", "The spec breaks a rule that the API server could not check.",
        "Correct the field named in the message.", stalls=True,
    ),
    Reason(
        "WatchForbidden", _A, "False", "The operator cannot watch a kind of object that the binding depends on; nothing is changed.",
        "Give the operator's service account the rule in the message, or repair what it names; the operator then continues.", stalls=True,
    ),
    Reason(
        "EndpointRefused", _A, "False",
        "fiddler.url, fiddler.export.endpoint or an upstreamUrl points to an address to which no gateway may send keys or calls.",
        "Use the https URL of your Fiddler instance or collector, or ask the operator's administrator to allow it.", stalls=True,
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
        "IngressClassNotFound", _A, "False", "The cluster has ingress classes, but not the one in gateway.ingressClassName.",
        "Use the class of the Kong that runs as the gateway, or create it.",
    ),
    Reason(
        "GatewayApiNotInstalled", _A, "False", "attachTo or expose.gatewayRef needs an HTTPRoute, but the cluster does not know that kind.",
        "Install the resource definitions of the Gateway API, attach to a Service or Ingress, or leave gatewayRef out.",
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
        "OtherIngressClass", _A, "False", "Another gateway than the binding's serves the object named in attachTo.",
        "Name the gateway and the class that serve it, or change the Ingress's class; give an HTTPRoute a Gateway of Kong's.", stalls=True,
    ),
    Reason(
        "RoutesNotReadable", _A, "False", "The operator cannot see all HTTPRoutes that may lead to the Service.",
        "Let an administrator add what the message names: list and watch of HTTPRoutes, or a namespace to watch.", stalls=True,
    ),
    Reason(
        "SharedBackend", _A, "False", "The Service shares a rule of an HTTPRoute with others: with plugins on it, Kong drops the route.",
        "Attach to the HTTPRoute instead, or give the Service a rule of its own.", stalls=True,
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
        "RouteClash", _A, "False", "Another Ingress of the class, or HTTPRoute of the Gateway, already serves this host and path.",
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
)
# fmt: on
