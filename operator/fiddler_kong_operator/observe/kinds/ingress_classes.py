"""IngressClass: which exist, which are Kong's, and which is the default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.objects.raw import mapping

from .contract import WatchedKind

__all__ = ["INGRESS_CLASSES", "IngressClassFacts"]

_DEFAULT_ANNOTATION: Final = "ingressclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class IngressClassFacts:
    """Whether Ingresses without a class belong to it, and whether it is Kong's."""

    is_default: bool
    is_kongs: bool


def _reduce(_key: ObjectKey, raw: Manifest, _known: object = None) -> IngressClassFacts:
    annotations = raw["metadata"].get("annotations") or {}
    controller = str(mapping(raw, "spec").get("controller") or "")
    return IngressClassFacts(annotations.get(_DEFAULT_ANNOTATION) == "true", controller.startswith(names.KONG_CONTROLLER))


def _triggers(records: Records, _key: ObjectKey, old: IngressClassFacts | None, new: IngressClassFacts | None) -> Iterator[ObjectKey]:
    """Every binding: there are few classes, and they seldom change."""
    if old != new:
        yield from records.bindings()


INGRESS_CLASSES: Final = WatchedKind(
    kind=kinds.INGRESS_CLASS,
    reduce=_reduce,
    triggers=_triggers,
    verbs=("list", "watch"),
    why="Find an ingress class that does not exist, and Ingresses that another Kong serves.",
    optional=True,
)
