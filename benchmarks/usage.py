"""CPU time and memory of a process, from /proc (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

__all__ = ["Usage"]

_KIB: Final = 1024
_USER_TIME: Final = 11
"""Position of `utime` after the closing parenthesis of /proc/PID/stat; `stime` follows."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the start of the process; memory now and at its peak in MiB."""

    cpu_seconds: float
    resident_mib: float
    peak_mib: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read the present usage; FileNotFoundError if the process does not exist."""
        return cls.parse(Path(f"/proc/{pid}/stat").read_text(), Path(f"/proc/{pid}/status").read_text(), os.sysconf("SC_CLK_TCK"))

    @classmethod
    def parse(cls, stat: str, status: str, ticks: int) -> Self:
        """Parse the texts of the two files; `ticks` of CPU time make a second."""
        times = stat.rpartition(")")[2].split()[_USER_TIME : _USER_TIME + 2]
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        resident, peak = (int(fields[name].split()[0]) / _KIB for name in ("VmRSS", "VmHWM"))
        return cls(sum(map(int, times)) / ticks, resident, peak)
