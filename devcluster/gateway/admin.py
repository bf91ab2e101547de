"""Kong's Admin API as far as KIC uses it: `/`, `/status`, `/schemas/plugins/<name>`, `POST /config`, and lists by tag.

A refusal has Kong's form: HTTP 400, code 14, and with `flatten_errors=1` one entry of `flattened_errors` for each wrong entity, with its
tags, by which KIC finds the object. Kong also repeats the whole entity there; this stand-in does not, since it may contain keys.
After a refusal the last good configuration stays. Kong answers an accepted push with all of its entities, this stand-in with their number.
The lists contain whole entities, as in Kong: KIC reads them at its start to know the configuration to fall back to.
"""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from devcluster.ports import HTTPS, LOOPBACK, PROXY_PORTS

from .entities import EMPTY_HASH, Configuration, Problem, RefusedConfigurationError, read_configuration
from .schemas import plugin_schema
from .validation import ErrorTree, flatten

if TYPE_CHECKING:
    from .process_settings import ProcessSettings

__all__ = ["Admin", "Fault", "Push", "Refusal"]

_REMEMBERED: Final = 100
_REMEMBERED_PUSHES: Final = 1000
_SINGULAR: Final = {"services": "service", "routes": "route", "plugins": "plugin", "upstreams": "upstream", "targets": "target"}
_ALWAYS_EMPTY: Final = frozenset(
    [
        "ca_certificates",
        "certificates",
        "consumer_groups",
        "consumers",
        "key-sets",
        "keys",
        "licenses",
        "snis",
        "vaults",
        "acls",
        "basic-auths",
        "hmac-auths",
        "jwts",
        "key-auths",
        "mtls-auths",
        "oauth2",
        "degraphql_routes",
        "rbac",
        "partials",
        "filter-chains",
    ]
)
"""Further lists of Kong, which KIC reads when it looks for a configuration to fall back to."""


Fault = Callable[[str, Mapping[str, Any]], ErrorTree]
"""(kind, entity) -> its errors, {} for none."""


@dataclass(frozen=True, slots=True)
class Push:
    """When a push was answered, in seconds of the monotonic clock, and whether it was refused."""

    at: float
    refused: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused push: Kong's answer, and in `raw` the push itself, which contains keys."""

    answer: Mapping[str, Any]
    raw: Any = field(repr=False)


