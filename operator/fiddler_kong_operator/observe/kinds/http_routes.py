"""HTTPRoute: the Services that share a rule, and the plugins on it."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan import kinds
from fiddler_kong_operator.plan.objects.attachable_kinds import read_http_route
from fiddler_kong_operator.plan.snapshot import Attachable

from .attachables import attachable_triggers, index_attachable
from .contract import WatchedKind

__all__ = ["HTTP_ROUTES"]


def _reduce(key: ObjectKey, raw: Manifest, _known: object = None) -> Attachable:
    return read_http_route(key, raw)


def _leads_somewhere(route: Attachable) -> bool:
    return bool(route.backends)


HTTP_ROUTES: Final = WatchedKind(
    kind=kinds.HTTP_ROUTE,
    reduce=_reduce,
    index=index_attachable,
    triggers=attachable_triggers,
    keep=_leads_somewhere,
    verbs=("list", "watch"),
    why="See Services that share a rule, and plugins that run in place of a binding's.",
    optional=True,
)
