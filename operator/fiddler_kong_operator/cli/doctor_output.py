"""How `doctor` shows its report: lines for people, or JSON and YAML with a stable schema."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import click
import yaml

from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Severity, State
from fiddler_kong_operator.doctor.report import Line, Report
from fiddler_kong_operator.doctor.running import Running, Way

from .telling import plain

__all__ = ["FORMATS", "show_report", "show_ways"]

_MARKS: Final = {State.FINE: "✓", State.WARNING: "!", State.ERROR: "✗", State.SKIPPED: "-", State.UNREAD: "-"}
_ASCII: Final = {State.FINE: "+", State.WARNING: "!", State.ERROR: "x", State.SKIPPED: "-", State.UNREAD: "-"}
_COLOURS: Final = {State.FINE: "green", State.WARNING: "yellow", State.ERROR: "red", State.SKIPPED: None, State.UNREAD: "cyan"}
_INDENT: Final = "      "
_NARROWEST: Final = 40
"""Columns below which lines are left to the terminal."""


def show_report(report: Report, output: str) -> None:
    """Print the report in that format."""
    if output == "text":
        _print_lines(_text(report))
    else:
        click.echo(FORMATS[output](_document(report)), nl=False)


def show_ways(ways: Sequence[Way], output: str) -> None:
    """Print what runs on each way, as a table, or in that format."""
    if output == "text":
        _print_lines(line for way in ways for line in _table(way))
    else:
        click.echo(FORMATS[output]({"routes": [_way(way) for way in ways]}), nl=False)


def _json(document: Any) -> str:
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n"


def _yaml(document: Any) -> str:
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=140))


FORMATS: Final[Mapping[str, Callable[[Any], str]]] = MappingProxyType({"json": _json, "yaml": _yaml})
"""The formats beside text."""


def _print_lines(lines: Iterator[str]) -> None:
    """Print lines; a terminal that cannot show a character gets a question mark for it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for line in lines:
        click.echo(line.encode(encoding, "replace").decode(encoding))


def _text(report: Report) -> Iterator[str]:
    marks, subject = _marks(), None
    for line in report.lines:
        if line.binding != subject:
            yield from ([""] if subject is not None else [])
            subject = line.binding
            yield click.style(plain(f"Binding {subject}") if subject else "Cluster", bold=True)
        yield from _line(line, marks)
    yield ""
    yield _summary(report)


def _marks() -> Mapping[State, str]:
    try:
        "".join(_MARKS.values()).encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return _ASCII
    return _MARKS


def _line(line: Line, marks: Mapping[State, str]) -> Iterator[str]:
    state = line.outcome.state
    mark = click.style(marks[state], fg=_COLOURS[state], bold=True)
    named = next((found for found in line.outcome.diagnoses if _is_told_below(found, line)), None)
    said = f"{named.code.code} {named.code.cause}" if named else plain(line.outcome.said)
    yield f"  {mark} {line.title:<20} {_wrapped(said, 25)}"
    for found in line.outcome.diagnoses:
        yield from _diagnosis(found)


def _is_told_below(found: Diagnosis, line: Line) -> bool:
    """Whether a diagnosis says all that the check has to say, so that its first line only needs the code."""
    return found.severity is not Severity.NOTICE or found.cause == line.outcome.said


def _diagnosis(found: Diagnosis) -> Iterator[str]:
    label = {Severity.NOTICE: "Note", Severity.WARNING: "Cause", Severity.ERROR: "Cause"}[found.severity]
    yield f"{_INDENT}{label}: {_wrapped(f'{plain(found.cause)} ({found.code.code})', len(_INDENT) + len(label) + 2)}"
    if found.fix:
        yield f"{_INDENT}Fix:  {_wrapped(plain(found.fix), len(_INDENT) + 6)}"
    if found.severity is not Severity.NOTICE:
        yield f"{_INDENT}See:  {found.code.page}"


def _wrapped(text: str, indent: int) -> str:
    """The text wrapped to the terminal, all lines but the first indented. Commands to paste, and output to a file, are not wrapped."""
    width = shutil.get_terminal_size().columns - indent
    if not sys.stdout.isatty() or "kubectl " in text or width < _NARROWEST:
        return text
    return f"\n{' ' * indent}".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def _summary(report: Report) -> str:
    counts = {severity: sum(found.severity is severity for found in report.diagnoses) for severity in Severity}
    unread = " Some checks could not look." if report.blind else ""
    if not counts[Severity.ERROR] and not counts[Severity.WARNING]:
        return f"Nothing wrong was found.{unread}"
    return f"{_count(counts[Severity.ERROR], 'error')}, {_count(counts[Severity.WARNING], 'warning')}.{unread}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _document(report: Report) -> dict[str, Any]:
    checks = [
        {
            "area": line.area,
            "check": line.title,
            "binding": plain(line.binding) or None,
            "state": line.outcome.state.value,
            "message": plain(line.outcome.said),
            "diagnoses": [_entry(found) for found in line.outcome.diagnoses],
        }
        for line in report.lines
    ]
    states = [check["state"] for check in checks]
    return {"states": {state.value: states.count(state.value) for state in State}, "checks": checks}


def _entry(found: Diagnosis) -> dict[str, str]:
    return {
        "code": found.code.code,
        "name": found.code.name,
        "severity": found.severity.value,
        "object": plain(found.subject),
        "cause": plain(found.cause),
        "fix": plain(found.fix),
        "page": found.code.page,
    }


def _table(way: Way) -> Iterator[str]:
    yield click.style(str(way) if way.route else f"{way} (no Ingress or HTTPRoute leads there)", bold=True)
    rows = [("TYPE", "PLUGIN", "LEVEL", "ON", "HIDES"), *(row for running in way.running for row in _rows(running))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _rows(running: Running) -> Iterator[tuple[str, ...]]:
    for seat in (*running.consumers, *([running.seat] if running.seat else [])):
        hidden = running.shadowed if seat is running.seat else ()
        yield plain(running.type), seat.plugin, seat.level.value, str(seat.on), ", ".join(map(str, hidden))


def _way(way: Way) -> dict[str, Any]:
    return {
        "route": str(way.route) if way.route else None,
        "service": str(way.service) if way.service else None,
        "plugins": [
            {
                "type": plain(running.type),
                "plugin": running.seat.plugin if running.seat else None,
                "level": running.seat.level.value if running.seat else None,
                "on": str(running.seat.on) if running.seat else None,
                "hides": [str(seat) for seat in running.shadowed],
                "consumers": [str(seat) for seat in running.consumers],
            }
            for running in way.running
        ],
    }
