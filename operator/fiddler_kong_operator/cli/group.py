"""The command group. A command's module is imported when the command is used, so that `--version` and completion stay quick."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from fiddler_kong_operator import __version__

__all__ = ["main"]

PACKAGE: Final = "fiddler_kong_operator.cli"
COMMANDS: Final = ("completion", "render", "run", "sink")
"""Each is a module of this package that holds a click command of the same name."""

KUBECTL_PLUGIN: Final = "kubectl-fiddler_kong"


class LazyGroup(click.Group):
    """A group of the commands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, sorted."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"{PACKAGE}.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        """The context, under the name the user typed: kubectl starts its plugin as `kubectl-fiddler_kong`."""
        name = "kubectl fiddler-kong" if info_name == KUBECTL_PLUGIN else info_name
        return super().make_context(name, args, parent, **extra)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Send traces of the LLM traffic through Kong AI Gateway to Fiddler.

    Exit codes: 0 all went well, 1 a check refused, 2 the command or its input was wrong.
    """
