"""The pages written by hand: their links lead somewhere, their bindings are accepted, and no reason is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from fiddler_kong_operator.api.conditions import REASONS
from fiddler_kong_operator.cli import main

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("charts/*/*.md")))
CODE: Final = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
BINDING: Final = re.compile(r"^```yaml\n((?:# [^\n]*\n)?apiVersion: integrations\.fiddler\.ai.*?)^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", page.read_text())):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not link.startswith("https://") and (not target.exists() or (anchor and anchor not in anchors(target))):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    assert [*dead_links(page)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if BINDING.search(page.read_text())], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_bindings_in_the_pages_are_accepted(page: Path) -> None:
    bindings = BINDING.findall(page.read_text())

    results = [CliRunner().invoke(main, ["render", "--namespace", "ai", "-"], input=binding) for binding in bindings]

    assert [result.output for result in results if result.exit_code] == []


def test_every_reason_that_is_not_true_leads_to_a_remedy() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()

    assert [entry.name for entry in REASONS.values() if entry.status != "True" and f"`{entry.name}`" not in page] == []
