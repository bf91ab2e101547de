"""Ends a command line by SIGTERM or at a closed output: everything it started is stopped first."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["run_to_the_end"]

_KILLED_BY: Final = 128
"""The exit code is this number plus the signal's number, as in a shell."""


def run_to_the_end(work: Callable[[], int]) -> int:
    """Do the work and return its exit code. SIGTERM raises SystemExit in it; a closed standard output ends it without a traceback."""
    signal.signal(signal.SIGTERM, _exit)
    try:
        code = work()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python reports at its end that it cannot flush
        return _KILLED_BY + signal.SIGPIPE
    return code


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_KILLED_BY + number)
