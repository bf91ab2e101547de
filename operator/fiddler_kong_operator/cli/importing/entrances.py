"""How calls reach a Kong route -> `expose` of a binding's routes, or `attachTo` where the operator's own Ingress could not express it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest

from .kong_file import Route, Service
from .naming import Namer
from .parts import Part

__all__ = ["Entrance", "Entrances", "duration"]

_PATH: Final = re.compile(r"(/[A-Za-z0-9_-]+)+/?")
_HOST: Final = re.compile(r"(?![0-9.]+$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MOST: Final = 16
"""Paths and hosts of one Kong route that become routes of their own."""

_LONGEST_PATH: Final = 256
_LONGEST_HOST: Final = 253
_ENDING: Final = re.compile(r"[-_. ](service|svc|route)$", re.IGNORECASE)

_DEFAULT_TIMEOUT: Final = 60_000
_DEFAULT_RETRIES: Final = 5
_LONGEST_TIMEOUT: Final = 2**31 - 1

_BY_ANNOTATION: Final = {
    "methods": "konghq.com/methods",
    "headers": "konghq.com/headers.<name>",
    "snis": "konghq.com/snis",
    "protocols": "konghq.com/protocols",
    "https_redirect_status_code": "konghq.com/https-redirect-status-code",
    "request_buffering": "konghq.com/request-buffering",
    "response_buffering": "konghq.com/response-buffering",
    "regex_priority": "konghq.com/regex-priority",
}
"""Fields of a Kong route that only an Ingress of the user's can have, and the annotation for each."""

_DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "methods": ([],),
    "headers": ({},),
    "snis": ([],),
    "protocols": (["http", "https"], ["https", "http"], []),
    "https_redirect_status_code": (426,),
    "request_buffering": (True,),
    "response_buffering": (True,),
    "regex_priority": (0,),
    "sources": ([],),
    "destinations": ([],),
}
"""The values of these fields that have no effect."""

_UNKNOWN: Final = ("sources", "destinations", "expression", "priority")
"""Fields that no Ingress has."""

_IDLE: Final = ("preserve_host", "path_handling")
"""Fields of a Kong route without effect, because ai-proxy chooses the host and path that are called."""

_IDLE_OF_SERVICE: Final = ("url", "host", "port", "protocol", "path")
_TRUST: Final = {
    "client_certificate": "konghq.com/client-cert",
    "tls_verify": "konghq.com/tls-verify",
    "tls_verify_depth": "konghq.com/tls-verify-depth",
    "ca_certificates": "konghq.com/ca-certificates-secrets",
    "tls_sans": "konghq.com/tls-sans",
}
"""Fields of a Kong service about TLS towards the provider, and the annotation of the Service for each."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """One way to the models of a Kong route: its part of a binding's route, and wishes for that route's name, the best first."""

    fields: Manifest
    wishes: tuple[str | None, ...]
    ingress: str | None = None
    """The Ingress of the user's that it attaches to."""


class Entrances:
    """Reads each Kong route once, and its service once."""

    def __init__(self) -> None:
        self._ingresses = Namer(longest=63)
        self._connections: dict[Service, Manifest] = {}

    def of(self, route: Route, *, alone: bool, attach: bool) -> list[Entrance]:
        """The entrances of a route. `alone`: its service has no other; `attach`: it must be an Ingress of the user's."""
        name = _short(route.name)
        whole = _short(route.service.name) if route.service and alone else None
        demands = list(_demands(route.part))
        paths, hosts = route.part.texts("paths"), route.part.texts("hosts")
        demands += _path_demands(paths, hosts)
        connection = self._connection(route.service)
        if not demands and not attach:
            wishes = (name,) if len(paths) * max(len(hosts), 1) > 1 else (whole, name)
            return [Entrance({"expose": {**place, **connection}}, (*wishes, place["path"])) for place in _places(paths, hosts)]
        ingress = self._ingresses.name(route.name, whole)
        for demand in demands:
            route.part.report.lose(route.part.place, f"{demand} The binding attaches to an Ingress `{ingress}`: create it that way.")
        if connection:
            text = f"its service's timeouts or retries belong on the Service of the Ingress `{ingress}`, as annotations of Kong's."
            route.part.report.lose(route.part.place, text)
        return [Entrance({"attachTo": {"kind": "Ingress", "name": ingress}}, (whole, name), ingress)]

    def _connection(self, service: Service | None) -> Manifest:
        if service is None:
            return {}
        if service not in self._connections:
            self._connections[service] = _read_service(service.part)
        return self._connections[service]


