"""The conditions that must hold before a version is tagged, and when its tag is built."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from release.versions import CHANGELOG, dated, notes, stated, version_of

__all__ = ["problems"]

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?")


def problems(root: Path, tag: str | None = None) -> list[str]:
    """Why the checkout is not ready: to be tagged, or (with a `tag`) to be published under that tag."""
    version = version_of(root)
    return [*_disagreements(root, version), *_changelog(root, version), *_tree(root), *_tag(root, f"v{version}", tag)]


def _disagreements(root: Path, version: str) -> Iterator[str]:
    if not _VERSION.fullmatch(version):
        yield f"The version {version} is none of a release: 1.2.3, or 1.2.3-rc.1."
    yield from (f"{place} is {found}, not {version}." for place, found in stated(root).items() if found != version)


def _changelog(root: Path, version: str) -> Iterator[str]:
    if not dated(root).get(version):
        yield f"{CHANGELOG} has no heading `## [{version}] - YYYY-MM-DD`: rename `## [Unreleased]`, and start a new one above it."
    elif not notes(root, version):
        yield f"{CHANGELOG} says nothing about {version}."


def _tree(root: Path) -> Iterator[str]:
    if changed := _git(root, "status", "--porcelain"):
        yield f"The tree is not clean: commit or remove {', '.join(line[3:] for line in changed.splitlines())}."


def _tag(root: Path, expected: str, tag: str | None) -> Iterator[str]:
    """Without a tag, `expected` must be free; a given one must be the expected one."""
    if tag and tag != expected:
        yield f"The tag {tag} is not {expected}, the tag of this version."
    if not tag and _git(root, "tag", "--list", expected):
        yield f"The tag {expected} exists already: a published version is never changed, so raise it."


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.rstrip()  # noqa: S607
