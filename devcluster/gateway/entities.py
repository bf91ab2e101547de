"""Parses a pushed declarative configuration into frozen entities, or refuses it with every error.

Missing ids are derived as in Kong: from the name, or, for a plugin, from its type and its target.
Two plugins of one type on one service therefore get the same id, and Kong refuses the *whole* configuration.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from .entity_schemas import ENTITY_SCHEMAS, FORMAT_VERSION
from .process_settings import ProcessSettings
from .schemas import config_schema, is_known, protocols_schema
from .validation import ErrorTree, check_plugin_config, check_record, check_value, with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["EMPTY_HASH", "Configuration", "Plugin", "Problem", "RefusedConfigurationError", "Route", "Service", "read_configuration"]

EMPTY_HASH: Final = "0" * 32
"""Kong's hash of an empty configuration."""

_NAMESPACE: Final = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
_TOP_LEVEL: Final = frozenset(
    [
        "_format_version",
        "_transform",
        "_info",
        "_workspace",
        "services",
        "routes",
        "plugins",
        "upstreams",
        "consumers",
        "consumer_groups",
        "consumer_group_consumers",
        "certificates",
        "ca_certificates",
        "snis",
        "vaults",
        "licenses",
        "keys",
        "key_sets",
        "keyauth_credentials",
        "basicauth_credentials",
    ]
)
_CHILDREN: Final[dict[str, dict[str, str]]] = {
    "services": {"routes": "service", "plugins": "service"},
    "routes": {"plugins": "route"},
    "upstreams": {"targets": "upstream"},
}
_REFERENCES: Final[dict[str, dict[str, str]]] = {
    "routes": {"service": "services"},
    "plugins": {"service": "services", "route": "routes"},
    "targets": {"upstream": "upstreams"},
}
_UNIQUE: Final = {"services": "name", "routes": "name", "upstreams": "name", "plugins": "instance_name"}


@dataclass(frozen=True, slots=True)
class Service:
    """A Kong service: the destination of the routes that refer to it."""

    id: str
    name: str
    protocol: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Route:
    """A Kong route. `paths` that start with `~` are regular expressions, the others prefixes."""

    id: str
    name: str
    service: str | None
    paths: tuple[str, ...]
    hosts: tuple[str, ...]
    methods: tuple[str, ...]
    strip_path: bool
    preserve_host: bool
    regex_priority: int


@dataclass(frozen=True, slots=True)
class Plugin:
    """A Kong plugin; `config` contains its defaults and is not in `repr`, since it contains keys."""

    id: str
    name: str
    service: str | None
    route: str | None
    enabled: bool
    tags: tuple[str, ...]
    config: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One accepted configuration. `raw` is the unchanged content of the push; it contains keys."""

    raw: Mapping[str, Any] = field(repr=False)
    hash: str
    services: Mapping[str, Service]
    routes: tuple[Route, ...]
    plugins: tuple[Plugin, ...]
    targets: Mapping[str, tuple[str, ...]]
    """Addresses (`host:port`) by the name of the upstream."""
    entities: tuple[tuple[str, Mapping[str, Any]], ...] = field(repr=False)
    """Every entity with its kind, complete: ids and references resolved, defaults filled in."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The errors of one entity, as an error tree."""

    kind: str
    entity: Mapping[str, Any] = field(repr=False)
    errors: ErrorTree


class RefusedConfigurationError(Exception):
    """The configuration is refused. `fields` are errors of the document itself, `problems` those of its entities."""

    def __init__(self, problems: tuple[Problem, ...], fields: ErrorTree) -> None:
        super().__init__(f"declarative config is invalid: {len(problems)} entities with errors")
        self.problems, self.fields = problems, fields


