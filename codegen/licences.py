"""Generates docs/reference/licences.md: the licence of every package that is installed with the operator or the sink."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import metadata
from typing import Final

from codegen.lock import OPERATOR, SINK, read_lock
from codegen.text import table

__all__ = ["build_licences", "licence_of"]

_SPDX: Final = {"3-Clause BSD License": "BSD-3-Clause", "Apache 2.0": "Apache-2.0", "MIT License": "MIT"}
"""SPDX expressions for the licences that packages name in words."""


def licence_of(name: str) -> str:
    """The licence of an installed package, as an SPDX expression."""
    stated = metadata(name).json
    licence = str(stated.get("license_expression") or stated["license"])
    return _SPDX.get(licence, licence)


def build_licences() -> str:
    """The page without its header."""
    return (
        "# Licences\n\n"
        "These packages are installed with the operator or the sink, with the licences that they state. The operator and the sink "
        "themselves are Apache-2.0. An image also contains the packages of its base.\n\n"
        f"{table(('Package', 'Version', 'Licence', 'In'), _rows())}"
    )


def _rows() -> Iterator[tuple[str, ...]]:
    places = {"operator": read_lock(OPERATOR), "sink": read_lock(SINK)}
    versions = {package.name: package.version for packages in places.values() for package in packages}
    for name, version in sorted(versions.items()):
        parts = [place for place, packages in places.items() if name in {package.name for package in packages}]
        yield name, version, licence_of(name), ", ".join(parts)
