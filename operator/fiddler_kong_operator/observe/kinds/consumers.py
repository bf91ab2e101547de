"""KongConsumer and KongConsumerGroup: class and plugin list. Kong runs a consumer's plugin in place of one of the same type elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.observe.records import Indexes, Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.objects.attachable_kinds import CLASS_ANNOTATION, listed
from fiddler_kong_operator.plan.plugins import PLUGINS
from fiddler_kong_operator.plan.references import named_plugin

from .contract import Urgency, WatchedKind
from .plugins import facts_of

__all__ = ["CONSUMER_KINDS", "ConsumerFacts"]

_FEW: Final = 256
"""Size of the pool of equal facts: thousands of consumers have a few lists."""


@dataclass(frozen=True, slots=True)
class ConsumerFacts:
    """The names on the annotation konghq.com/plugins, and the class."""

    plugins: tuple[str, ...]
    ingress_class: str | None = None


_facts = lru_cache(maxsize=_FEW)(ConsumerFacts)


def _reduce(_key: ObjectKey, raw: Manifest, _known: object = None) -> ConsumerFacts:
    ingress_class = (raw["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    return _facts(tuple(dict.fromkeys(listed(raw))), ingress_class or None)


def _index(indexes: Indexes, key: ObjectKey, old: ConsumerFacts | None, new: ConsumerFacts | None) -> None:
    before, after = (found.plugins if found else () for found in (old, new))
    indexes.listed_by.move(key, ((key.namespace, name) for name in before), ((key.namespace, name) for name in after))
    indexes.naming.move(key, (named_plugin(key, name) for name in before), (named_plugin(key, name) for name in after))


def _triggers(records: Records, key: ObjectKey, old: ConsumerFacts | None, new: ConsumerFacts | None) -> Iterator[ObjectKey]:
    """Every binding, where one of the lists names a plugin of our types: any gateway may serve any consumer of its class."""
    if old == new:
        return
    found = (facts_of(records.value, key, name) for facts in (old, new) if facts for name in facts.plugins)
    if any(facts and facts.type in PLUGINS for facts in found):
        yield from records.bindings()


def _has_plugins(facts: ConsumerFacts) -> bool:
    return bool(facts.plugins)


def _later(_old: object, _new: object) -> Urgency:
    """In the background: such a change concerns every binding, and affects only statuses."""
    return Urgency(Lane.BACKGROUND)


def _row(kind: Kind) -> WatchedKind:
    return WatchedKind(
        kind=kind,
        reduce=_reduce,
        index=_index,
        triggers=_triggers,
        keep=_has_plugins,
        verbs=("list", "watch"),
        why=f"See plugins of {kind.plural} that run in place of a binding's.",
        urgency=_later,
        optional=True,
    )


CONSUMER_KINDS: Final = (_row(kinds.KONG_CONSUMER), _row(kinds.KONG_CONSUMER_GROUP))
"""One row for each kind."""
