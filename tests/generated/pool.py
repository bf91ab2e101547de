"""Generated values in stock: tests then draw numbers, which costs a hundredth of drawing whole specs."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.generated.valid import PURE, specs

__all__ = ["STOCK", "Pool"]

T = TypeVar("T")


class Pool(Generic[T]):
    """About `size` values of a strategy by number, made when first asked for; always the same ones for the same `start`."""

    def __init__(self, strategy: SearchStrategy[T], size: int, start: int = 0) -> None:
        self._strategy = strategy
        self._size = size
        self._start = start
        self._values: list[T] = []

    def fill(self) -> None:
        """Make the values, if that was not done. It must not happen while an example is drawn or run: fixtures do it."""
        if self._values:
            return

        @seed(self._start)
        @settings(max_examples=self._size, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(self._strategy)
        def collect(value: T) -> None:
            self._values.append(value)

        collect()

    def __getitem__(self, number: int) -> T:
        """The value of that number; any number will do."""
        return self._values[number % len(self._values)]

    def __len__(self) -> int:
        """How many there are, in truth: a small space is exhausted early."""
        return len(self._values)

    def any(self) -> SearchStrategy[T]:
        """One of them."""
        return st.integers(0, self._size - 1).map(self.__getitem__)


STOCK: Final[Pool[dict[str, Any]]] = Pool(specs(PURE), 600)
"""Valid specs for the tests without a control plane."""
