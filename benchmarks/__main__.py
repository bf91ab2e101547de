"""Measure: `python -m benchmarks [--bindings 100,500] [--scenarios cold,rest] [--json FILE] [--write docs/benchmarks.md]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from devcluster.errors import DevClusterError

from .course import SCENARIOS, Course, Outcome
from .machine import Machine
from .report import markdown, plain, put_between_markers, to_json
from .stand import BenchmarkError
from .summary import summarize

__all__ = ["Options", "main"]


@dataclass(frozen=True, slots=True)
class Options:
    """Which scenarios to measure, and where to write the figures."""

    bindings: tuple[int, ...]
    scenarios: frozenset[str]
    pairs: int
    json: Path | None
    write: Path | None

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Read the command line; an error ends the process with a usage message."""
        parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the operator against a raw loop.")
        parser.add_argument("--bindings", type=_numbers, default=(100, 500), help="numbers of bindings, such as 100,500,1000,5000")
        parser.add_argument("--scenarios", type=_scenarios, default=frozenset(SCENARIOS), help=f"of {','.join(SCENARIOS)}; all by default")
        parser.add_argument("--pairs", type=_count, default=3, help="pairs of runs, operator and raw loop; the table shows medians")
        parser.add_argument("--json", type=Path, help="write all results to this file as JSON")
        parser.add_argument("--write", type=Path, help="put the table between the markers of this Markdown file")
        values = parser.parse_args(arguments)
        return cls(values.bindings, values.scenarios, values.pairs, values.json, values.write)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be positive")
    return number


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _scenarios(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen <= set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"must be of {', '.join(SCENARIOS)}")
    return chosen


async def _measure(options: Options, tell: Callable[[str], None]) -> list[Outcome]:
    return [await Course(number, options.pairs, options.scenarios, tell).run() for number in options.bindings]


def main(arguments: Sequence[str]) -> int:
    """Measure and report; returns 1 if a scenario failed. A missed goal is not a failure."""
    options, machine, started = Options.parse(arguments), Machine.here(), time.monotonic()
    print(machine.line, flush=True)
    try:
        outcomes = asyncio.run(_measure(options, lambda text: print(f"{time.monotonic() - started:6.0f} s  {text}", flush=True)))
    except (BenchmarkError, DevClusterError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    figures = [figure for outcome in outcomes for figure in summarize(outcome)]
    print(f"\n{plain(figures)}\n\n! misses its goal")
    if options.json:
        options.json.write_text(to_json(machine, figures, [asdict(outcome) for outcome in outcomes]))
    if options.write:
        table = markdown(machine, figures, options.pairs)
        options.write.write_text(put_between_markers(options.write.read_text(), table))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
