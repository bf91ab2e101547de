"""Advice about data that Fiddler will lack on routes with an ai-proxy of their own, or none. Nothing is refused for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.answering import answered_elsewhere, answering_plugins, levels, listed
from fiddler_kong_operator.plan.kinds import SERVICE
from fiddler_kong_operator.plan.own_models import OwnModel, OwnModels
from fiddler_kong_operator.plan.providers import is_uncounted
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

__all__ = ["logs_text", "own_model_advice"]

_UNTRANSLATED: Final = "preserve"


def own_model_advice(snapshot: Snapshot) -> Iterator[str]:
    """A sentence for each kind of data that Fiddler will lack, or get although it should not, on an attached route without `llm`."""
    for route, target in answered_elsewhere(snapshot):
        yield from _of_route(snapshot, route, target)


def logs_text(snapshot: Snapshot, target: Attachable) -> bool:
    """Whether a plugin that runs on an attached route without `llm` is known to log text."""
    return any(model.log_payloads for models in answering_plugins(snapshot, target).values() for model in models or ())


def _of_route(snapshot: Snapshot, route: str, target: Attachable) -> Iterator[str]:
    found = answering_plugins(snapshot, target)
    for name, models in found.items():
        yield from (f"Route {route}: {sentence}" for sentence in _of_plugin(snapshot, name, models))
    reach = [carrier for level in levels(snapshot, target) for carrier in level]
    if not found and _is_local(snapshot, reach) and all(listed(carrier) <= snapshot.plugin_types.keys() for carrier in reach):
        yield (
            f"Route {route}: no ai-proxy or ai-proxy-advanced is visible on {target.key}, {_around(target.key)}, or globally. Without one "
            "Kong makes no LLM span, and Fiddler shows nothing. Put one there, or set llm on the route."
        )


def _is_local(snapshot: Snapshot, reach: Sequence[Attachable]) -> bool:
    """Whether these objects and their Services are all in the binding's namespace: plugin names in others are not resolved."""
    keys = {*(carrier.key for carrier in reach), *(key for carrier in reach for group in carrier.backends for key in group)}
    return all(key.namespace == snapshot.binding.namespace for key in keys)


def _around(target: ObjectKey) -> str:
    return "the routes to it" if target.kind == SERVICE.name else "its Services"


def _of_plugin(snapshot: Snapshot, name: str, models: OwnModels) -> Iterator[str]:
    if models is None:
        text = "is partly in a Secret. Check that logging.log_statistics is true there, or Fiddler shows no tokens."
        yield f"the config of plugin {name} {text}"
        return
    spec = snapshot.binding.spec
    captured = spec is not None and spec.payloads == "Captured"
    for affects, text in _SENTENCES:
        affected = [model for model in models if affects(model, captured)]
        if affected:
            yield f"plugin {name}{_share(affected, models)} {text.format(route_type=affected[0].route_type)}"


def _share(affected: Sequence[OwnModel], models: Sequence[OwnModel]) -> str:
    return f" ({len(affected)} of {len(models)} targets)" if len(models) > 1 else ""


_SENTENCES: Final[tuple[tuple[Callable[[OwnModel, bool], bool], str], ...]] = (
    (
        lambda model, _: model.route_type == _UNTRANSLATED,
        "has the route_type {route_type}: Kong passes the calls on as they are. Do not expect an LLM span of them in Fiddler.",
    ),
    (
        lambda model, _: is_uncounted(model.route_type),
        "has the route_type {route_type}, of which Kong counts no tokens: Fiddler shows none.",
    ),
    (
        lambda model, _: not model.log_statistics and not is_uncounted(model.route_type),
        "has logging.log_statistics off: Fiddler shows no tokens. Set it to true.",
    ),
    (
        lambda model, captured: captured and not model.log_payloads,
        "has logging.log_payloads off: Fiddler shows no text, although spec.payloads is Captured. Set it to true.",
    ),
    (
        lambda model, captured: model.log_payloads and not captured,
        "has logging.log_payloads on: prompts and answers go to Fiddler, although spec.payloads is Disabled. Set it to false.",
    ),
)
"""Each row: (model, whether text is captured) -> whether the sentence is about the model; and the sentence, after the plugin's name."""
