"""A stock of generated values: tests draw only numbers, which costs a hundredth of drawing whole specs."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.generated.valid import PURE, specs

__all__ = ["STOCK", "Pool"]

T = TypeVar("T")


class Pool(Generic[T]):
    """About `size` values of a strategy by number, generated at first use; the same `start` gives the same values."""

    def __init__(self, strategy: SearchStrategy[T], size: int, start: int = 0) -> None:
        self._strategy = strategy
        self._size = size
        self._start = start
        self._values: list[T] = []

    def fill(self) -> None:
        """Generate the values once. Fixtures call this, since it must not happen while an example is drawn or run."""
        if self._values:
            return

        @seed(self._start)
        @settings(max_examples=self._size, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(self._strategy)
        def collect(value: T) -> None:
            self._values.append(value)

        collect()

    def __getitem__(self, number: int) -> T:
        """The value of that number; any number is valid."""
        return self._values[number % len(self._values)]

    def __len__(self) -> int:
        """The actual number of values: a small space is exhausted early."""
        return len(self._values)

    def any(self) -> SearchStrategy[T]:
        """Draw one value."""
        return st.integers(0, self._size - 1).map(self.__getitem__)


STOCK: Final[Pool[dict[str, Any]]] = Pool(specs(PURE), 450)
"""Valid specs for the tests without a control plane."""
