"""Starts a program that dies with its parent: `python -I -S launch.py PARENT_PID PROGRAM [ARGUMENT ...]`.

The kernel sends SIGKILL to this process when its parent ends, however it ends (prctl(2), PR_SET_PDEATHSIG); the setting survives exec. This
is a separate program because Python code between fork and exec may hang in a parent with threads. It needs the standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to `parent` and become `command`; ends at once if the parent has ended already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
