"""Renders the figures as a table, as JSON, and as a section of a Markdown file between two markers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from .figures import Figure
from .machine import Machine

__all__ = ["BEGIN", "END", "markdown", "plain", "put_between_markers", "to_json"]

BEGIN: Final = "<!-- benchmarks: begin -->"
END: Final = "<!-- benchmarks: end -->"

_Rows = list[list[str]]


def plain(figures: Sequence[Figure]) -> str:
    """Columns for a terminal."""
    rows = _rows(figures, missed="{} !")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def markdown(machine: Machine, figures: Sequence[Figure], pairs: int) -> str:
    """The date, the machine and the table; a value that misses its goal is bold."""
    head, *rows = _rows(figures, missed="**{}**")
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"Measured on {machine.line}. Medians of {pairs} pairs of runs with the raw loop; other figures: one run.\n\n{table}"


def to_json(machine: Machine, figures: Iterable[Figure], details: Any) -> str:
    """All results, including single runs."""
    listed = [{**asdict(figure), "met": figure.met} for figure in figures]
    return json.dumps({"machine": asdict(machine), "figures": listed, "details": details}, indent=1) + "\n"


def put_between_markers(document: str, text: str) -> str:
    """The document with the text between the markers; ValueError unless each marker occurs once and in order."""
    if document.count(BEGIN) != 1 or document.count(END) != 1 or document.index(END) < document.index(BEGIN):
        raise ValueError(f"the document must contain the lines {BEGIN} and {END}, once each and in this order")
    head, _, rest = document.partition(BEGIN)
    return f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}"


def _rows(figures: Sequence[Figure], missed: str) -> _Rows:
    """One row for each name, one column for each number of bindings, in the order in which they first appear."""
    numbers, names = (list(dict.fromkeys(values)) for values in zip(*((f.bindings, f.name) for f in figures), strict=True))
    found = {(figure.name, figure.bindings): figure for figure in figures}
    head = ["", "goal", *(f"N = {number:,}" for number in numbers)]
    return [head, *(_row(name, [found.get((name, number)) for number in numbers], missed) for name in names)]


def _row(name: str, figures: Sequence[Figure | None], missed: str) -> list[str]:
    goals = list(dict.fromkeys(figure.goal_text for figure in figures if figure))
    cells = ["" if figure is None else missed.format(figure.text) if figure.met is False else figure.text for figure in figures]
    return [name, "; ".join(goals), *cells]