class Admin:
    """Stores the last good configuration and accepts new ones, as a Kong with the present process settings."""

    def __init__(self, settings: Callable[[], ProcessSettings], debug: Callable[[], dict[str, Any]]) -> None:
        self._settings, self._debug = settings, debug
        self._node = str(uuid.uuid4())
        self.current: Configuration | None = None
        self.pushes = 0
        self.refused = 0
        self.refusals: deque[Refusal] = deque(maxlen=_REMEMBERED)
        self.history: deque[Push] = deque(maxlen=_REMEMBERED_PUSHES)
        self.fault: Fault = lambda _kind, _entity: {}
        """Further errors of an entity, for tests of refusals by Kong that cannot be foreseen."""

    def app(self) -> web.Application:
        """The application to listen with."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_get("/", self._root)
        app.router.add_get("/kong", self._root)
        app.router.add_get("/status", self._status)
        app.router.add_get("/status/ready", self._ready)
        app.router.add_get("/schemas/plugins/{name}", self._schema)
        app.router.add_post("/config", self._config)
        app.router.add_get("/stand-in", self._stand_in)
        app.router.add_get("/{kind}", self._list)
        app.router.add_get("/{owner}/{parent}/{kind}", self._list)
        return app

    async def _root(self, _: web.Request) -> web.Response:
        listeners = [{"ip": LOOPBACK, "port": target, "ssl": port == HTTPS} for port, target in PROXY_PORTS.items()]
        configuration = {
            "database": "off",
            "role": "traditional",
            "router_flavor": "traditional_compatible",
            "proxy_listeners": listeners,
            "stream_listeners": [],
        }
        root = {
            "version": self._settings().text,
            "edition": "enterprise",
            "node_id": self._node,
            "hostname": "stand-in",
            "tagline": "stand-in for Kong",
        }
        return web.json_response(root | {"configuration": configuration, "plugins": {"available_on_server": {}, "enabled_in_cluster": []}})

    async def _status(self, _: web.Request) -> web.Response:
        digest = self.current.hash if self.current else EMPTY_HASH
        return web.json_response({"configuration_hash": digest, "database": {"reachable": True}, "server": {"total_requests": 0}})

    async def _ready(self, _: web.Request) -> web.Response:
        """As Kong without a database: not ready before its first configuration. Kong Ingress Controller never pushes an empty one."""
        if self.current is None:
            return web.json_response({"message": "no configuration available (empty configuration present)"}, status=503)
        return web.json_response({"message": "ready"})

    async def _schema(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        schema = plugin_schema(name, self._settings().version)
        if schema is None:
            return web.json_response({"message": f"No plugin named '{name}'"}, status=404)
        return web.json_response(schema)

    async def _config(self, request: web.Request) -> web.Response:
        raw = _decoded(await request.read(), request.headers.get("Content-Encoding", ""))
        if not isinstance(raw, dict):
            return web.json_response({"message": "expected a declarative configuration"}, status=400)
        self.pushes += 1
        answer = self._answer(raw, request.query)
        self.history.append(Push(time.monotonic(), refused=answer.status == HTTPStatus.BAD_REQUEST))
        return answer

    def _answer(self, raw: Mapping[str, Any], query: Mapping[str, str]) -> web.Response:
        try:
            configuration = read_configuration(raw["config"] if isinstance(raw.get("config"), dict) else raw, self._settings())
            self._check_faults(configuration)
        except RefusedConfigurationError as error:
            answer = _refusal(error, flat=query.get("flatten_errors") == "1")
            self.refused += 1
            self.refusals.append(Refusal(answer, raw))
            return web.json_response(answer, status=400)
        unchanged = self.current is not None and self.current.hash == configuration.hash
        if unchanged and query.get("check_hash") == "1":
            return web.Response(status=304)
        self.current = configuration
        return web.json_response({kind: len(_found(configuration, kind, None)) for kind in _SINGULAR}, status=201)

    def _check_faults(self, configuration: Configuration) -> None:
        found = ((kind, entity, self.fault(kind, entity)) for kind, entity in configuration.entities)
        problems = tuple(Problem(kind, entity, errors) for kind, entity, errors in found if errors)
        if problems:
            raise RefusedConfigurationError(problems, {})

    async def _list(self, request: web.Request) -> web.Response:
        kind, parent = request.match_info["kind"], request.match_info.get("parent")
        if kind not in _SINGULAR and kind not in _ALWAYS_EMPTY:
            return web.json_response({"message": "Not found"}, status=404)
        wanted = {tag for tag in request.query.get("tags", "").split(",") if tag}
        found = [entity for entity in _found(self.current, kind, parent) if wanted <= set(entity.get("tags", ()))]
        return web.json_response({"data": found, "next": None})

    async def _stand_in(self, _: web.Request) -> web.Response:
        state = {"pushes": self.pushes, "refusals": len(self.refusals), "hash": self.current.hash if self.current else None}
        return web.json_response(state | self._debug())


def _decoded(body: bytes, encoding: str) -> Any:
    try:
        return json.loads(gzip.decompress(body) if encoding == "gzip" and body.startswith(b"\x1f\x8b") else body)
    except (ValueError, OSError):
        return None


def _refusal(error: RefusedConfigurationError, *, flat: bool) -> dict[str, Any]:
    answer = {
        "code": 14,
        "name": "invalid declarative configuration",
        "message": f"declarative config is invalid: {json.dumps(error.fields)}",
    }
    if flat:
        return answer | {"fields": error.fields, "flattened_errors": [_flattened(problem) for problem in error.problems]}
    fields = error.fields | {problem.kind: [problem.errors] for problem in error.problems}
    return answer | {"fields": fields}


def _flattened(problem: Problem) -> dict[str, Any]:
    entity = {
        "entity_type": _SINGULAR[problem.kind],
        "entity_id": problem.entity["id"],
        "entity_name": problem.entity.get("name"),
        "entity_tags": problem.entity.get("tags"),
        "errors": list(flatten(problem.errors)),
    }
    return {key: value for key, value in entity.items() if value is not None}


def _found(configuration: Configuration | None, kind: str, parent: str | None) -> list[Mapping[str, Any]]:
    """Entities of one kind, all or those that belong to `parent`."""
    entities = [entity for name, entity in configuration.entities if name == kind] if configuration else []
    owned = ("service", "route", "upstream")
    return [e for e in entities if parent is None or parent in {e.get(name, {}).get("id") for name in owned}]
