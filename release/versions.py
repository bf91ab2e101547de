"""Where the version of a release is written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["CHANGELOG", "dated", "notes", "stated", "version_of"]

CHANGELOG: Final = "CHANGELOG.md"
_SECTION: Final = re.compile(
    r"^## \[(?P<version>[^]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
_ASSIGNED: Final = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)

_SOURCE: Final = "operator/fiddler_kong_operator/__init__.py"


def _assigned(text: str) -> str:
    match = _ASSIGNED.search(text)
    return match[1] if match else "none"


def _extra(text: str) -> str:
    (requirement,) = tomllib.loads(text)["project"]["optional-dependencies"]["sink"]
    return str(requirement).partition("==")[2]


def _yaml(*path: str | int) -> Callable[[str], str]:
    def read(text: str) -> str:
        value: Any = yaml.safe_load(text)
        for step in path:
            value = value[step]
        return str(value)

    return read


_PLACES: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    (_SOURCE, "__version__", _assigned),
    ("sink/fiddler_kong_sink/__init__.py", "__version__", _assigned),
    ("pyproject.toml", "the extra `sink`", _extra),
    ("charts/fiddler-kong-operator/Chart.yaml", "version", _yaml("version")),
    ("charts/fiddler-kong-operator/Chart.yaml", "appVersion", _yaml("appVersion")),
    ("manifests/install/kustomization.yaml", "the image's tag", _yaml("images", 0, "newTag")),
)
"""File, name and reader of each place outside CHANGELOG.md."""


def stated(root: Path) -> Mapping[str, str]:
    """The version in each place of a checkout, by a name for that place."""
    return {f"{name} in {file}": read((root / file).read_text()) for file, name, read in _PLACES}


def version_of(root: Path) -> str:
    """The operator's version: the other places follow this one."""
    return _assigned((root / _SOURCE).read_text())


def dated(root: Path) -> Mapping[str, str | None]:
    """The versions of the changelog, each with its date."""
    return {match["version"]: match["date"] for match in _SECTION.finditer((root / CHANGELOG).read_text())}


def notes(root: Path, version: str) -> str:
    """The changelog's text about a version; empty where it has none."""
    return next((m["text"].strip() for m in _SECTION.finditer((root / CHANGELOG).read_text()) if m["version"] == version), "")
