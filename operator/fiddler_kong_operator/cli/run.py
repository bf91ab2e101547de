"""`fiddler-kong run`: the operator itself."""

from __future__ import annotations

import importlib
from typing import Any

import click

from .options import read_settings, settings_options

__all__ = ["run"]


@click.command()
@settings_options
def run(**values: Any) -> None:
    """Run the operator until SIGTERM.

    Each flag can be given as an environment variable. Separate the values of a list by commas or spaces, or repeat the flag.
    """
    settings = read_settings(values)
    startup = importlib.import_module("fiddler_kong_operator.runtime.startup")
    raise SystemExit(startup.run(settings))
