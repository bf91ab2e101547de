"""Finds everything in a cluster that `uninstall` must delete or restore, by the operator's own passes in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Gone
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.overlay import Change, Overlay
from fiddler_kong_operator.kube.rights import Right
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.kinds.bindings import reduce_binding
from fiddler_kong_operator.observe.lineage import find_workload
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT
from fiddler_kong_operator.plan.gateway.tenancy import settings_namespaces
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, KINDS, OWNED
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Workload
from fiddler_kong_operator.reconcile.rehearsal import Rehearsal

__all__ = ["Scope", "View", "find_bindings", "look"]

Report = Callable[[str], None]
"""Called with the kind of an object of an unforeseen form."""

_GIVEN_BACK: Final = ("get", "patch")
_STATUS: Final = f"{names.PLURAL}/status"


@dataclass(frozen=True, slots=True)
class Scope:
    """The bindings to remove: those of an installation in these namespaces (() for all)."""

    namespaces: tuple[str, ...]
    installation: str = ""
    places: tuple[str, ...] = ()
    """Further namespaces to look in, for a user who may not list everywhere: a deleted binding no longer names its gateway."""

    def holds(self, raw: Manifest) -> bool:
        """Whether a binding is one of them. One without a mark was never reconciled, and belongs to no other installation."""
        return (raw.get("status") or {}).get("installation") in (None, self.installation)

    def covers(self, namespace: str) -> bool:
        """Whether it is about this namespace."""
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is still to be deleted or restored."""

    bindings: tuple[Manifest, ...]
    changes: tuple[Change, ...]
    orphans: tuple[ObjectKey, ...]
    """Objects of deleted bindings, which the garbage collector has not yet deleted."""
    keys: tuple[ObjectKey, ...]
    """The bindings and gateways to reconcile for that."""
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    others: bool
    """There are, or may be, other bindings in the cluster."""
    grants: tuple[ObjectKey, ...]
    """The gateways with a grant."""
    places: tuple[str, ...]
    """The namespaces to list for a user who may not list them all."""

    @property
    def items(self) -> dict[ObjectKey, Change | None]:
        """Everything that is to change, in order: bindings, orphans, other objects; None for an object that is only to be deleted."""
        return {**{BINDING.key(raw): None for raw in self.bindings}, **dict.fromkeys(self.orphans), **{c.key: c for c in self.changes}}

    def rights(self, *, alone: bool) -> Iterator[Right]:
        """The rights that a user needs to delete the bindings and, if `alone`, to do all of the operator's work."""
        for raw in self.bindings:
            yield Right(raw["metadata"]["namespace"], BINDING.group, BINDING.plural, "delete")
        if not alone:
            return
        held = {raw["metadata"]["uid"]: raw["metadata"]["namespace"] for raw in self.bindings if _is_held(raw)}
        for namespace in held.values():
            yield from (Right(namespace, BINDING.group, BINDING.plural, verb) for verb in _GIVEN_BACK)
            yield Right(namespace, BINDING.group, _STATUS, "patch")
        for change in self.changes:
            kind = KINDS[change.key.kind]
            verbs = _GIVEN_BACK if change.after else ("get", "delete") if _owner(change) in held else ()
            yield from (Right(change.key.namespace, kind.group, kind.plural, verb) for verb in verbs if kind != BINDING)


def _is_held(raw: Manifest) -> bool:
    return names.FINALIZER in (raw["metadata"].get("finalizers") or ())


