"""One measured figure and its goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Figure"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table at one number of bindings. Smaller is better; `samples` are the runs behind a median."""

    name: str
    bindings: int
    value: float
    unit: str = ""
    goal: float | None = None
    samples: Sequence[float] = ()

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is no goal."""
        return None if self.goal is None else self.value <= self.goal

    @property
    def text(self) -> str:
        """The value for people: three significant digits, whole numbers without a fraction."""
        return f"{number(self.value)} {self.unit}".rstrip()

    @property
    def goal_text(self) -> str:
        """`<= 10 ms`; empty if there is no goal."""
        return "" if self.goal is None else f"≤ {number(self.goal)} {self.unit}".rstrip()


def number(value: float) -> str:
    """Three significant digits without an exponent; whole numbers without a fraction."""
    if value == int(value) or abs(value) >= 100:  # noqa: PLR2004 - three digits before the point
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"  # noqa: PLR2004 - three digits
