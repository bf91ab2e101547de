"""Every name this project gives to something in a cluster: API group, labels, annotations, field managers, children.

Names live in one module because they are promises: changing one orphans the objects of an older release. Only a KongPlugin's name is made
elsewhere, from its type: `plan.plugins.PluginKind.object_name`.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "APPLICATION",
    "APPLICATION_ID_HEADER",
    "BINDING_LABEL",
    "FIELD_MANAGER",
    "FINALIZER",
    "FORMER_SETTINGS_ANNOTATION",
    "GRANT_ANNOTATION",
    "GROUP",
    "KIND",
    "KONG_CONTROLLER",
    "KONG_GROUP",
    "KONG_PLUGINS_ANNOTATION",
    "MANAGED_BY_LABEL",
    "PLURAL",
    "RESTORING_MANAGER",
    "ROUTE_LABEL",
    "SHORT_NAME",
    "TRACES_PATH",
    "keys_secret",
    "route_objects",
]

APPLICATION: Final = "fiddler-kong-operator"
"""The project's name: Deployment, Lease and User-Agent carry it."""

GROUP: Final = "integrations.fiddler.ai"
KIND: Final = "FiddlerKongBinding"
PLURAL: Final = "fiddlerkongbindings"
SHORT_NAME: Final = "fkb"

KONG_GROUP: Final = "configuration.konghq.com"
KONG_CONTROLLER: Final = "ingress-controllers.konghq.com/kong"
"""`spec.controller` of an IngressClass of Kong Ingress Controller."""

KONG_PLUGINS_ANNOTATION: Final = "konghq.com/plugins"
"""Kong's plugin list on an object: comma-separated names."""

FIELD_MANAGER: Final = "fiddler-kong-operator"
"""The field manager of every write, as `kubectl get --show-managed-fields` shows it."""

RESTORING_MANAGER: Final = f"{FIELD_MANAGER}-restoring"
"""The field manager of the one patch that restores a workload's former settings: a restored value must not look like the operator's."""

FINALIZER: Final = f"{GROUP}/detach"
"""The finalizer of a binding that is attached to an object of another owner, until it is detached."""

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
BINDING_LABEL: Final = f"{GROUP}/binding"
ROUTE_LABEL: Final = f"{GROUP}/route"

GRANT_ANNOTATION: Final = f"{GROUP}/allow-bindings-from"
"""Set by the owner of a gateway workload: namespaces (comma-separated, or `*`) whose bindings may change it."""

FORMER_SETTINGS_ANNOTATION: Final = f"{GROUP}/former-settings"
"""Set by the operator on a workload whose settings it took over with `conflicts: Override`: the former values, as JSON."""

APPLICATION_ID_HEADER: Final = "fiddler-application-id"
"""The HTTP header by which Fiddler knows the application of an export."""

TRACES_PATH: Final = "/v1/traces"
"""Path of Fiddler's OTLP/HTTP endpoint for traces, below the instance's URL."""


def keys_secret(binding: str) -> str:
    """Name of the one derived Secret of a binding: every key Kong needs, JSON-encoded."""
    return f"{binding}-kong-keys"


def route_objects(binding: str, route: str) -> str:
    """Name of the Service, and of the Ingress or HTTPRoute, that expose one route."""
    return f"{binding}-{route}"
