"""Runs the operator's own passes over a cluster until they write nothing more. Every write stays in memory: it shows what would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Final

from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.errors import FiddlerKongError, Gone, Refused, Stale
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.overlay import Overlay
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.snapshot import Binding

from .passes import Passes

__all__ = ["Rehearsal"]

_PASSES: Final = 30
"""Passes over one object after which it counts as never settling: the operator's rate limits would stop it as well."""

_STRIDE: Final = 60
"""Seconds that pass between two looks at the clock: no pause of the operator's delays a rehearsal."""

_UNPROCESSABLE: Final = 422

_FORMS: Final = (AttributeError, LookupError, TypeError, ValueError)
"""Raised where an object has a form that no API server accepts, by whoever reads or changes it."""

_PARTS: Final = ("spec", "data", "config")

_DECIDED: Final = (
    ConditionType.ACCEPTED,
    ConditionType.SECRETS_RESOLVED,
    ConditionType.GATEWAY_CONFIGURED,
    ConditionType.PLUGINS_PROGRAMMED,
)
"""The conditions that need no answer of Kong or Fiddler. Whether Kong takes the plugins cannot be known before they are there."""


class Rehearsal:
    """The operator over a cache that was filled before, its writes in an overlay."""

    def __init__(
        self,
        overlay: Overlay,
        cache: Cache,
        endpoints: EndpointPolicy,
        on_bug: Callable[[str], None],
        own: str | None = None,
        only: Container[ObjectKey] | None = None,
    ) -> None:
        """`on_bug` is called with the kind of an unforeseen object. `own` is the installation, by default each binding's own one.

        Of the bindings, only those of `only` are reconciled.
        """
        self._feed = Feed(cache, self._requeue, on_bug)
        self._passes = Passes(overlay, self._feed, own, endpoints, self._requeue, _hurrying())
        self._overlay, self._cache, self._only = overlay, cache, only
        self._queue: dict[ObjectKey, None] = {}
        self._around: list[str] = []
        """The objects that were assumed around the bindings: the form of their whole content was not checked."""

    @property
    def concerned(self) -> list[ObjectKey]:
        """The bindings that the assumed objects concern."""
        return sorted(key for key in self._queue if key.kind == BINDING.name)

    async def assume(self, kind: Kind, raw: Manifest) -> None:
        """Assume that an object was applied. Raises Refused for one of a form that no API server accepts."""
        try:
            _require_objects(raw)
            self._feed.observe(await self._overlay.assume(kind, raw, whole_spec=kind == BINDING))
        except _FORMS:
            self._overlay.forget(kind.key(raw))
            raise Refused(f"{kind.key(raw)} is malformed", _UNPROCESSABLE) from None
        self._around += [str(kind.key(raw))] if kind != BINDING else []

    async def assume_deletion(self, key: ObjectKey) -> None:
        """Assume that a person deleted a binding and, unless it has finalizers, that its children were garbage-collected.

        Gone where it does not exist.
        """
        deleted = await self._overlay.assume_deletion(BINDING, key.namespace, key.name)
        if deleted["metadata"].get("finalizers"):
            self._feed.observe(deleted)
            return
        uid = deleted["metadata"]["uid"]
        for child in sorted(self._cache.indexes.owned_by[uid], key=str):
            with suppress(Gone, Stale):  # the garbage collector may be at work
                await self._overlay.delete(KINDS[child.kind], child.namespace, child.name, uid=self._cache.uid(child))
        self._feed.gone(key, uid)

    async def reconcile(self, keys: Iterable[ObjectKey]) -> list[str]:
        """Reconcile bindings, their workloads, and whatever each write concerns, until nothing is written any more.

        Returns a sentence for each object that does not come to rest, or whose last pass failed.
        """
        for key in keys:
            binding = self._cache.binding(key)
            self._requeue([*([binding.workload] if binding and binding.workload else []), key])
        passes: Counter[ObjectKey] = Counter()
        failures: dict[ObjectKey, str] = {}
        while self._queue:
            key = next(iter(self._queue))
            del self._queue[key]
            passes[key] += 1
            if passes[key] > _PASSES:
                failures.setdefault(key, f"{key} does not come to rest: something keeps changing what the operator writes.")
            else:
                await self._pass(key, failures)
        return list(failures.values())

    def findings(self, key: ObjectKey) -> Iterator[tuple[str, str]]:
        """Reason and message of each condition that would not be as needed: where the binding is refused, or cannot be decided about."""
        binding = self._cache.value(key, Binding)
        conditions = {c["type"]: c for c in (binding.status.get("conditions") or () if binding else ())}
        for found in (conditions[kind] for kind in _DECIDED if kind in conditions):
            programmed = found["type"] == ConditionType.PLUGINS_PROGRAMMED
            if found["status"] == "False" if programmed else found["status"] != "True":
                yield found["reason"], found["message"]
                if found["type"] == ConditionType.ACCEPTED:
                    return  # nothing else was looked at

    async def _pass(self, key: ObjectKey, failures: dict[ObjectKey, str]) -> None:
        before = self._overlay.writes
        failures.pop(key, None)
        try:
            await self._passes.run(key)
        except Stale:
            self._requeue([key])
        except FiddlerKongError as error:
            failures[key] = f"{key}: {error}"
        except _FORMS:
            if not self._around:
                raise
            failures[key] = f"{key} cannot be planned: one of {', '.join(self._around)} has a form that no API server accepts."
        if self._overlay.writes > before:
            self._requeue([key])
            if key.kind in WORKLOADS:
                await self._hand_down(key)

    async def _hand_down(self, key: ObjectKey) -> None:
        """Copy a workload's containers to the workloads that Kong Operator makes from it, as Kong Operator would."""
        row = WORKLOADS[key.kind]
        containers = row.pod(await self._overlay.get(row.kind, key.namespace, key.name)).get("containers") or []
        for made in sorted(self._made_from(key)):
            pod = WORKLOADS[made.kind].with_pod({"containers": containers})
            metadata = {"name": made.name, "namespace": made.namespace}
            kind = WORKLOADS[made.kind].kind
            await self.assume(kind, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **pod})

    def _made_from(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """All workloads that are made from an object, directly or not."""
        for made in self._cache.indexes.made_from[key]:
            if made.kind in WORKLOADS:
                yield made
            yield from self._made_from(made)

    def _requeue(self, keys: Iterable[ObjectKey], _lane: object = None, _delay: float = 0.0) -> None:
        self._queue |= dict.fromkeys(key for key in sorted(keys) if self._only is None or key.kind != BINDING.name or key in self._only)


def _require_objects(raw: Manifest) -> None:
    """TypeError where a part that every API server requires to be a JSON object is not one. Content below these parts is not checked."""
    parts = (*(raw.get(name) for name in _PARTS), *(raw["metadata"].get(name) for name in ("labels", "annotations")))
    if any(not isinstance(part, dict) for part in parts if part is not None):
        raise TypeError("not an object")


def _hurrying() -> Callable[[], float]:
    ticks = count(step=_STRIDE)
    return lambda: float(next(ticks))
