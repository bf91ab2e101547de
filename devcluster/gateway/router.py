"""Finds the route of a request and the plugins that run on it, by those rules of Kong's traditional router that KIC uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .entities import Configuration, Plugin, Route, Service

__all__ = ["Match", "compile_path", "find_route", "plugins_of"]


@dataclass(frozen=True, slots=True)
class Match:
    """The matching route. `upstream_path` is the path of the service followed by the rest of the request's path."""

    route: Route
    service: Service | None
    upstream_path: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    route: Route
    matched: str
    is_regex: bool

    @property
    def rank(self) -> tuple[bool, bool, int, int, int]:
        """Kong prefers more criteria, then regular expressions by their priority, then the longest prefix."""
        criteria = bool(self.route.hosts) + bool(self.route.methods)
        return (criteria > 0, self.is_regex, self.route.regex_priority, criteria, len(self.matched))


def _host_matches(route: Route, host: str) -> bool:
    name = host.rsplit(":", 1)[0].lower()
    wildcard = any(h.startswith("*.") and name.endswith(h[1:]) for h in route.hosts)
    return not route.hosts or name in route.hosts or host.lower() in route.hosts or wildcard


@lru_cache
def compile_path(path: str) -> re.Pattern[str]:
    """The regular expression of a path that begins with `~`, with PCRE's named groups in Python's spelling; re.error for a bad one."""
    return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", path[1:]))


def _candidates(route: Route, path: str) -> Iterator[_Candidate]:
    for pattern in route.paths or ("/",):
        if pattern.startswith("~"):
            found = compile_path(pattern).match(path)
            if found:
                yield _Candidate(route, found.group(0), is_regex=True)
        elif path.startswith(pattern):
            yield _Candidate(route, pattern, is_regex=False)


def find_route(configuration: Configuration, method: str, host: str, path: str) -> Match | None:
    """The best match for a request, or None. `path` is without the query."""
    possible = (r for r in configuration.routes if (not r.methods or method in r.methods) and _host_matches(r, host))
    found = [candidate for route in possible for candidate in _candidates(route, path)]
    if not found:
        return None
    best = max(found, key=lambda candidate: candidate.rank)
    service = configuration.services.get(best.route.service or "")
    rest = path[len(best.matched) :] if best.route.strip_path else path
    return Match(best.route, service, _joined(service.path if service else "", rest))


def _joined(base: str, rest: str) -> str:
    rest = rest if rest.startswith("/") else f"/{rest}"
    return rest if base in ("", "/") else base.rstrip("/") + ("" if rest == "/" else rest)


def plugins_of(configuration: Configuration, match: Match | None) -> dict[str, Plugin]:
    """The plugins to run, by type: the most specific instance of each (route and service > route > service > global)."""
    route, service = (match.route.id, match.route.service) if match else (None, None)
    chosen: dict[str, tuple[int, Plugin]] = {}
    for plugin in configuration.plugins:
        fits = plugin.route in (None, route) and plugin.service in (None, service)
        rank = 2 * (plugin.route is not None) + (plugin.service is not None)
        if plugin.enabled and fits and rank >= chosen.get(plugin.name, (-1, plugin))[0]:
            chosen[plugin.name] = (rank, plugin)
    return {name: plugin for name, (_, plugin) in chosen.items()}
