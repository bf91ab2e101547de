"""Reads an HTTPRoute: the places it serves, the Services and plugins of its rules, and the reports of Kong's controllers about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import GATEWAY, KONG_PLUGIN, SERVICE
from fiddler_kong_operator.plan.references import PATTERN_PREFIX
from fiddler_kong_operator.plan.snapshot import Attachable, Parent

from .raw import mapping, mappings

__all__ = ["read_http_route"]

_KONG_CONTROLLERS: Final = "konghq.com/"
"""Beginning of the controllerName of Kong's implementations of the Gateway API."""

_DECISIVE: Final = ("Accepted", "ResolvedRefs", "Programmed")
"""The conditions of a parent that must be True, in the order in which they are read."""

_LONGEST: Final = 1024
"""Characters that are kept of a text in a status."""

_Reference = tuple[str, str, str]
"""Kind, namespace and name of a parent."""


def read_http_route(route: Attachable, raw: Manifest) -> Attachable:
    """The route with the facts of its spec and status; a route that is certainly not Kong's gets only `foreign`."""
    namespace = route.key.namespace
    if _is_foreign(namespace, raw):
        return replace(route, foreign=True)
    told, filters = tuple(_told(namespace, raw)), [*_filters(raw)]
    return replace(
        route,
        rules=tuple(dict.fromkeys(_places(raw))),
        backends=tuple(dict.fromkeys(_backends(namespace, raw))),
        gateways=tuple(dict.fromkeys(f"{ref[1]}/{ref[2]}" for ref in _parents(namespace, raw) if ref[0] == GATEWAY.name)),
        filters=tuple(dict.fromkeys(name for rule in filters for name in rule)),
        common_filters=tuple(name for name in dict.fromkeys(filters[0]) if all(name in rule for rule in filters)) if filters else (),
        parents=told,
        published=any(parent.accepted and parent.programmed == "True" and not parent.message for parent in told),
    )


def _places(raw: Manifest) -> Iterator[tuple[str, str]]:
    """The (host or "" for all, path) pairs of its rules."""
    spec = mapping(raw, "spec")
    listed = spec.get("hostnames")
    hosts = [str(host) for host in listed] if isinstance(listed, list) and listed else [""]
    for rule in mappings(spec, "rules"):
        for match in mappings(rule, "matches") or [{}]:
            path = mapping(match, "path")
            value = str(path.get("value") or "/")
            yield from ((host, PATTERN_PREFIX + value if path.get("type") == "RegularExpression" else value) for host in hosts)


def _backends(namespace: str, raw: Manifest) -> Iterator[tuple[ObjectKey, ...]]:
    """The Services of each rule. A weight of 0 makes no difference to Kong's controller."""
    for rule in mappings(mapping(raw, "spec"), "rules"):
        refs = (ref for ref in mappings(rule, "backendRefs") if ref.get("kind", SERVICE.name) == SERVICE.name and ref.get("name"))
        services = {ObjectKey(SERVICE.name, str(ref.get("namespace") or namespace), str(ref["name"])) for ref in refs}
        if services:
            yield tuple(sorted(services))


def _filters(raw: Manifest) -> Iterator[tuple[str, ...]]:
    """The KongPlugins of each rule's filters."""
    for rule in mappings(mapping(raw, "spec"), "rules"):
        references = (mapping(filter_, "extensionRef") for filter_ in mappings(rule, "filters"))
        yield tuple(
            str(reference["name"])
            for reference in references
            if (reference.get("group"), reference.get("kind")) == (names.KONG_GROUP, KONG_PLUGIN.name) and reference.get("name")
        )


def _is_foreign(namespace: str, raw: Manifest) -> bool:
    """Whether it is certainly not Kong's: no Gateway is among its parents, or other implementations claim them all.

    A parent that Kong claims too is Kong's: an implementation that is gone leaves its entry behind.
    """
    claims = [(_reference(mapping(status, "parentRef"), namespace), _is_kongs(status)) for status in _statuses(raw)]
    others = {ref for ref, _ in claims} - {ref for ref, kongs in claims if kongs}
    return all(ref[0] != GATEWAY.name or ref in others for ref in _parents(namespace, raw))


def _told(namespace: str, raw: Manifest) -> Iterator[Parent]:
    """The reports of Kong's controllers, one for each of its Gateways that they serve."""
    present, generation = set(_parents(namespace, raw)), mapping(raw, "metadata").get("generation")
    for status in filter(_is_kongs, _statuses(raw)):
        reference = _reference(mapping(status, "parentRef"), namespace)
        if reference in present:
            conditions = {str(condition.get("type")): _as_of(condition, generation) for condition in mappings(status, "conditions")}
            programmed = conditions.get("Programmed", {}).get("status")
            yield Parent(
                f"{reference[1]}/{reference[2]}",
                accepted=conditions.get("Accepted", {}).get("status") == "True",
                programmed=str(programmed) if programmed else None,
                message=next(filter(None, map(_words, (conditions.get(name, {}) for name in _DECISIVE))), ""),
            )


def _as_of(condition: Manifest, generation: object) -> Manifest:
    """A condition; Programmed is not known where it is about a former generation."""
    if condition.get("type") != "Programmed" or condition.get("observedGeneration", generation) == generation:
        return condition
    return {"status": "Unknown", "reason": "Pending", "message": "it is about the route before its last change"}


def _words(condition: Manifest) -> str:
    """Reason and message of a condition that is not True."""
    if condition.get("status") == "True":
        return ""
    return ": ".join(str(condition[part]).rstrip(". ")[:_LONGEST] for part in ("reason", "message") if condition.get(part))


def _statuses(raw: Manifest) -> list[Manifest]:
    return mappings(mapping(raw, "status"), "parents")


def _is_kongs(status: Manifest) -> bool:
    return str(status.get("controllerName")).startswith(_KONG_CONTROLLERS)


def _parents(namespace: str, raw: Manifest) -> list[_Reference]:
    return [_reference(ref, namespace) for ref in mappings(mapping(raw, "spec"), "parentRefs")]


def _reference(ref: Manifest, namespace: str) -> _Reference:
    return str(ref.get("kind") or GATEWAY.name), str(ref.get("namespace") or namespace), str(ref.get("name") or "")
