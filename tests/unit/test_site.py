"""The documentation site: it builds without a warning, loads nothing from elsewhere, and leads to every page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
LOADED: Final = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\bsrc=["']?([^"' >]+)"""
    r"""|<link\b[^>]*?\bhref=["']?([^"' >]+)"""
    r"""|url\(([^)]+)\)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as by `make site`."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return target


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    texts = (page.read_text() for suffix in ("html", "css") for page in site.rglob(f"*.{suffix}"))

    loaded = {next(filter(None, match)).strip("\"'") for text in texts for match in LOADED.findall(text)}

    assert [address for address in sorted(loaded) if re.match(r"(https?:)?//", address)] == []
    assert "pictures/data-path.svg" in loaded


def test_its_home_page_leads_to_every_page_and_a_sample_has_one(site: Path) -> None:
    home = (site / "index.html").read_text()
    written = {page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for page in (ROOT / "docs").rglob("*.md")} - {"README.html"}

    assert sorted(page for page in written if f'"{page}"' not in home) == []
    assert "kind: FiddlerKongBinding" in re.sub(r"<[^>]+>", "", (site / "repository/manifests/samples/quickstart.yaml.html").read_text())


def test_lists_and_their_blocks_are_read_as_in_the_repository(site: Path) -> None:
    steps = (site / "kong-helm-charts.html").read_text()

    ordered = re.search(r"<ol>(.*?)</ol>", steps, re.DOTALL)

    assert ordered is not None
    assert (ordered[1].count("<li>"), ordered[1].count("<pre")) == (3, 3)
