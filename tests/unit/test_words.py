"""The sentences of docstrings and pages begin as CONTRIBUTING.md demands."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDERS: Final[list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
PAGES: Final = (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("charts/*/*.md"))
CODE: Final = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
SENTENCE: Final = re.compile(r"(?:^|[.!?:|] )[-*\s]*((?:What|Whom|Whose) [^\n]*)", re.MULTILINE)


def docstrings(source: str) -> Iterator[str]:
    """Every string that stands alone: of modules, classes, functions and fields."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_sentence_of_a_docstring_begins_with_what_whom_or_whose(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))

    texts = [(module.relative_to(ROOT), text) for module in modules for text in docstrings(module.read_text())]

    assert texts != []
    assert [f"{module}: {sentence}" for module, text in texts for sentence in SENTENCE.findall(text)] == []


def test_no_sentence_of_a_page_begins_with_what_whom_or_whose() -> None:
    texts = [(page.relative_to(ROOT), CODE.sub("", page.read_text())) for page in sorted(PAGES)]

    assert [f"{page}: {sentence}" for page, text in texts for sentence in SENTENCE.findall(text)] == []
