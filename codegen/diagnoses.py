"""Generates docs/reference/diagnoses.md from the registry of codes."""

from __future__ import annotations

from typing import Final

from codegen.text import table
from fiddler_kong_operator.doctor.codes import AREAS, CODES, PAGE_ROWS
from fiddler_kong_operator.doctor.diagnosis import Code

__all__ = ["build_diagnoses"]


_INTRODUCTION: Final = """# Diagnoses

This page has every code that [`fiddler-kong doctor`](../doctor.md) may show. A code never changes its meaning. A code with the name of a
reason says that the binding has this reason: [conditions.md](conditions.md).

An *error* keeps traces from Fiddler, a *warning* may keep them from Fiddler, and a *notice* is only information.

"""


def build_diagnoses() -> str:
    """The page: a section for each code that asks for something."""
    rows = ((title, ", ".join(_link(CODES[name]) for name in names)) for title, names in PAGE_ROWS.items())
    areas = "".join(_area(digits, title) for digits, title in AREAS.items())
    text = f"{_INTRODUCTION}## From the integration page\n\n{table(('Symptom', 'Codes'), rows)}\n{areas}"
    return f"{text.rstrip()}\n"


def _area(digits: str, title: str) -> str:
    codes = [code for code in CODES.values() if code.code[3:5] == digits and code.severity]
    return f"## {title}\n\n{''.join(map(_section, codes))}" if codes else ""


def _section(code: Code) -> str:
    fix = f"Fix: {code.fix}\n\n" if code.fix else ""
    return f"### {code.code}\n\n`{code.name}`, {code.severity}. {code.cause}\n\n{fix}"


def _link(code: Code) -> str:
    return f"[{code.code}](#{code.code.lower()}) `{code.name}`"