def _demands(part: Part) -> Iterator[str]:
    """A sentence for each field that only an Ingress of the user's can express. Takes every field but paths and hosts."""
    if part.flag("strip_path") is False:
        yield 'the path is not stripped: an Ingress of the operator\'s strips it; konghq.com/strip-path: "false" keeps it.'
    for name in _IDLE:
        part.take(name)
    for name, annotation in _BY_ANNOTATION.items():
        value = part.take(name)
        if value is not None and value not in _DEFAULTS[name]:
            yield f"{name}: an Ingress of the operator's has none; {annotation} says it."
    for name in _UNKNOWN:
        value = part.take(name)
        if value is not None and value not in _DEFAULTS.get(name, ()):
            yield f"{name}: no Ingress can say it; put another rule in its place, such as the plugin ip-restriction."
    inner = Part(dict(part.rest_but("paths", "hosts")), part.place, part.report)
    inner.lose_rest("is not carried over: no binding has it.")


def _path_demands(paths: list[str], hosts: list[str]) -> Iterator[str]:
    if not paths:
        yield "it has no path: an Ingress of the operator's needs one such as /openai; one of yours may have /."
    if any(path.startswith("~") for path in paths):
        yield "a path is a regular expression: in an Ingress write it as /~ and the expression, with pathType ImplementationSpecific."
    if any(not path.startswith("~") and not (_PATH.fullmatch(path) and len(path) <= _LONGEST_PATH) for path in paths):
        yield "a path has more than letters, digits, '-' and '_' after each '/', or nothing at all."
    if any(not _HOST.fullmatch(host.lower()) or len(host) > _LONGEST_HOST for host in hosts):
        yield "a host is no plain name, but a wildcard, an address or one with a port."
    if len(paths) * max(len(hosts), 1) > _MOST:
        yield f"it has more than {_MOST} combinations of paths and hosts."


def _places(paths: list[str], hosts: list[str]) -> Iterator[Manifest]:
    distinct = product(dict.fromkeys(path.rstrip("/") for path in paths), dict.fromkeys(host.lower() for host in hosts) or [None])
    return ({"path": path, **({"host": host} if host else {})} for path, host in distinct)


def _read_service(part: Part) -> Manifest:
    """Kong's timeouts and retries towards the provider, as `expose` has them."""
    for name in _IDLE_OF_SERVICE:
        part.take(name)
    timeouts = {name: part.integer(f"{name}_timeout") for name in ("connect", "read", "write")}
    given = {name: duration(value) for name, value in timeouts.items() if value not in (None, _DEFAULT_TIMEOUT)}
    retries = part.integer("retries")
    for name, annotation in _TRUST.items():
        if part.take(name):
            part.lose(name, f"is not carried over: set {annotation} on the Service that the operator makes.")
    part.lose_rest("is not carried over: no binding has it.")
    return {
        **({"timeouts": given} if given else {}),
        **({"retries": retries} if retries not in (None, _DEFAULT_RETRIES) else {}),
    }


def duration(milliseconds: int | None) -> str:
    """A length of time as a binding writes it. One out of bounds stays out of bounds, so that the check of the binding refuses it."""
    left, text = max(0, min(milliseconds or 0, _LONGEST_TIMEOUT)), ""
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, left = divmod(left, length)
        text += f"{count}{unit}" if count else ""
    return text or "0ms"


def _short(name: str | None) -> str | None:
    """A name without an ending such as `-service` or `-route`."""
    return _ENDING.sub("", name) if name else None
