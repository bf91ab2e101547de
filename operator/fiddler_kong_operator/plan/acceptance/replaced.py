"""Advice about plugins of others that no longer run because the binding's run in their place, and about their exports, which end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.exports import Exports, same_endpoint
from fiddler_kong_operator.plan.objects.attachments import is_ours
from fiddler_kong_operator.plan.plugins import plugin_types
from fiddler_kong_operator.plan.plugins.opentelemetry import traces_endpoint
from fiddler_kong_operator.plan.references import attach_targets
from fiddler_kong_operator.plan.snapshot import Snapshot

from .clashes import BOTH_ANSWER, needed_types, rival_of

__all__ = ["replaced_globals", "replaced_on_services"]

_RULE: Final = "Kong runs only the most specific plugin of a type."

_BOTH: Final = "a collector (fiddler.export) can send them to both."


@dataclass(frozen=True, slots=True)
class _Replaced:
    """A plugin that does the work of one of the binding's on its routes: its name, type, and words that tell which it is."""

    name: str
    type: str
    shown: str
    beside: bool
    """It runs all the same, because its type is another one."""


def replaced_globals(snapshot: Snapshot) -> str | None:
    """Kong's global plugins of our types do not run on our routes."""
    spec, known = snapshot.binding.spec, snapshot.global_plugins
    types = plugin_types(spec) if spec else ()
    rivals = (kind for kind in sorted(known) if rival_of(kind, types))
    found = [_Replaced(known[kind], kind, f"KongClusterPlugin {known[kind]} ({kind})", kind not in types) for kind in rivals]
    if spec is None or not found:
        return None
    return _told("On these routes the binding's plugins run in place of the global", spec, found, snapshot.global_exports)


def replaced_on_services(snapshot: Snapshot) -> str | None:
    """The plugins of our types on a Service do not run for the Ingress or HTTPRoute that leads to it and has ours."""
    spec, found = snapshot.binding.spec, [*dict.fromkeys(_on_services(snapshot))]
    if spec is None or not found:
        return None
    return _told("On routes to a Service the binding's plugins run in place of those of the Service,", spec, found, snapshot.exports)


def _on_services(snapshot: Snapshot) -> Iterator[_Replaced]:
    spec, types = snapshot.binding.spec, snapshot.plugin_types
    for key, route in attach_targets(snapshot.binding).items():
        wanted = needed_types(spec, route.name) if spec and key in snapshot.targets else frozenset()
        groups = snapshot.targets[key].backends if wanted else ()
        for service in (snapshot.behind[key] for group in groups for key in group if key in snapshot.behind):
            for name in service.plugins:
                if name in types and rival_of(types[name], wanted) and name not in snapshot.disabled and not is_ours(snapshot, name):
                    yield _Replaced(name, types[name], f"{name} ({types[name]}) of {service.key}", types[name] not in wanted)


def _told(where: str, spec: BindingSpec, found: list[_Replaced], exports: Mapping[str, Exports]) -> str:
    """The message about plugins that do not run, and about those that answer calls beside the binding's."""
    replaced = [plugin for plugin in found if not plugin.beside]
    beside = " and ".join(plugin.shown for plugin in found if plugin.beside)
    twice = [f"The calls are answered twice, by the binding's plugin and by {beside}. {BOTH_ANSWER}"] if beside else []
    if not replaced:
        return " ".join(twice)
    shown = " and ".join(plugin.shown for plugin in replaced)
    return " ".join((f"{where} {shown}: {_RULE}", *_consequences(spec, replaced, exports), *twice))


def _consequences(spec: BindingSpec, replaced: list[_Replaced], exports: Mapping[str, Exports]) -> Iterator[str]:
    others = [plugin.name for plugin in replaced if plugin.name not in exports]
    if others:
        yield f"Check that {' and '.join(others)} {'are' if len(others) > 1 else 'is'} not needed here."
    for name, exported in exports.items():
        if any(plugin.name == name for plugin in replaced):
            yield from (f"{name} {sentence}" for sentence in _ended(spec, exported))


def _ended(spec: BindingSpec, exported: Exports) -> Iterator[str]:
    """The exports of a plugin that end, in sentences that follow its name."""
    ours = traces_endpoint(spec.fiddler)
    if exported.traces is None:
        secret = "has parts of its config in a Secret" if exported.unread else "takes its endpoint from a vault"
        yield f"{secret}: ask its owner where it sends traces, and what else, because that stops for these routes."
    elif same_endpoint(exported, ours) and _same_recipient(spec, exported):
        yield f"sends traces to the same endpoint, {exported.host}: none are lost."
    elif same_endpoint(exported, ours):
        yield (
            f"sends traces to the same endpoint, {exported.host}, but with headers or an application.id of its own: check that its users "
            "do not miss those of these routes."
        )
    elif exported.traces:
        yield f"sends traces to {exported.host}, which no longer gets those of these routes: {_BOTH}"
    if exported.signals:
        yield f"exports {_listed(exported.signals)} too: these stop for these routes."


def _same_recipient(spec: BindingSpec, exported: Exports) -> bool:
    return not exported.own_headers and exported.application in ("", spec.fiddler.application_id)


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
