"""The bill of materials and the list of licences say what the lock files install."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cyclonedx.model.bom import Bom
from license_expression import get_spdx_licensing  # type: ignore[import-untyped] # the package has no types

from codegen.licences import licence_of
from fiddler_kong_operator import __version__
from release.bom import build_bom

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKS: Final = ("requirements/runtime.txt", "sink/requirements.txt")
MADE: Final = datetime(2026, 11, 29, tzinfo=UTC)


def locked(file: str) -> dict[str, str]:
    """Version by name, read without the project's own reader."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / file).read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def bom() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(build_bom(MADE))
    return document


def test_it_lists_the_packages_of_the_lock_and_no_other(bom: dict[str, Any]) -> None:
    assert {entry["name"]: entry["version"] for entry in bom["components"]} == locked("requirements/runtime.txt")


def test_it_accepts_the_files_that_the_lock_accepts(bom: dict[str, Any]) -> None:
    digests = [item["content"] for entry in bom["components"] for item in entry["externalReferences"][0]["hashes"]]

    assert sorted(digests) == sorted(re.findall(r"--hash=sha256:(\S+)", (ROOT / "requirements/runtime.txt").read_text()))


def test_every_package_is_needed_by_another_or_by_the_operator(bom: dict[str, Any]) -> None:
    needed = {name for entry in bom["dependencies"] for name in entry.get("dependsOn", ())}

    # Their parents need them on other platforms or versions of Python only.
    assert {entry["name"] for entry in bom["components"]} - needed <= {"tzdata", "typing-extensions"}


def test_it_describes_the_operator_of_this_version(bom: dict[str, Any]) -> None:
    described = bom["metadata"]["component"]
    assert (described["name"], described["version"]) == ("fiddler-kong-operator", __version__)


def test_the_same_lock_makes_the_same_text() -> None:
    assert build_bom(MADE) == build_bom(MADE)


def test_cyclonedx_own_library_reads_it(bom: dict[str, Any]) -> None:
    read = Bom.from_json(bom)  # type: ignore[attr-defined] # added by the library's serializer

    assert read.validate()
    assert len(read.components) == len(bom["components"])


@pytest.mark.parametrize("name", sorted({name for file in LOCKS for name in locked(file)}))
def test_every_licence_is_an_spdx_expression_and_on_the_page(name: str) -> None:
    licence = licence_of(name)
    page = (ROOT / "docs/reference/licences.md").read_text()

    assert get_spdx_licensing().validate(licence).errors == []
    assert re.search(rf"^\| {re.escape(name)} \| \S+ \| {re.escape(licence)} \|", page, re.MULTILINE)
