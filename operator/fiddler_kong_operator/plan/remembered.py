"""Remembers what follows from a spec alone: it is the same in each pass over a generation of a binding.

Specs are compared by identity. They are frozen, but cannot be hashed, because their overrides hold JSON; and one generation of a binding
has one spec object (`observe.kinds.bindings`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

from fiddler_kong_operator.api import BindingSpec

__all__ = ["remembered"]

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    spec: BindingSpec

    def __hash__(self) -> int:
        return id(self.spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.spec is other.spec


def remembered(specs: int) -> Callable[[C], C]:
    """A decorator for a pure function of a spec and values: keeps its results for that many specs. Callers must not change a result."""

    def decorate(compute: C) -> C:
        known = lru_cache(maxsize=specs)(lambda same, *values: compute(same.spec, *values))

        @wraps(compute)
        def find(spec: BindingSpec, *values: Hashable) -> Any:
            return known(_Same(spec), *values)

        return cast("C", find)

    return decorate
