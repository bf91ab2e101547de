"""The plugins of others that answer the calls of attached routes without `llm`, as far as they are visible. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .kinds import SERVICE
from .own_models import OwnModel, OwnModels
from .references import attach_targets, routes_to
from .snapshot import Attachable, Snapshot

__all__ = ["answered_elsewhere", "answering_models", "answering_plugins", "levels", "listed"]


def answered_elsewhere(snapshot: Snapshot) -> Iterator[tuple[str, Attachable]]:
    """The attached routes without `llm` by name, each with its object; none where plugins were not looked at."""
    for key, route in attach_targets(snapshot.binding).items():
        if route.llm is None and key in snapshot.targets and snapshot.models is not None:
            yield route.name, snapshot.targets[key]


def answering_models(snapshot: Snapshot) -> Iterator[OwnModel]:
    """The models behind these routes; those in a Secret are not known."""
    for _, target in answered_elsewhere(snapshot):
        yield from (model for models in answering_plugins(snapshot, target).values() for model in models or ())


def answering_plugins(snapshot: Snapshot, target: Attachable) -> Mapping[str, OwnModels]:
    """The models of the plugins that run for calls of a target, by the name of the plugin."""
    found = (_models(snapshot, level) for level in levels(snapshot, target))
    return next(filter(None, found), snapshot.global_models)


def levels(snapshot: Snapshot, target: Attachable) -> Iterator[Sequence[Attachable]]:
    """The objects whose plugins run for calls of a target, by level. Plugins of one level hide those of the next.

    The routes to a Service share its level, because a plugin on one of them hides nothing from calls through the others.
    """
    if target.key.kind == SERVICE.name:
        yield [target, *routes_to(snapshot, target.key)]
    else:
        yield [target]
        yield [snapshot.behind[key] for group in target.backends for key in group if key in snapshot.behind]


def listed(carrier: Attachable) -> frozenset[str]:
    """The names of the plugins on an object, as written."""
    return frozenset((*carrier.plugins, *carrier.filters))


def _models(snapshot: Snapshot, level: Sequence[Attachable]) -> Mapping[str, OwnModels]:
    names = {name for carrier in level for name in listed(carrier)}
    return {name: models for name, models in (snapshot.models or {}).items() if name in names}
