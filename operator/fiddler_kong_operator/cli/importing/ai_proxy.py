"""An `ai-proxy` or `ai-proxy-advanced` -> `llm` of a binding's route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.plugins.ai_proxy import CATEGORIES

from .entrances import duration
from .kong_file import Plugin
from .models import ReadModel, Unfit, read_model
from .overriding import Operation, leftover
from .parts import Part

__all__ = ["ReadLlm", "read_llm"]

_COMMON: Final = {
    "genai_category": "text/generation",
    "response_streaming": "allow",
    "max_request_body_size": 1_048_576,
    "model_name_header": True,
}
"""Kong's defaults for fields about every call."""

_BALANCER: Final = {
    "algorithm": "algorithm",
    "hash_on_header": "hashOnHeader",
    "latency_strategy": "latencyStrategy",
    "tokens_count_strategy": "tokensCountStrategy",
    "retries": "retries",
    "failover_criteria": "failoverCriteria",
    "max_fails": "maxFails",
    "slots": "slots",
}
_BALANCER_DEFAULTS: Final = {
    "algorithm": "round-robin",
    "hash_on_header": "X-Kong-LLM-Request-ID",
    "latency_strategy": "tpot",
    "tokens_count_strategy": "total-tokens",
    "retries": 5,
    "failover_criteria": ["error", "timeout"],
    "max_fails": 0,
    "slots": 10_000,
}
_ONLY_FOR: Final = {
    "hash_on_header": "consistent-hashing",
    "latency_strategy": "lowest-latency",
    "tokens_count_strategy": "lowest-usage",
}
"""Fields that only one algorithm reads."""

_DEFAULT_TIMEOUT: Final = 60_000
_DEFAULT_FAIL_TIMEOUT: Final = 10_000
_DEFAULT_WEIGHT: Final = 100
_MOST_TARGETS: Final = 8
_SEMANTIC: Final = ("embeddings", "vectordb")


@dataclass(frozen=True, slots=True)
class ReadLlm:
    """The models behind a plugin's routes: `fields` of `llm`, and `operations` of overrides."""

    fields: Manifest
    captured: bool
    operations: tuple[Operation, ...]
    provider: str
    """The provider of the first model."""


def read_llm(plugin: Plugin) -> ReadLlm:
    """The models of a plugin; Unfit where a binding cannot have them."""
    return _read_several(plugin.config) if plugin.type == "ai-proxy-advanced" else _read_one(plugin.config)


def _read_one(config: Part) -> ReadLlm:
    model, calls = read_model(config), _read_format(config)
    operations = (*model.operations, *leftover(config, _defaults(model.route_type)))
    return ReadLlm({**_route_type(model), **calls, **model.fields}, model.captured, operations, model.fields["provider"])


def _read_several(config: Part) -> ReadLlm:
    parts = config.parts("targets")
    if not 1 <= len(parts) <= _MOST_TARGETS:
        raise Unfit(config.place_of("targets"), f"must be 1 to {_MOST_TARGETS} models.")
    shared = config.part("balancer")
    balancer = _read_balancer(shared)
    targets = [_read_target(part) for part in parts]
    first, captured = targets[0], _all_captured(targets, config)
    if any(target.route_type != first.route_type for target in targets):
        raise Unfit(config.place_of("targets"), "have several values of route_type, and a route of a binding has one.")
    for name in _SEMANTIC:
        if config.take(name) is not None:
            config.lose(name, "has no effect without the algorithm `semantic`, and is not carried over.")
    operations = [o.below(f"/targets/{index}") for index, target in enumerate(targets) for o in target.operations]
    fields = {
        **_route_type(first),
        **_read_format(config),
        "targets": [target.fields for target in targets],
        **({"balancer": balancer} if balancer else {}),
    }
    operations += [o.below("/balancer") for o in leftover(shared, {})]
    operations += leftover(config, _defaults(first.route_type))
    return ReadLlm(fields, captured, tuple(operations), first.fields["provider"])


def _read_target(part: Part) -> ReadModel:
    weight = part.integer("weight")
    for name in ("description", "metadata"):
        part.take(name)  # only the algorithm `semantic` reads description, and metadata is Kong's own
    model = read_model(part)
    fields = {**model.fields, **({"weight": weight} if weight not in (None, _DEFAULT_WEIGHT) else {})}
    return replace(model, fields=fields, operations=(*model.operations, *leftover(part, {})))


def _all_captured(targets: Sequence[ReadModel], config: Part) -> bool:
    captured = {target.captured for target in targets}
    if len(captured) > 1:
        config.lose("targets", "differ in log_payloads, and a route of a binding captures all or none: none.")
    return captured == {True}


def _read_balancer(balancer: Part) -> Manifest:
    algorithm = balancer.text("algorithm") or _BALANCER_DEFAULTS["algorithm"]
    if algorithm == "semantic":
        raise Unfit(balancer.place_of("algorithm"), "is semantic, which a binding has not.")
    given: dict[str, Any] = {"algorithm": algorithm}
    for name in _BALANCER:
        value = balancer.take(name)
        if value is not None and _ONLY_FOR.get(name, algorithm) == algorithm:
            given[name] = value
    fields = {_BALANCER[name]: value for name, value in given.items() if value != _BALANCER_DEFAULTS[name]}
    return {**fields, **_read_times(balancer)}


def _read_times(balancer: Part) -> Manifest:
    period = balancer.integer("fail_timeout")
    read = {name: balancer.integer(f"{name}_timeout") for name in ("connect", "read", "write")}
    timeouts = {name: duration(value) for name, value in read.items() if value not in (None, _DEFAULT_TIMEOUT)}
    return {
        **({"failTimeout": duration(period)} if period not in (None, _DEFAULT_FAIL_TIMEOUT) else {}),
        **({"timeouts": timeouts} if timeouts else {}),
    }


def _read_format(config: Part) -> Manifest:
    found = config.text("llm_format")
    return {"format": found} if found not in (None, "openai") else {}


def _route_type(model: ReadModel) -> Manifest:
    return {"routeType": model.route_type} if model.route_type != "llm/v1/chat" else {}


def _defaults(route_type: str) -> dict[str, Any]:
    """Values that need no override: those that the operator sets, or else Kong's defaults."""
    return {**_COMMON, **({"genai_category": CATEGORIES[route_type]} if route_type in CATEGORIES else {})}
