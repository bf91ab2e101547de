"""Prints the demo: headings, commands with their output, and ticks; colours only on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

__all__ = ["Narrator"]

_BOLD: Final = "1"
_DIM: Final = "2"
_GREEN: Final = "32"
_CYAN: Final = "36"


class Narrator:
    """Writes to one stream."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._colour = stream.isatty()
        self._started = time.monotonic()
        self._scene = 0

    def scene(self, title: str) -> None:
        """Begin a scene."""
        self._scene += 1
        elapsed = self._paint(_DIM, f"  ({time.monotonic() - self._started:.0f} s)")
        self._print(f"\n{self._paint(_BOLD, f'{self._scene}. {title}')}{elapsed}")

    def say(self, text: str) -> None:
        """Say a sentence."""
        self._print(f"   {text}")

    def done(self, text: str) -> None:
        """Say an outcome that was seen."""
        self._print(f"   {self._paint(_GREEN, '✓')} {text}")

    def command(self, line: str, output: str) -> None:
        """Show a command and its output."""
        self._print(f"   {self._paint(_CYAN, f'$ {line}')}")
        for row in output.rstrip().splitlines():
            self._print(f"   {row}")

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _print(self, text: str) -> None:
        print(text.rstrip(), file=self._stream, flush=True)
