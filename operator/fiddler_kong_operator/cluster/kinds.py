"""The kinds this project reads or writes, and where the API server keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from fiddler_kong_operator import names

__all__ = [
    "BINDING",
    "DEPLOYMENT",
    "EVENT",
    "INGRESS",
    "KINDS",
    "KONG_CLUSTER_PLUGIN",
    "KONG_PLUGIN",
    "LEASE",
    "REFLECTED",
    "SECRET",
    "SERVICE",
    "Kind",
    "kind_of",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object. `name` is unique among these kinds and stands in `ObjectKey.kind`; the selectors narrow lists and watches."""

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True
    field_selector: str = ""
    label_selector: str = ""

    @property
    def api_version(self) -> str:
        """`group/version`, or only the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def selectors(self) -> dict[str, str]:
        """The query parameters of lists and watches."""
        pairs = {"fieldSelector": self.field_selector, "labelSelector": self.label_selector}
        return {name: value for name, value in pairs.items() if value}

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource; every namespace where none is given."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return "/".join(part for part in (f"{root}{scope}/{self.plural}", name, subresource) if part)


BINDING: Final = Kind(names.KIND, names.GROUP, names.VERSION, names.PLURAL)

SECRET: Final = Kind("Secret", "", "v1", "secrets", field_selector="type!=helm.sh/release.v1")
"""Helm's release records are large, many, and never referenced."""

KONG_PLUGIN: Final = Kind("KongPlugin", names.KONG_GROUP, "v1", "kongplugins")
KONG_CLUSTER_PLUGIN: Final = Kind("KongClusterPlugin", names.KONG_GROUP, "v1", "kongclusterplugins", namespaced=False)
SERVICE: Final = Kind("Service", "", "v1", "services")
INGRESS: Final = Kind("Ingress", "networking.k8s.io", "v1", "ingresses")
DEPLOYMENT: Final = Kind("Deployment", "apps", "v1", "deployments")

EVENT: Final = Kind("Event", "", "v1", "events", field_selector="involvedObject.kind=KongPlugin,type=Warning")
"""Only Kong's complaints about plugins are listed."""

LEASE: Final = Kind("Lease", "coordination.k8s.io", "v1", "leases")

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in (BINDING, SECRET, KONG_PLUGIN, KONG_CLUSTER_PLUGIN, SERVICE, INGRESS, DEPLOYMENT, EVENT, LEASE)}
)
"""Every kind by name."""

REFLECTED: Final = (SECRET, KONG_PLUGIN, KONG_CLUSTER_PLUGIN, SERVICE, INGRESS, DEPLOYMENT, EVENT)
"""The kinds a reflector keeps in the store. Bindings come in by way of kopf."""


def kind_of(kind: Kind | str | Mapping[str, Any]) -> Kind:
    """The kind itself, by name, or of a manifest; KeyError for one this project does not know, which is a bug."""
    if isinstance(kind, Kind):
        return kind
    return KINDS[kind if isinstance(kind, str) else kind["kind"]]
