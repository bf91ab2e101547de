"""One binding with everything that is visible from outside, for the oracles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.generated.fields import SCHEMA, Schema
from tests.integration.pushed import Entity, Pushed

__all__ = ["Case", "Key", "Oracle", "Spec", "completed", "content", "name_of"]

Spec = dict[str, Any]
Manifest = dict[str, Any]
Key = tuple[str, str]
"""Kind and name."""

_COUNTED: Final = frozenset({"resourceVersion", "managedFields", "generation", "creationTimestamp", "uid", "ownerReferences"})


def completed(value: Any, node: Schema = SCHEMA) -> Any:
    """A spec with the schema's defaults filled in, as the API server does it."""
    if node.get("type") == "array":
        return [completed(item, node["items"]) for item in value]
    if "properties" not in node:
        return value
    given = {name: child["default"] for name, child in node["properties"].items() if "default" in child} | value
    return {name: completed(item, node["properties"][name]) for name, item in given.items()}


@dataclass(frozen=True)
class Case:
    """A binding's spec (with defaults), and the content of its namespace, its gateway and Kong."""

    name: str
    namespace: str
    spec: Spec
    binding: Manifest
    """The binding itself; {} if it does not exist."""
    pushed: Pushed
    objects: Mapping[Key, Manifest]
    """Every Service, Ingress, KongPlugin and Secret of the namespace."""
    gateways: Mapping[str, Manifest]
    """Workloads by name."""
    keys: Mapping[tuple[str, str], str]
    """Keys by Secret and entry."""

    @property
    def status(self) -> Manifest:
        """The binding's status."""
        status: Manifest = self.binding.get("status") or {}
        return status

    @property
    def conditions(self) -> dict[str, Manifest]:
        """The conditions by type; {} while one of them belongs to an older generation."""
        found = {condition["type"]: condition for condition in self.status.get("conditions") or ()}
        newest = self.binding.get("metadata", {}).get("generation")
        return found if all(condition["observedGeneration"] == newest for condition in found.values()) else {}

    @property
    def routes(self) -> list[Spec]:
        """The routes."""
        routes: list[Spec] = self.spec["routes"]
        return routes

    @property
    def models(self) -> list[Spec]:
        """The routes with a model."""
        return [route for route in self.routes if "llm" in route and self.is_served(route)]

    @property
    def exposed(self) -> list[Spec]:
        """The routes with their own path."""
        return [route for route in self.routes if "expose" in route]

    def called(self, route: Spec) -> Iterator[tuple[Spec, Entity]]:
        """Each model of a route as `llm` would have it alone, with its config as `ai-proxy` would have it."""
        llm = route["llm"]
        for config in self.configs(self.proxy(route)):
            for target, found in zip(llm.get("targets", [llm]), config.get("targets", [config]), strict=True):
                yield {"routeType": llm["routeType"], "format": llm["format"], **target}, {"llm_format": config["llm_format"], **found}

    def proxy(self, route: Spec) -> str:
        """The name of the plugin that calls the models of a route."""
        return f"{self.name}-{route['name']}-ai-proxy{'-advanced' if 'targets' in route['llm'] else ''}"

    def is_served(self, route: Spec) -> bool:
        """Whether the Kong of this cluster serves the route at all, with plugins that the operator adds."""
        if "attachTo" in route:
            return route["attachTo"]["kind"] != "HTTPRoute" or bool(self.spec["gateway"]["management"] == "Apply")
        return "gatewayRef" in route["expose"] or bool(self.spec["gateway"]["ingressClassName"] == "kong")

    @property
    def gateway_works(self) -> bool:
        """Whether pre-function is certainly attachable."""
        return self.holds("GatewayConfigured")

    def reason(self, kind: str) -> str:
        """The reason of a condition; "" before it exists."""
        return str(self.conditions.get(kind, {}).get("reason", ""))

    def holds(self, kind: str) -> bool:
        """Whether a condition is True."""
        return bool(self.conditions.get(kind, {}).get("status") == "True")

    def children(self) -> dict[Key, Manifest]:
        """The objects that the binding owns."""
        return {key: raw for key, raw in self.objects.items() if self.name in _owners(raw)}

    def configs(self, plugin: str) -> list[Entity]:
        """The config of each instance of one of our plugins in Kong."""
        return [entity["config"] for entity in self._instances(plugin)]

    def _instances(self, plugin: str) -> Iterator[Entity]:
        tag = f"k8s-name:{plugin}"
        return (entity for entity in self.pushed.plugins if tag in entity["tags"])

    def places(self, plugin: str) -> set[Key]:
        """The Services and Ingresses on which Kong runs one of our plugins."""
        return {place for entity in self._instances(plugin) for place in self._place(entity)}

    def _place(self, plugin: Entity) -> Iterator[Key]:
        for kind, entities in (("Ingress", self.pushed.routes), ("Service", self.pushed.services)):
            reference = plugin.get("route" if kind == "Ingress" else "service")
            yield from ((kind, name_of(entity)) for entity in entities if entity["name"] == reference)

    def service(self, route: Spec) -> Entity:
        """The Kong service of an exposed route; {} if it does not exist."""
        return next((s for s in self.pushed.services if name_of(s) == f"{self.name}-{route['name']}"), {})

    def kong_routes(self, route: Spec) -> list[Entity]:
        """The Kong routes of an exposed route."""
        return [r for r in self.pushed.routes if name_of(r) == f"{self.name}-{route['name']}"]


def content(raw: Manifest) -> Manifest:
    """An object without its status and server-assigned metadata."""
    metadata = {name: value for name, value in raw["metadata"].items() if name not in _COUNTED}
    return {**{name: value for name, value in raw.items() if name not in {"status", "metadata"}}, "metadata": metadata}


def name_of(entity: Entity) -> str:
    """Name of the Kubernetes object that a Kong entity was made from."""
    return next(str(tag).partition(":")[2] for tag in entity["tags"] if tag.startswith("k8s-name:"))


def _owners(raw: Manifest) -> list[str]:
    return [owner["name"] for owner in raw["metadata"].get("ownerReferences") or () if owner["kind"] == "FiddlerKongBinding"]


Oracle = Callable[[Case], Iterator[str]]
"""Yields a sentence for every difference between a case and one of its fields."""
