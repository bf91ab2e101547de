"""Deduplicates equal parts of specs and statuses: of thousands of bindings most name the same gateway and are Ready for the same reason.

Shared parts are never changed: parts of a spec are frozen, a status is only read. The pools are bounded, because users choose the texts; a
part that left its pool is merely held twice. `sys.intern` is used for names of fields only: Python 3.12 never frees what was interned.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from sys import intern
from typing import Any, Final, TypeVar, cast

from fiddler_kong_operator.api import Export, Fiddler, Gateway, Llm, LlmAuth, LlmOptions, Sessions, Tracing, WorkloadRef
from fiddler_kong_operator.api.types import ApiModel, SecretKeyRef

__all__ = ["deduplicate_spec", "deduplicate_status", "share"]

H = TypeVar("H", bound=Hashable)
M = TypeVar("M", bound=ApiModel)

_SHARED: Final = frozenset({Export, Fiddler, Gateway, Llm, LlmAuth, LlmOptions, SecretKeyRef, Sessions, Tracing, WorkloadRef})
_POOL: Final = 1024
"""Size of each pool."""


def share(value: H) -> H:
    """An equal value that was seen before, or the value itself."""
    return cast("H", _known(value))


def deduplicate_spec(model: M) -> M:
    """The spec, or a part of one, with equal parts that were seen before.

    It sets the attributes in which pydantic 2 keeps the fields and the set of given fields: a frozen model offers no other way, and the set
    is half of its memory.
    """
    object.__setattr__(model, "__pydantic_fields_set__", share(frozenset(model.model_fields_set)))
    parts = model.__dict__
    for name, value in parts.items():
        if isinstance(value, ApiModel):
            parts[name] = deduplicate_spec(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], ApiModel):
            parts[name] = tuple(deduplicate_spec(item) for item in value)
    return cast("M", _seen(model)) if type(model) in _SHARED else model


def deduplicate_status(value: Any) -> Any:
    """The JSON with equal strings, and equal objects of strings and numbers (conditions), that were seen before."""
    if isinstance(value, dict):
        if any(isinstance(item, (dict, list)) for item in value.values()):
            return {intern(name): deduplicate_status(item) for name, item in value.items()}
        return _flat(tuple(value.items()))
    if isinstance(value, list):
        return [deduplicate_status(item) for item in value]
    return share(value) if isinstance(value, str) else value


@lru_cache(maxsize=_POOL)
def _seen(model: ApiModel) -> ApiModel:
    return model


@lru_cache(maxsize=_POOL)
def _known(value: Hashable) -> Hashable:
    return value


@lru_cache(maxsize=_POOL)
def _flat(items: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {intern(name): share(item) if isinstance(item, str) else item for name, item in items}
