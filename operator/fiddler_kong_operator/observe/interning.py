"""Equal parts held once: of thousands of bindings most name the same gateway, use the same options and are Ready for the same reason.

What is shared is never changed by anybody: parts of a spec are frozen, a status is only read. The pools are bounded; a part that has fallen
out of its pool is merely held twice.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from sys import intern
from typing import Any, Final, TypeVar, cast

from fiddler_kong_operator.api import Fiddler, Gateway, Llm, LlmAuth, LlmOptions, Sessions, WorkloadRef
from fiddler_kong_operator.api.types import ApiModel, SecretKeyRef

__all__ = ["share", "share_spec", "share_status"]

H = TypeVar("H", bound=Hashable)
M = TypeVar("M", bound=ApiModel)

_SHARED: Final = frozenset({Fiddler, Gateway, Llm, LlmAuth, LlmOptions, SecretKeyRef, Sessions, WorkloadRef})
_POOL: Final = 1024
"""Parts of each sort that are looked for; what many have in common was seen lately."""


def share(value: H) -> H:
    """The same small value, or the equal one that was seen before."""
    return cast("H", _known(value))


def share_spec(model: M) -> M:
    """The same spec, or part of one, with parts that were seen before in place of equal ones."""
    object.__setattr__(model, "__pydantic_fields_set__", share(frozenset(model.model_fields_set)))  # half of a model's memory
    parts = model.__dict__  # as a frozen model has no other way
    for name, value in parts.items():
        if isinstance(value, ApiModel):
            parts[name] = share_spec(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], ApiModel):
            parts[name] = tuple(share_spec(item) for item in value)
    return _seen(model) if type(model) in _SHARED else model  # type: ignore[return-value]  # equal, so of the same type


def share_status(value: Any) -> Any:
    """The same JSON with equal strings, and equal objects of strings and numbers (conditions), held once."""
    if isinstance(value, dict):
        if any(isinstance(item, (dict, list)) for item in value.values()):
            return {intern(name): share_status(item) for name, item in value.items()}
        return _held(tuple(value.items()))
    if isinstance(value, list):
        return [share_status(item) for item in value]
    return intern(value) if isinstance(value, str) else value


@lru_cache(maxsize=_POOL)
def _seen(model: ApiModel) -> ApiModel:
    return model


@lru_cache(maxsize=_POOL)
def _known(value: Hashable) -> Hashable:
    return value


@lru_cache(maxsize=_POOL, typed=True)
def _held(items: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {intern(name): intern(item) if isinstance(item, str) else item for name, item in items}
