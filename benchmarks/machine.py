"""The machine and the versions that were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

from devcluster.pins import GoModule

__all__ = ["Machine"]

_PACKAGES: Final = ("fiddler-kong-operator", "kopf", "kubernetes", "aiohttp", "pydantic")
_GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware, versions, and the load of the machine before the measurement."""

    date: str
    cores: int
    processor: str
    memory_gib: int
    load: float
    versions: tuple[tuple[str, str], ...]

    @classmethod
    def here(cls) -> Self:
        """This machine, now."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        kubernetes = GoModule.named("kubernetes").version("k8s.io/kubernetes").removeprefix("v")
        versions = (("Python", platform.python_version()), ("kube-apiserver", kubernetes), *((name, version(name)) for name in _PACKAGES))
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        return cls(date, len(os.sched_getaffinity(0)), _processor(), round(memory / _GIB), os.getloadavg()[0], versions)

    @property
    def line(self) -> str:
        """`2026-01-31, 2 cores of Some CPU, 8 GiB, load 0.10 before the start; Python 3.11.7, ...`."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions)
        hardware = f"{self.cores} cores of {self.processor}, {self.memory_gib} GiB"
        return f"{self.date}, {hardware}, load {self.load:.2f} before the start; {versions}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
