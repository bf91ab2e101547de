"""The report of an import: one line for each thing of the file that a binding cannot carry, and notes. No line repeats a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Remark", "Report"]


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a place of the file. `lost`: something is not carried over; otherwise it is a note."""

    place: str
    text: str
    lost: bool

    def __str__(self) -> str:
        """The line to print."""
        return f"{self.place}: {self.text}"


class Report:
    """Collects remarks in the order in which they are made, each once."""

    def __init__(self) -> None:
        self._remarks: dict[Remark, None] = {}

    def lose(self, place: str, text: str) -> None:
        """Something at this place is not carried over; the text says what to do."""
        self._remarks[Remark(place, text, lost=True)] = None

    def note(self, place: str, text: str) -> None:
        """Something worth knowing that loses nothing."""
        self._remarks[Remark(place, text, lost=False)] = None

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Every remark."""
        return tuple(self._remarks)
