"""HTTPRoute: its plugin list, the Services that share a rule, its places, and what Kong's controllers say of it."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.plan import kinds

from .attachables import attachable_triggers, index_attachable, is_relevant, reduce_attachable
from .contract import WATCH_VERBS, WatchedKind

__all__ = ["HTTP_ROUTES"]

HTTP_ROUTES: Final = WatchedKind(
    kind=kinds.HTTP_ROUTE,
    reduce=reduce_attachable,
    index=index_attachable,
    triggers=attachable_triggers,
    keep=is_relevant,
    verbs=(*WATCH_VERBS, "patch"),
    why="Attach plugins to existing ones; see Services that share a rule, and plugins that run in place of a binding's.",
    optional=True,
)
