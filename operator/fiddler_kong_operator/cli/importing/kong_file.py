"""A declarative Kong file: its services, routes and plugins, wherever they are nested. Everything else of it is reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fiddler_kong_operator.kube.objects import Manifest

from .parts import Part
from .report import Report

__all__ = ["CARRIED", "KongFile", "Plugin", "Route", "Service", "is_kong_file", "read_kong_file"]

CARRIED: Final = ("ai-proxy", "ai-proxy-advanced", "pre-function", "opentelemetry")
"""The types of plugins that a binding can carry."""

_STAY: Final[Mapping[str, str]] = {
    "consumers": "stay yours, with their credentials and plugins: KongConsumer objects and Secrets for Kong's controller.",
    "consumer_groups": "stay yours: KongConsumerGroup objects for Kong's controller.",
    "upstreams": "stay yours: ai-proxy calls the provider itself. For several models of one route use llm.targets.",
    "targets": "stay yours, with their upstreams: ai-proxy calls the provider itself.",
    "certificates": "stay yours: a Secret of type kubernetes.io/tls for each, which expose.tlsSecretName of a route can name.",
    "ca_certificates": "stay yours: Secrets for Kong's controller, or KONG_LUA_SSL_TRUSTED_CERTIFICATE of the gateway.",
    "snis": "stay yours, with their certificates: expose.host and expose.tlsSecretName of a route.",
    "vaults": "stay yours: KongVault objects. A binding takes its keys from Secrets.",
    "_workspace": "is not carried over: a binding names its gateway by gateway.targetRef.",
    "_konnect": "is not carried over: a binding names its gateway by gateway.targetRef.",
}
"""Top-level fields that are not carried over, and the sentence about each."""

_ELSEWHERE: Final = "no binding has this: it stays yours."
_SILENT: Final = ("_comment", "_ignore")
_WITHOUT_EFFECT: Final = ("created_at", "updated_at", "instance_name", "run_on", "ws_id")
_SCOPES: Final = ("service", "route", "consumer", "consumer_group")


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A Kong service; `part` has its other fields."""

    part: Part = field(repr=False)
    aliases: tuple[str, ...]
    name: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A Kong route and its service, if it has one; `part` has its other fields."""

    part: Part = field(repr=False)
    aliases: tuple[str, ...]
    name: str | None
    service: Service | None


@dataclass(frozen=True, slots=True, eq=False)
class Plugin:
    """A plugin that is on, for some calls: those of a service, of a route, of both, or all."""

    type: str
    config: Part = field(repr=False)
    service: Service | None = None
    route: Route | None = None

    @property
    def place(self) -> str:
        """Its place in the file."""
        return self.config.place.removesuffix(".config")

    def covers(self, route: Route) -> bool:
        """Whether it may run for calls of a route."""
        return self.route in (None, route) and self.service in (None, route.service)


@dataclass(frozen=True, slots=True)
class KongFile:
    """The parts of a Kong file that an import uses."""

    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    plugins: tuple[Plugin, ...]
    _index: Mapping[tuple[str, Route | None, Service | None], Plugin]

    def plugin_of(self, route: Route, *types: str) -> Plugin | None:
        """The plugin of these types that Kong runs for calls of a route: the most specific one."""
        scopes = ((route, route.service), (route, None), (None, route.service), (None, None))
        places = ((type_, *scope) for scope in scopes for type_ in types)
        return next((self._index[place] for place in places if place in self._index), None)


def is_kong_file(manifest: Manifest) -> bool:
    """Whether an object is a declarative Kong file, and no Kubernetes object for example."""
    marked = "_format_version" in manifest or any(isinstance(manifest.get(name), list) for name in ("services", "routes", "plugins"))
    return marked and not ("apiVersion" in manifest and "kind" in manifest)


def read_kong_file(manifest: Manifest, report: Report) -> KongFile:
    """The services, routes and plugins that are on; everything else is reported."""
    root = Part(manifest, "", report)
    reader = _Reader(root, report)
    plugins = tuple(reader.plugins())
    reader.finish(root)
    index = {(plugin.type, plugin.route, plugin.service): plugin for plugin in reversed(plugins)}
    return KongFile(tuple(reader.services), tuple(reader.routes), plugins, index)


class _Reader:
    """Reads entities in the order in which they refer to each other: services, routes, plugins."""

    def __init__(self, root: Part, report: Report) -> None:
        self._report, self._tagged = report, 0
        self._configs = {name: value for name, value in root.part("_plugin_configs").rest() if isinstance(value, dict)}
        self._found: list[tuple[Part, Service | None, Route | None]] = []
        """Plugins, each with the entity that it is nested in."""
        self.services: list[Service] = []
        self.routes: list[Route] = []
        for part in root.parts("services"):
            self._read_service(part)
        known = _by_alias(self.services)
        for part in root.parts("routes"):
            self._read_outer_route(part, known)
        self._found += [(part, None, None) for part in root.parts("plugins")]

    def plugins(self) -> Iterator[Plugin]:
        """The plugins that are on and whose scope a binding can carry."""
        services, routes = _by_alias(self.services), _by_alias(self.routes)
        for part, service, route in self._found:
            named = {kind: _reference(part, kind) for kind in _SCOPES}
            known = services.get(named["service"] or "", service), routes.get(named["route"] or "", route)
            fault = _scope_fault(named, *known)
            type_ = self._identity(part)[1]
            if fault:
                self._report.lose(part.place, fault)
            elif type_ and self._is_on(part):
                yield Plugin(type_, self._config(part, type_), *known)

    def finish(self, root: Part) -> None:
        """Report what is left at the top level."""
        if str(root.take("_format_version")) not in ("3.0", "3"):
            self._report.note("_format_version", "is not 3.0: the file was read as if it were.")
        if root.flag("_transform") is False:
            self._report.note("_transform", "only concerns credentials of consumers, which stay yours.")
        info = root.part("_info")
        if info.has("defaults"):
            info.lose("defaults", "is not applied: write the defaults at each entity, and import again.")
        for name in sorted(root.names()):
            if name not in _SILENT:
                self._report.lose(root.place_of(name), _STAY.get(name, _ELSEWHERE))
        if self._tagged:
            self._report.note("tags", f"{self._tagged} entities have some: Kong's controller sets tags of its own.")

    def _read_service(self, part: Part) -> None:
        nested, plugins = part.parts("routes"), part.parts("plugins")
        service = Service(part, *self._identity(part))
        if self._is_on(part):
            self.services.append(service)
            self._found += [(plugin, service, None) for plugin in plugins]
            for route in nested:
                self._read_route(route, service)

    def _read_outer_route(self, part: Part, services: Mapping[str, Service]) -> None:
        named = _reference(part, "service")
        if named and named not in services:
            self._report.lose(part.place, "its service is not in the file, or is disabled: the route was left out.")
        else:
            self._read_route(part, services[named] if named else None)

    def _read_route(self, part: Part, service: Service | None) -> None:
        plugins = part.parts("plugins")
        route = Route(part, *self._identity(part), service)
        self.routes.append(route)
        self._found += [(plugin, None, route) for plugin in plugins]

    def _identity(self, part: Part) -> tuple[tuple[str, ...], str | None]:
        """The texts by which others refer to an entity, and its name. Fields without any effect are dropped."""
        name, number = part.text("name"), part.take("id")
        self._tagged += bool(part.take("tags"))
        for other in _WITHOUT_EFFECT:
            part.take(other)
        return tuple(alias for alias in (name, number) if alias and isinstance(alias, str)), name

    def _is_on(self, part: Part) -> bool:
        if part.flag("enabled") is not False:
            return True
        self._report.note(part.place, "is disabled (enabled: false), and was left out with all that is in it.")
        return False

    def _config(self, part: Part, type_: str) -> Part:
        """The plugin's configuration, with the entry of `_plugin_configs` that it names as its defaults."""
        shared = self._configs.get(str(part.take("_config")), {})
        config = part.part("config").under(shared)
        part.take("protocols")
        if type_ in CARRIED:
            part.lose_rest("is not carried over: the operator's plugin has no such field.")
        return config


def _scope_fault(named: Mapping[str, str | None], service: Service | None, route: Route | None) -> str:
    if named["consumer"] or named["consumer_group"]:
        return "is for one consumer or group, and a binding covers all callers of a route: the plugin stays yours."
    if (named["service"] and not service) or (named["route"] and not route):
        return "its service or route is not in the file, or is disabled: the plugin was left out."
    return ""


def _reference(part: Part, kind: str) -> str | None:
    """The name or id of another entity, written as text or as an object."""
    value = part.take(kind)
    if isinstance(value, dict):
        value = value.get("name") or value.get("id") or value.get("username")
    return str(value) if value is not None else None


Entity = TypeVar("Entity", Service, Route)


def _by_alias(entities: Iterable[Entity]) -> dict[str, Entity]:
    return {alias: entity for entity in entities for alias in entity.aliases}
