"""Sentences of a command, and the exit codes it ends with.

Parts of a sentence come from others: names in a file, words of a server, what a tenant wrote into an object.
"""

from __future__ import annotations

from typing import Final

import click

__all__ = ["COULD_NOT_LOOK", "INTERRUPTED", "plain", "refusal", "tell", "tell_bug"]

COULD_NOT_LOOK: Final = 2
"""Exit code of a command that could not reach the cluster, or may not read what it is about."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as a shell has it."""


def plain(text: str) -> str:
    """The text on one line, with printable characters only: others could move the cursor, or colour or hide the text around them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def tell(text: str, about: object = "", reason: str = "") -> None:
    """Print a sentence, in plain characters, to standard error, after its subject and a reason in red."""
    parts = (plain(str(about)), click.style(reason, fg="red", bold=True) if reason else "", plain(text))
    click.echo(": ".join(filter(None, parts)), err=True)


def tell_bug(kind: str) -> None:
    """Tell that an object of this kind could not be read."""
    tell(f"A {kind} of the cluster has an unexpected form and is left out: please report it.")


def refusal(sentence: str) -> SystemExit:
    """Tell why the command ends with `COULD_NOT_LOOK`; the caller raises it."""
    tell(f"Error: {sentence}")
    return SystemExit(COULD_NOT_LOOK)
