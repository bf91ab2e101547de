"""Reads the hash-locked requirement files that `make lock` writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

__all__ = ["OPERATOR", "SINK", "Package", "read_lock"]

_ROOT: Final = Path(__file__).resolve().parent.parent
OPERATOR: Final = _ROOT / "requirements" / "runtime.txt"
SINK: Final = _ROOT / "sink" / "requirements.txt"

_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """One locked package; `hashes` are the SHA-256 of its files on all platforms."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read_lock(path: Path) -> tuple[Package, ...]:
    """The packages of a requirement file, in its order."""
    return tuple(map(_package, re.split(r"\n(?=\S)", path.read_text().strip())))


def _package(entry: str) -> Package:
    requirement = Requirement(entry.partition("\\")[0])
    return Package(requirement.name, str(requirement.specifier).removeprefix("=="), tuple(_HASH.findall(entry)))
