"""Writes the file with the keys: readable for its owner only. It overwrites an existing file only on request."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["write_keys"]


def write_keys(path: Path, text: str, *, replace: bool) -> None:
    """Create the file with mode 0600. FileExistsError where it exists and is not to be replaced, or is no ordinary file; OSError."""
    if replace and path.is_file() and not path.is_symlink():
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
