"""Draws boxes with arrows, and sequences of messages, as SVG that needs no script and reads well on a dark page and a light one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

__all__ = ["Arrow", "Box", "Message", "draw_boxes", "draw_sequence"]

_STYLE: Final = """
.page { fill: #ffffff; stroke: #d5d9e2 }
.box { fill: #f3f5f9; stroke: #6b7487 }
.ours { fill: #e3f5ef; stroke: #1c8a66 }
.kong { fill: #e8ecfb; stroke: #4a5fc1 }
.fiddler { fill: #fcefe2; stroke: #b5651d }
.group { fill: none; stroke: #9aa3b5; stroke-dasharray: 5 4 }
text { fill: #1f2430; font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
.title { font-weight: 600 }
.small { font-size: 12.5px; fill: #4a5262 }
.label { font-size: 12.5px; fill: #3b4252; stroke: #ffffff; stroke-width: 5px; paint-order: stroke; stroke-linejoin: round }
.line { fill: none; stroke: #5b6475; stroke-width: 1.6 }
.dashed { stroke-dasharray: 5 4 }
.life { stroke: #b6bdcb }
.head { fill: #5b6475 }
@media (prefers-color-scheme: dark) {
  .page { fill: #1b1e27; stroke: #3a4152 }
  .box { fill: #262b37; stroke: #8a93a6 }
  .ours { fill: #173a30; stroke: #4fc3a1 }
  .kong { fill: #232c52; stroke: #8ea0f5 }
  .fiddler { fill: #43301c; stroke: #e5a463 }
  .group { stroke: #626b7d }
  text { fill: #eceff5 }
  .small { fill: #b9c0ce }
  .label { fill: #d5dae4; stroke: #1b1e27 }
  .line { stroke: #a3acbd }
  .life { stroke: #4d5567 }
  .head { fill: #a3acbd }
}
"""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A box, by its middle. The first of its lines is its title; `kind` is a class of the style: box, ours, kong, fiddler or group."""

    middle: Point
    lines: tuple[str, ...]
    kind: str = "box"
    size: Point = (150, 56)


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from one box to another, by the points in `by`, with a label at its longest leg."""

    start: str
    end: str
    label: str = ""
    by: tuple[Point, ...] = ()
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message from one lane of a sequence to another."""

    start: str
    end: str
    text: str


def draw_boxes(title: str, size: Point, boxes: dict[str, Box], arrows: Iterable[Arrow]) -> str:
    """A picture of boxes and arrows; `title` is read aloud by screen readers."""
    return _svg(title, size, [*(_box(box) for box in boxes.values()), *(_arrow(arrow, boxes) for arrow in arrows)])


def draw_sequence(title: str, lanes: tuple[str, ...], messages: Iterable[Message | str]) -> str:
    """Lanes from left to right with messages between them, in time. A text instead of a message is the heading of what follows."""
    step, top, first, width = 34, 62, 125, 136
    at = {lane: first + index * width for index, lane in enumerate(lanes)}
    rows = list(messages)
    height = top + step * len(rows) + 26
    lives = (f'<path class="line life" d="M{x} {top - 6}V{height - 14}"/>' for x in at.values())
    heads = (_box(Box((x, 34), (lane,), _KINDS.get(lane, "box"), (122, 34))) for lane, x in at.items())
    drawn = (_message(row, at, top + 26 + step * index) for index, row in enumerate(rows))
    return _svg(title, (first + len(lanes) * width - 60, height), [*lives, *heads, *drawn])


_KINDS: Final = {"Operator": "ours", "Controller": "kong", "Gateway": "kong", "Fiddler": "fiddler"}
"""Lanes with a colour."""


def _svg(title: str, size: Point, parts: Iterable[str]) -> str:
    width, height = size
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        '<path class="head" d="M0 0L10 5L0 10z"/></marker></defs>\n'
        f'<rect class="page" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="8"/>\n{body}\n</svg>\n'
    )


def _box(box: Box) -> str:
    (x, y), (width, height) = box.middle, box.size
    frame = f'<rect class="{box.kind}" x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="7"/>'
    if box.kind == "group":
        return frame + _text((x - width / 2 + 12, y - height / 2 + 18), box.lines[0], "small", "start")
    first = y - 9 * (len(box.lines) - 1) + 5
    lines = (_text((x, first + 18 * index), line, "small" if index else "title") for index, line in enumerate(box.lines))
    return frame + "".join(lines)


def _text(at: Point, text: str, kind: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{at[0]:g}" y="{at[1]:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _arrow(arrow: Arrow, boxes: dict[str, Box]) -> str:
    start, end = boxes[arrow.start], boxes[arrow.end]
    points = [start.middle, *arrow.by, end.middle]
    points[0], points[-1] = _border(start, points[1]), _border(end, points[-2])
    drawn = _line(points, dashed=arrow.dashed)
    if not arrow.label:
        return drawn
    straight = any(len({point[axis] for point in points}) == 1 for axis in (0, 1))
    leg = (points[0], points[-1]) if straight else max(pairwise(points), key=lambda leg: math.dist(*leg))
    return drawn + _label(arrow.label.split("\n"), leg)


def _label(rows: list[str], leg: tuple[Point, Point]) -> str:
    """Rows of text above a level leg, right of an upright one, and on the middle of any other."""
    (x1, y1), (x2, y2) = leg
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    if x1 == x2:
        return "".join(_text((x + 8, y + 4 + 16 * index - 8 * (len(rows) - 1)), row, "label", "start") for index, row in enumerate(rows))
    above = y - 7 if y1 == y2 else y + 4
    return "".join(_text((x, above - 16 * (len(rows) - 1 - index)), row, "label") for index, row in enumerate(rows))


def _border(box: Box, towards: Point) -> Point:
    """Where an arrow leaves a box: straight where that is possible, else on the line from its middle."""
    (x, y), (width, height) = box.middle, box.size
    dx, dy = towards[0] - x, towards[1] - y
    if abs(dx) < width / 2:
        return (towards[0], y + math.copysign(height / 2, dy))
    if abs(dy) < height / 2:
        return (x + math.copysign(width / 2, dx), towards[1])
    scale = min(width / 2 / abs(dx), height / 2 / abs(dy))
    return (x + dx * scale, y + dy * scale)


def _line(points: Iterable[Point], *, dashed: bool = False) -> str:
    path = "L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path class="line{" dashed" if dashed else ""}" d="M{path}" marker-end="url(#head)"/>'


def _message(row: Message | str, at: dict[str, int], y: float) -> str:
    if isinstance(row, str):
        return _text((14, y), row, "title", "start")
    x1, x2 = at[row.start], at[row.end]
    gap = 4 if x2 > x1 else -4
    leg = ((x1 + gap, y), (x2 - gap, y))
    return _line(leg) + _label([row.text], leg)