def _owner(change: Change) -> str | None:
    owners = (change.before or {"metadata": {}})["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner["kind"] == BINDING.name), None)


async def find_bindings(client: Client, namespaces: Sequence[str]) -> list[Manifest]:
    """The bindings of these namespaces (() for all); none where the cluster does not know the kind. Raises Refused, Transient, Expired."""
    found: list[Manifest] = []
    try:
        for namespace in namespaces or (None,):
            found += [{**raw, "kind": BINDING.name} async for page in client.list_pages(BINDING, namespace) for raw in page.items]
    except Gone:
        return []
    return found


async def look(client: Client, scope: Scope, on_bug: Report, without: Collection[ObjectKey] = ()) -> View:
    """Find what is to be deleted or restored, leaving out the objects in `without`. Nothing is written."""
    overlay = Overlay(client)
    listed = await find_bindings(client, scope.namespaces)
    bindings = [raw for raw in listed if scope.holds(raw) and BINDING.key(raw) not in without]
    places = _places(scope, listed)
    survey = await Survey.take(overlay, places, on_bug=on_bug)
    cache = survey.cache
    orphans = tuple(sorted(_orphans(cache, scope)))
    present = [key for raw in bindings if cache.binding(key := BINDING.key(raw))]
    gateways, left_alone = _workloads(survey, scope, present)
    workloads = [key for key in gateways if key not in without]
    whole = BINDING.name not in survey.partial and cache.readable(BINDING)
    others = not whole or bool(cache.keys(BINDING) - {BINDING.key(raw) for raw in bindings})
    grants = tuple(sorted(k for row in WORKLOADS.values() for k, w in cache.values(row.kind, Workload) if w.grant))
    rehearsal = Rehearsal(overlay, cache, STRICT, on_bug, scope.installation, present)
    for key in present:
        with suppress(Gone):
            await rehearsal.assume_deletion(key)
    problems = await rehearsal.reconcile([*workloads, *(key for key in present if cache.binding(key))])
    problems += [f"{key}: {message}" for key in present for reason, message in rehearsal.findings(key) if reason == "DeletionBlocked"]
    keys, notes = (*present, *workloads), (*(f"{text}." for text in survey.unread), *left_alone)
    return View(tuple(bindings), tuple(overlay.changes()), orphans, keys, notes, tuple(problems), others, grants, places)


def _places(scope: Scope, bindings: Sequence[Manifest]) -> tuple[str, ...]:
    """The namespaces to list for a user who may not list them all: those of the bindings, and of their gateways."""
    reduced = (reduce_binding(BINDING.key(raw), raw) for raw in bindings)
    spaces = (space for b in reduced for space in (b.namespace, *([b.workload.namespace] if b.workload else [])))
    return tuple(dict.fromkeys([*scope.namespaces, *scope.places, *spaces]))


def _workloads(survey: Survey, scope: Scope, bindings: Sequence[ObjectKey]) -> tuple[list[ObjectKey], list[str]]:
    """The gateways of the bindings, and those that still have settings of deleted ones; and a sentence for each that is left alone."""
    cache, indexes = survey.cache, survey.cache.indexes
    named = {b.workload for key in bindings if (b := cache.binding(key)) and b.workload}
    borrowed = {k for row in WORKLOADS.values() for k, w in cache.values(row.kind, Workload) if w.borrowed}
    strays = {key for key in borrowed if key not in indexes.wanted_by}
    foreign = {b.workload for _, b in cache.values(BINDING, Binding) if b.status.get("installation") not in (None, scope.installation)}
    kept, notes = [], []
    for key in sorted((named & borrowed) | strays):
        if key in foreign:
            notes.append(f"{key} keeps its settings: bindings of another installation name it.")
        elif not _tenants_seen(survey, key):
            notes.append(f"{key} is left alone: you may not list the bindings of every namespace that may use it.")
        else:
            kept.append(key)
    return kept, notes


def _tenants_seen(survey: Survey, key: ObjectKey) -> bool:
    """Whether every binding that may need the settings of a gateway was listed."""
    workload = find_workload(survey.cache, key)
    if BINDING.name not in survey.partial or workload is None:
        return survey.cache.readable(BINDING)
    seen = {place for place in survey.fallback if survey.cache.readable(BINDING, place)}
    return settings_namespaces(workload) <= seen


def _orphans(cache: Cache, scope: Scope) -> Iterator[ObjectKey]:
    """The operator's objects whose binding does not exist any more."""
    alive = {cache.uid(key) for key in cache.keys(BINDING)}
    for kind in OWNED:
        for key in cache.keys(kind):
            child = cache.child(key)
            if (
                child
                and child.written
                and child.binding
                and child.owner_uid
                and child.owner_uid not in alive
                and scope.covers(key.namespace)
            ):
                yield key
