"""Runs the operator in forked processes: importing its modules would take most of the time of hundreds of starts.

The fork server has only imported the operator; a child runs `fiddler-kong run` with the given arguments.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Final

__all__ = ["fork_operator"]

_PR_SET_PDEATHSIG: Final = 1


def fork_operator(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Start `fiddler-kong run` with its output appended to `log`. It ends with the fork server, which ends with this process."""
    process = _context().Process(target=_run, args=(tuple(arguments), dict(environment), str(log)), daemon=True)
    process.start()
    return process


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fiddler_kong_operator.cli", "fiddler_kong_operator.runtime.startup"])
    return context


def _run(arguments: tuple[str, ...], environment: dict[str, str], log: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    os.environ.update(environment)
    from fiddler_kong_operator.cli import main  # noqa: PLC0415 - the tests' own process has no need of it

    sys.argv = ["fiddler-kong", "run", *arguments]
    main()
