"""Processes of a cluster: each in its own process group, with its output in a log file, ended by its process id and never by name.

A process is identified by id *and* start time, so that a reused id is never signalled.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from .errors import ComponentDiedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Process", "ProcessRecord", "ProcessSet", "stop_recorded"]

_LAUNCHER: Final = Path(__file__).resolve().parent / "launch.py"
_STARTED_FIELD: Final = 19
"""Position of `starttime` after the closing parenthesis of /proc/PID/stat (proc(5), field 22)."""

_GRACE_SECONDS: Final = 3.0

_ENVIRONMENT: Final = {"GOGC": "400"}
"""For the Go programs, whose heaps are small: fewer collections save a quarter of the API server's CPU time, for 300 MB of memory."""


@dataclass(frozen=True)
class ProcessRecord:
    """Identifies a process for the state file, even after its parent has ended."""

    name: str
    pid: int
    started: str

    @classmethod
    def of(cls, name: str, pid: int) -> Self:
        """Record a running process."""
        return cls(name, pid, _start_time(pid) or "")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the output of `to_json`."""
        return cls(str(data["name"]), int(data["pid"]), str(data["started"]))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return bool(self.started) and _start_time(self.pid) == self.started


def _start_time(pid: int) -> str | None:
    """Return boot id and start time of a running process; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}/{fields[_STARTED_FIELD]}"


@dataclass(frozen=True)
class Process:
    """One running program: its name, handle and log."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    record: ProcessRecord

    def check(self) -> None:
        """Raise ComponentDiedError when it has ended."""
        code = self.popen.poll()
        if code is not None:
            raise ComponentDiedError(self.name, code, self.log)

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def stop(self, grace: float = _GRACE_SECONDS) -> None:
        """End it: SIGTERM, then SIGKILL after `grace` seconds. Does nothing if it has ended."""
        self.popen.terminate()
        self._reap(time.monotonic() + grace)

    def _reap(self, deadline: float) -> None:
        try:
            self.popen.wait(timeout=max(0.01, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class ProcessSet:
    """The processes of one cluster, in the order of their start. `on_change` is called after each change of the set.

    Unless `persistent`, the kernel ends each of them when the thread that started it ends: start them from the main thread.
    """

    def __init__(self, logs: Path, on_change: Callable[[], None], *, persistent: bool = False) -> None:
        self._logs = logs
        self._on_change = on_change
        self._persistent = persistent
        self._running: list[Process] = []

    @property
    def records(self) -> tuple[ProcessRecord, ...]:
        """The records for the state file."""
        return tuple(process.record for process in self._running)

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Process:
        """Start `command` with its output appended to `<logs>/<name>.log`; `environment` is added to the caller's."""
        log = self._logs / f"{name}.log"
        launcher: list[str | Path] = [] if self._persistent else [sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid())]
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [*launcher, *command],
                env={**_ENVIRONMENT, **os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, popen, log, ProcessRecord.of(name, popen.pid))
        self._running.append(process)
        self._on_change()
        return process

    def named(self, name: str) -> Process:
        """The process of that name; KeyError unless exactly one was started and not stopped."""
        found = [process for process in self._running if process.name == name]
        if len(found) != 1:
            raise KeyError(name)
        return found[0]

    def check(self) -> None:
        """Raise ComponentDiedError for the first process that has ended."""
        for process in self._running:
            process.check()

    def stop(self, process: Process, grace: float = _GRACE_SECONDS) -> None:
        """End one of them and remove it from the set."""
        process.stop(grace)
        if process in self._running:
            self._running.remove(process)
            self._on_change()

    def stop_all(self, grace: float = _GRACE_SECONDS) -> None:
        """End all, the last started first, within about `grace` seconds in total."""
        for process in reversed(self._running):
            process.popen.terminate()
        deadline = time.monotonic() + grace
        while self._running:
            self._running[-1]._reap(deadline)  # noqa: SLF001 - the set shares one deadline among its processes
            self._running.pop()
        self._on_change()


def stop_recorded(records: Iterable[ProcessRecord], grace: float = _GRACE_SECONDS) -> None:
    """End processes that another process started: SIGTERM, then SIGKILL after `grace` seconds. Ignores those that have ended."""
    handles = [handle for record in reversed(tuple(records)) if (handle := _open(record)) is not None]
    try:
        for handle in handles:
            _signal(handle, signal.SIGTERM)
        deadline = time.monotonic() + grace
        for handle in handles:
            if not _ended(handle, deadline - time.monotonic()):
                _signal(handle, signal.SIGKILL)
                _ended(handle, grace)
    finally:
        for handle in handles:
            os.close(handle)


def _open(record: ProcessRecord) -> int | None:
    """Open a pidfd of the recorded process; the start time is compared afterwards, so the handle cannot belong to another process."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return None
    if record.alive:
        return handle
    os.close(handle)
    return None


def _signal(handle: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


def _ended(handle: int, timeout: float) -> bool:
    return bool(select.select([handle], [], [], max(0.0, timeout))[0])