def _walk(kind: str, items: list[dict[str, Any]], parent: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in items:
        nested = _CHILDREN.get(kind, {})
        entity = {k: v for k, v in item.items() if k not in nested and v is not None} | parent
        entity.setdefault("id", _derived_id(kind, entity))
        yield kind, entity
        for child, reference in nested.items():
            yield from _walk(child, item.get(child) or [], {reference: {"id": entity["id"]}})


def _derived_id(kind: str, entity: Mapping[str, Any]) -> str:
    if kind == "plugins":
        owners = (_reference_text(entity.get(n)) for n in ("route", "service", "consumer", "consumer_group"))
        return str(uuid.uuid5(_NAMESPACE, ":".join(["plugins", str(entity.get("name")), *owners])))
    parent = _reference_text(entity.get("upstream"))
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{parent}:{entity.get('name') or entity.get('target')}"))


def _reference_text(reference: Any) -> str:
    if isinstance(reference, dict):
        return str(reference.get("id") or reference.get("name") or "")
    return str(reference or "")


class _Document:
    """The entities of one push while they are resolved and checked."""

    def __init__(self, raw: Mapping[str, Any], settings: ProcessSettings) -> None:
        self._settings = settings
        kinds = [kind for kind in ENTITY_SCHEMAS if isinstance(raw.get(kind), list)]
        self.entities = [found for kind in kinds for found in _walk(kind, raw[kind], {})]
        self._ids: dict[str, dict[str, str]] = {}
        for kind, entity in self.entities:
            names = self._ids.setdefault(kind, {})
            names |= {str(entity[key]): entity["id"] for key in ("id", "name") if entity.get(key)}
        self._seen: set[tuple[str, str, str]] = set()

    def check(self) -> tuple[Problem, ...]:
        """Resolve references, fill in defaults, and collect errors."""
        self.entities = [(kind, self._resolved(kind, entity)) for kind, entity in self.entities]
        found = ((kind, entity, self._errors(kind, entity)) for kind, entity in self.entities)
        return tuple(Problem(kind, entity, errors) for kind, entity, errors in found if errors)

    def _resolved(self, kind: str, entity: dict[str, Any]) -> dict[str, Any]:
        links = {name: self._link(target, entity[name]) for name, target in _REFERENCES.get(kind, {}).items() if name in entity}
        resolved = entity | links
        schema = config_schema(str(entity.get("name")), self._settings.version) if kind == "plugins" else None
        if schema and isinstance(entity.get("config", {}), dict):
            resolved["config"] = with_defaults(schema, entity.get("config") or {})
        return resolved

    def _link(self, target: str, reference: Any) -> dict[str, str]:
        text = _reference_text(reference)
        return {"id": self._ids.get(target, {}).get(text, text)}

    def _errors(self, kind: str, entity: dict[str, Any]) -> ErrorTree:
        errors = check_record(ENTITY_SCHEMAS[kind], entity) | self._broken_links(kind, entity)
        if kind == "plugins":
            errors |= _plugin_errors(entity, self._settings)
        if kind == "services":
            errors |= _service_errors(entity, self._settings)
        entity_errors = errors.pop("@entity", []) + self._clashes(kind, entity)
        return errors | ({"@entity": entity_errors} if entity_errors else {})

    def _broken_links(self, kind: str, entity: dict[str, Any]) -> ErrorTree:
        return {
            name: f"invalid reference '{name}: {entity[name]['id']}' (no such entity in '{target}')"
            for name, target in _REFERENCES.get(kind, {}).items()
            if name in entity and entity[name]["id"] not in self._ids.get(target, {})
        }

    def _clashes(self, kind: str, entity: dict[str, Any]) -> list[str]:
        keys = [("primary key", entity["id"])]
        unique = _UNIQUE.get(kind)
        keys += [(unique, entity[unique])] if unique and entity.get(unique) else []
        taken = [(label, value) for label, value in keys if (kind, label, str(value)) in self._seen]
        self._seen |= {(kind, label, str(value)) for label, value in keys}
        return [f"uniqueness violation: '{kind}' entity with {label} set to '{value}' already declared" for label, value in taken[:1]]


def _plugin_errors(entity: Mapping[str, Any], settings: ProcessSettings) -> ErrorTree:
    name = entity.get("name")
    if not isinstance(name, str):
        return {}
    if not (is_known(name) and settings.enables(name)):
        return {"name": f"plugin '{name}' not enabled; add it to the 'plugins' configuration property"}
    config, schema = entity.get("config", {}), config_schema(name, settings.version)
    errors: ErrorTree = {"config": "expected a record"} if not isinstance(config, dict) else {}
    if schema and not errors and (wrong := check_plugin_config(name, schema, config)):
        errors["config"] = wrong
    protocols = check_value(protocols_schema(name), entity["protocols"]) if "protocols" in entity else None
    return errors | ({"protocols": protocols} if protocols else {})


def _service_errors(entity: Mapping[str, Any], settings: ProcessSettings) -> ErrorTree:
    verify = entity.get("tls_verify")
    if verify is not None and entity.get("protocol", "http") == "http":
        return {"@entity": ["failed conditional validation given value of field 'protocol'"], "tls_verify": "value must be null"}
    refused = verify is False and settings.verifies_services
    return {"tls_verify": "must not be false: 'tls_certificate_verify' is on"} if refused else {}


def _service(entity: Mapping[str, Any]) -> Service:
    protocol = entity.get("protocol", "http")
    port = entity.get("port", 443 if protocol == "https" else 80)
    return Service(entity["id"], entity.get("name", ""), protocol, entity.get("host", ""), int(port), entity.get("path", ""))


def _route(entity: Mapping[str, Any]) -> Route:
    return Route(
        id=entity["id"],
        name=entity.get("name", ""),
        service=entity.get("service", {}).get("id"),
        paths=tuple(entity.get("paths", ())),
        hosts=tuple(host.lower() for host in entity.get("hosts", ())),
        methods=tuple(entity.get("methods", ())),
        strip_path=entity.get("strip_path", True),
        preserve_host=entity.get("preserve_host", False),
        regex_priority=int(entity.get("regex_priority", 0)),
    )


def _plugin(entity: Mapping[str, Any]) -> Plugin:
    return Plugin(
        id=entity["id"],
        name=entity["name"],
        service=entity.get("service", {}).get("id"),
        route=entity.get("route", {}).get("id"),
        enabled=entity.get("enabled", True),
        tags=tuple(entity.get("tags", ())),
        config=entity.get("config", {}),
    )


def read_configuration(raw: Mapping[str, Any], settings: ProcessSettings | None = None) -> Configuration:
    """Parse a declarative configuration. Raises `RefusedConfigurationError` where a Kong with these settings refuses it."""
    fields: ErrorTree = {name: "unknown field" for name in raw if name not in _TOP_LEVEL}
    version = raw.get("_format_version")
    if error := "required field missing" if version is None else check_value(FORMAT_VERSION, version):
        fields["_format_version"] = error
    document = _Document(raw, settings or ProcessSettings())
    problems = document.check()
    if problems or fields:
        raise RefusedConfigurationError(problems, fields)
    entities = document.entities
    names = {entity["id"]: entity["name"] for kind, entity in entities if kind == "upstreams"}
    targets: dict[str, tuple[str, ...]] = dict.fromkeys(names.values(), ())
    for kind, entity in entities:
        if kind == "targets" and entity.get("weight", 100) > 0:
            name = names[entity["upstream"]["id"]]
            targets[name] = (*targets[name], entity["target"])
    return Configuration(
        raw=raw,
        hash=hashlib.md5(json.dumps(raw, sort_keys=True).encode(), usedforsecurity=False).hexdigest(),
        services={entity["id"]: _service(entity) for kind, entity in entities if kind == "services"},
        routes=tuple(_route(entity) for kind, entity in entities if kind == "routes"),
        plugins=tuple(_plugin(entity) for kind, entity in entities if kind == "plugins"),
        targets=targets,
        entities=tuple(entities),
    )
