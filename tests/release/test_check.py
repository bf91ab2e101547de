"""The problems that `make release-check` finds before a version is tagged."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from release.__main__ import main
from release.check import problems
from release.versions import notes

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = "charts/fiddler-kong-operator/Chart.yaml"
PLACES: Final = (
    "operator/fiddler_kong_operator/__init__.py",
    "sink/fiddler_kong_sink/__init__.py",
    "pyproject.toml",
    CHART,
    "manifests/install/kustomization.yaml",
)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["/usr/bin/env", "git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with this checkout's files, whose version is 1.2.3 and ready to be released."""
    for name in PLACES:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
        replace(target, r"\b0\.1\.0\b", "1.2.3")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-29\n\n- New.\n\n## [1.2.2] - 2026-11-01\n\n- Old.\n"
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Release")
    return tmp_path


def replace(file: Path, pattern: str, text: str) -> None:
    file.write_text(re.sub(pattern, text, file.read_text()))


def test_a_checkout_that_agrees_is_ready(checkout: Path) -> None:
    assert problems(checkout) == []


def test_its_tag_is_published(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.3")

    assert problems(checkout, "v1.2.3") == []


@pytest.mark.parametrize("place", PLACES[1:])
def test_a_place_with_another_version_is_named(checkout: Path, place: str) -> None:
    replace(checkout / place, r"1\.2\.3", "1.2.2")
    git(checkout, "commit", "--all", "--quiet", "--message", "Forget one")

    found = problems(checkout)

    assert found
    assert [line for line in found if not line.endswith(f" in {place} is 1.2.2, not 1.2.3.")] == []


def test_a_version_that_the_changelog_does_not_date_is_named(checkout: Path) -> None:
    replace(checkout / "CHANGELOG.md", r" - 2026-11-29", "")
    git(checkout, "commit", "--all", "--quiet", "--message", "Forget the date")

    (line,) = problems(checkout)

    assert line.startswith("CHANGELOG.md has no heading `## [1.2.3] - YYYY-MM-DD`")


def test_a_version_without_notes_is_named(checkout: Path) -> None:
    replace(checkout / "CHANGELOG.md", r"- New\.", "")
    git(checkout, "commit", "--all", "--quiet", "--message", "Forget the notes")

    assert problems(checkout) == ["CHANGELOG.md says nothing about 1.2.3."]


def test_a_version_that_no_release_has_is_named(checkout: Path) -> None:
    for place in (*PLACES, "CHANGELOG.md"):
        replace(checkout / place, r"1\.2\.3", "1.2.3.dev1")
    git(checkout, "commit", "--all", "--quiet", "--message", "Develop")

    assert problems(checkout) == ["The version 1.2.3.dev1 is none of a release: 1.2.3, or 1.2.3-rc.1."]


def test_files_that_are_not_committed_are_named(checkout: Path) -> None:
    (checkout / "new.txt").touch()
    replace(checkout / "CHANGELOG.md", "New", "Newer")

    assert problems(checkout) == ["The tree is not clean: commit or remove CHANGELOG.md, new.txt."]


def test_a_tag_that_exists_is_not_used_again(checkout: Path) -> None:
    git(checkout, "tag", "v1.2.3")

    assert problems(checkout) == ["The tag v1.2.3 exists already: a published version is never changed, so raise it."]


def test_a_tag_of_another_version_is_not_published(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--root", str(checkout), "--tag", "v1.2.4"]) == 1
    assert capsys.readouterr().out == "The tag v1.2.4 is not v1.2.3, the tag of this version.\n"


def test_the_notes_are_those_of_the_version_alone(checkout: Path) -> None:
    assert notes(checkout, "1.2.3") == "- New."
