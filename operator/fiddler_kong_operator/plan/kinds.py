"""The kinds this project reads or writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import STORED
from fiddler_kong_operator.kube.objects import EVENT as ANY_EVENT
from fiddler_kong_operator.kube.objects import Kind

__all__ = [
    "BINDING",
    "DAEMON_SET",
    "DATA_PLANE",
    "DEPLOYMENT",
    "EVENT",
    "GATEWAY",
    "GATEWAY_CLASS",
    "GATEWAY_CONFIGURATION",
    "HTTP_ROUTE",
    "INGRESS",
    "INGRESS_CLASS",
    "KINDS",
    "KONG_CLUSTER_PLUGIN",
    "KONG_CONSUMER",
    "KONG_CONSUMER_GROUP",
    "KONG_PLUGIN",
    "OWNED",
    "REFERENCE_GRANT",
    "SECRET",
    "SERVICE",
    "STATEFUL_SET",
]

BINDING: Final = Kind(names.KIND, names.GROUP, STORED.name, names.PLURAL)

SECRET: Final = Kind("Secret", "", "v1", "secrets", field_selector="type!=helm.sh/release.v1", confidential=True)
"""Helm's release records are large, many, and never referenced."""

KONG_PLUGIN: Final = Kind("KongPlugin", names.KONG_GROUP, "v1", "kongplugins")
KONG_CLUSTER_PLUGIN: Final = Kind("KongClusterPlugin", names.KONG_GROUP, "v1", "kongclusterplugins", namespaced=False)
KONG_CONSUMER: Final = Kind("KongConsumer", names.KONG_GROUP, "v1", "kongconsumers")
KONG_CONSUMER_GROUP: Final = Kind("KongConsumerGroup", names.KONG_GROUP, "v1beta1", "kongconsumergroups")
SERVICE: Final = Kind("Service", "", "v1", "services")
INGRESS: Final = Kind("Ingress", "networking.k8s.io", "v1", "ingresses")
INGRESS_CLASS: Final = Kind("IngressClass", "networking.k8s.io", "v1", "ingressclasses", namespaced=False)
HTTP_ROUTE: Final = Kind("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes")
REFERENCE_GRANT: Final = Kind("ReferenceGrant", "gateway.networking.k8s.io", "v1beta1", "referencegrants")
DEPLOYMENT: Final = Kind("Deployment", "apps", "v1", "deployments")
DAEMON_SET: Final = Kind("DaemonSet", "apps", "v1", "daemonsets")
STATEFUL_SET: Final = Kind("StatefulSet", "apps", "v1", "statefulsets")
DATA_PLANE: Final = Kind("DataPlane", "gateway-operator.konghq.com", "v1beta1", "dataplanes")
GATEWAY_CONFIGURATION: Final = Kind("GatewayConfiguration", "gateway-operator.konghq.com", "v2beta1", "gatewayconfigurations")
GATEWAY: Final = Kind("Gateway", "gateway.networking.k8s.io", "v1", "gateways")
GATEWAY_CLASS: Final = Kind("GatewayClass", "gateway.networking.k8s.io", "v1", "gatewayclasses", namespaced=False)

EVENT: Final = replace(ANY_EVENT, field_selector="source=kong-client")
"""Only the events of Kong Ingress Controller are listed; `kong-client` is the name under which it posts them."""

OWNED: Final = (SECRET, KONG_PLUGIN, SERVICE, INGRESS, HTTP_ROUTE)
"""The kinds of a binding's children in the order of creation. Deletion takes the reverse order, traffic first and keys last: Kong drops a
plugin whose Secret is gone and keeps serving its route."""

_WORKLOADS: Final = (DEPLOYMENT, DAEMON_SET, STATEFUL_SET, DATA_PLANE, GATEWAY_CONFIGURATION)
_OTHERS: Final = (
    KONG_CLUSTER_PLUGIN,
    KONG_CONSUMER,
    KONG_CONSUMER_GROUP,
    INGRESS_CLASS,
    REFERENCE_GRANT,
    GATEWAY,
    GATEWAY_CLASS,
    *_WORKLOADS,
    EVENT,
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in (BINDING, *OWNED, *_OTHERS)})
"""Every kind by name."""
