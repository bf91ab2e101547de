"""Reports the progress of long tasks: a live line on a terminal, plain lines with a heartbeat in a pipe."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Reporter", "Task", "elapsed_text"]

_HEARTBEAT_SECONDS = 60.0


def elapsed_text(seconds: float) -> str:
    """Return `4.2 s` below a minute, else `8:40`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes else f"{seconds:.1f} s"


@dataclass(frozen=True)
class Reporter:
    """Writes progress to a stream (standard error by default); `live` redraws one line instead of adding lines."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    live: bool = field(default_factory=sys.stderr.isatty)
    clock: Callable[[], float] = time.monotonic
    quiet: bool = False

    def line(self, text: str) -> None:
        """Write one line that stays."""
        if not self.quiet:
            print(f"\r\x1b[2K{text}" if self.live else text, file=self.stream, flush=True)

    def draw(self, text: str) -> None:
        """Redraw the live line; nothing in a pipe."""
        if self.live and not self.quiet:
            print(f"\r\x1b[2K{text}", end="", file=self.stream, flush=True)

    @contextmanager
    def task(self, title: str) -> Iterator[Task]:
        """Show `title` until the block ends, then how long it took."""
        task = Task(self, title)
        if not self.live:
            self.line(f"  {title} ...")
        task.tick()
        try:
            yield task
        except BaseException:
            self.line(f"  ✗ {title}  failed after {elapsed_text(task.elapsed)}")
            raise
        self.line(f"  ✓ {title}  {elapsed_text(task.elapsed)}")


class Task:
    """A running task. Call `tick` often; it decides when to show something."""

    def __init__(self, reporter: Reporter, title: str) -> None:
        self._reporter = reporter
        self._title = title
        self._started = reporter.clock()
        self._last_beat = self._started

    @property
    def elapsed(self) -> float:
        """Seconds since the task began."""
        return self._reporter.clock() - self._started

    def tick(self, detail: str = "") -> None:
        """Redraw the live line, or write a heartbeat line after each minute in a pipe."""
        suffix = f"  {detail}" if detail else ""
        self._reporter.draw(f"  · {self._title}  {elapsed_text(self.elapsed)}{suffix}")
        now = self._reporter.clock()
        if not self._reporter.live and now - self._last_beat >= _HEARTBEAT_SECONDS:
            self._last_beat = now
            self._reporter.line(f"  {self._title}: still running after {elapsed_text(self.elapsed)}{suffix}")
