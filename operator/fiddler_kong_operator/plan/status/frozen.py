"""Objects for which Kong refuses its whole configuration: a name is twice on their list, or two plugins of one type are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import SERVICE
from fiddler_kong_operator.plan.objects.attachments import is_ours
from fiddler_kong_operator.plan.references import routes_to
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

__all__ = ["evaluate_freeze"]

_ON_THE_LIST: Final = f"in its annotation {names.KONG_PLUGINS_ANNOTATION}"
_ON_THE_LIST_OR_FILTERS: Final = f"{_ON_THE_LIST} or the filters of its rules"


def evaluate_freeze(snapshot: Snapshot) -> Finding | None:
    """GatewayFrozen for the first such object; None where there is none.

    Names that are twice are found on every object of the binding's class, two plugins of one type only on those that the binding is
    attached to. A plugin of the binding itself does not make a pair: it is detached instead (`acceptance.clashes`).
    """
    found = [*((key, f"{name} twice {_ON_THE_LIST}") for key, name in snapshot.frozen_by), *_pairs(snapshot)]
    if not found:
        return None
    (culprit, what), *others = found
    more = f" {len(others)} other lists have such names too." if len(others) > 1 else " Another list has such names too." if others else ""
    message = (
        f"{culprit} has {what}. Kong therefore refuses its whole configuration: no change by anybody reaches the gateway. Remove one of "
        f"the two.{more}"
    )
    return Finding(reason("GatewayFrozen"), message)


def _pairs(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, str]]:
    for key, target in sorted(snapshot.targets.items()):
        if not _is_served(snapshot, target):
            continue
        for kind, found in groupby(sorted(_of_others(snapshot, target)), key=lambda pair: pair[0]):
            listed = [name for _, name in found]
            if len(listed) > 1:
                where = _ON_THE_LIST if {*listed[:2]} <= {*target.plugins} else _ON_THE_LIST_OR_FILTERS
                yield key, f"{' and '.join(listed[:2])}, both of type {kind}, {where}"


def _is_served(snapshot: Snapshot, target: Attachable) -> bool:
    """Whether a gateway of the binding's class takes the object; a Service by a route that leads there."""
    if target.key.kind == SERVICE.name:
        return any(_is_served(snapshot, route) for route in routes_to(snapshot, target.key))
    spec = snapshot.binding.spec
    return not target.foreign and spec is not None and target.ingress_class in {None, spec.gateway.ingress_class_name}


def _of_others(snapshot: Snapshot, target: Attachable) -> Iterator[tuple[str, str]]:
    """(type, name) of each other plugin that applies to all of the object."""
    for name in {*target.plugins, *target.common_filters}:
        if snapshot.plugin_types.get(name) and not is_ours(snapshot, name):
            yield snapshot.plugin_types[name], name
