"""The errors of devcluster. Each message names the component, the event and the file to read.

DevClusterError
├── BuildError           a component could not be built, or no Go toolchain was found
├── ComponentDiedError   a process of the cluster ended unexpectedly
└── ApiError             the API server refused a request
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ApiError", "BuildError", "ComponentDiedError", "DevClusterError", "log_tail"]

_TAIL_BYTES = 64_000


class DevClusterError(Exception):
    """Base of every error that devcluster raises deliberately; its message is written for the user."""


class BuildError(DevClusterError):
    """A component could not be built."""


class ComponentDiedError(DevClusterError):
    """A process of the cluster ended unexpectedly; `component` is its name, `log` its log file, `tail` the end of the log."""

    def __init__(self, component: str, code: int, log: Path) -> None:
        self.component = component
        self.log = log
        self.tail = log_tail(log)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        super().__init__(f"{component} {how}. The end of its log ({log}):\n{self.tail}")


class ApiError(DevClusterError):
    """The API server answered with an error; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def log_tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, indented, for an error message."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return "  (no log file)"
    kept = [line[:500] for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"  {line}" for line in kept) or "  (the log is empty)"
