"""FiddlerKongBinding: the one kind that kopf lists and watches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import tell_problems
from fiddler_kong_operator.api.status import UNWRITTEN
from fiddler_kong_operator.api.violations import violations
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.groups import DemandGroups
from fiddler_kong_operator.observe.interning import deduplicate_spec, deduplicate_status
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.gateway.tenancy import tenancy_of
from fiddler_kong_operator.plan.references import places_of, references_of
from fiddler_kong_operator.plan.snapshot import Binding

from .contract import WATCH_VERBS, WatchedKind, changed
from .lineage import origins

__all__ = ["BINDINGS", "reduce_binding"]

_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def reduce_binding(key: ObjectKey, raw: Manifest, known: Binding | None = None) -> Binding:
    """The binding. While uid and generation are those of `known`, its parsed spec is taken over."""
    metadata = raw["metadata"]
    uid, generation = metadata.get("uid", ""), metadata.get("generation", 0)
    if known and (known.uid, known.generation) == (uid, generation):
        spec, invalid = known.spec, known.invalid
    else:
        spec, invalid = _parse_spec(raw.get("spec"))
    return Binding(
        key=key,
        uid=uid,
        generation=generation,
        created=metadata.get("creationTimestamp", ""),
        resource_version=metadata.get("resourceVersion", ""),
        spec=spec,
        invalid=invalid,
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        annotations=_annotations(metadata),
        status=deduplicate_status(_status(raw)),
    )


def _parse_spec(raw: Any) -> tuple[BindingSpec | None, str | None]:
    """The parsed spec, or the fields and rules that are violated; never a value."""
    try:
        return deduplicate_spec(BindingSpec.model_validate(raw)), None
    except ValidationError as error:
        return None, tell_problems([f"{problem}." for problem in violations(error)])


def _status(raw: Manifest) -> dict[str, Any]:
    """The status as written; {} where the API server shows the definition's default."""
    status: dict[str, Any] = raw.get("status") or {}
    return {} if status == UNWRITTEN else status


def _annotations(metadata: Manifest) -> int:
    """A hash of the annotations, without kubectl's copy of the object."""
    annotations = metadata.get("annotations") or {}
    return hash(frozenset((name, value) for name, value in annotations.items() if name != _APPLIED))


def _index(indexes: Indexes, key: ObjectKey, old: Binding | None, new: Binding | None) -> None:
    indexes.by_uid.move(key, (old.uid,) if old else (), (new.uid,) if new else ())
    indexes.wanted_by.move(key, references_of(old) if old else (), references_of(new) if new else ())
    before, after = (places_of(binding) if binding else frozenset() for binding in (old, new))
    indexes.exposing.move(key, before, after)
    indexes.exposing_in.move(key, {place[0] for place in before}, {place[0] for place in after})
    indexes.marked_by.move(key, *({mark} if binding and (mark := binding.status.get("installation")) else () for binding in (old, new)))
    if old and (new is None or tenancy_of(old) != tenancy_of(new)):
        _leave_group(indexes, old)
    if new and new.workload:
        indexes.groups.setdefault(new.workload, DemandGroups()).put(new)


def _leave_group(indexes: Indexes, binding: Binding) -> None:
    if binding.workload:
        groups = indexes.groups[binding.workload]
        groups.discard(binding)
        if not groups:
            del indexes.groups[binding.workload]


def _triggers(records: Records, key: ObjectKey, old: Binding | None, new: Binding | None) -> Iterator[ObjectKey]:
    """The binding itself, its workload, and the other bindings of the workload where a representative came or went.

    The workloads from which Kong Operator makes that workload count too. So does a changed status: another client wrote it, since the
    operator's own writes are expected (`inflight`).
    """
    if not changed(old, new):
        return
    yield key
    if old and new and not changed(old, new, "status"):
        return
    same_tenancy = old and new and tenancy_of(old) == tenancy_of(new)
    for binding in (old, new):
        if binding and binding.workload:
            yield from (binding.workload, *origins(records, binding.workload))
            yield from () if same_tenancy else _siblings(records, binding.workload, binding)


def _siblings(records: Records, workload: ObjectKey, binding: Binding) -> Iterator[ObjectKey]:
    groups = records.indexes.groups.get(workload)
    if groups and groups.represents(binding) and groups.rivals(binding):
        yield from records.indexes.wanted_by[workload]


BINDINGS: Final = WatchedKind(
    kind=kinds.BINDING,
    reduce=reduce_binding,
    index=_index,
    triggers=_triggers,
    verbs=(*WATCH_VERBS, "patch"),
    why="Read bindings; add and remove the operator's finalizer.",
)
