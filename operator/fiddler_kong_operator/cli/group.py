"""The command group. A command's module is imported when the command is used, so that `--version` and completion stay quick."""

from __future__ import annotations

import importlib
import keyword
from typing import Any, Final, NoReturn

import click

from fiddler_kong_operator import __version__
from fiddler_kong_operator.errors import FiddlerKongError

from .telling import INTERRUPTED, refusal

__all__ = ["COMMANDS", "main"]

PACKAGE: Final = "fiddler_kong_operator.cli"
SINK: Final = "fiddler_kong_sink"
"""A distribution of its own, which the operator's image does not contain. Only this text names it, so that nothing imports it early."""

COMMANDS: Final = ("canary", "check", "completion", "doctor", "import", "plan", "render", "run", "sink", "support-bundle", "uninstall")
"""Every command. The sink's is in its own package. For any other, the module and the click command in it have its name in Python's form."""

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
        try:
            module = importlib.import_module(f"{SINK}.cli" if cmd_name == "sink" else f"{PACKAGE}.{_identifier(cmd_name)}")
        except ModuleNotFoundError as error:
            if error.name != SINK:
                raise
            return _not_installed()
        command = getattr(module, _identifier(cmd_name))
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An error of this project ends it with a sentence, Ctrl-C with the exit code that a shell uses."""
        try:
            return super().invoke(ctx)
        except FiddlerKongError as error:
            raise refusal(str(error)) from None
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            raise SystemExit(INTERRUPTED) from None

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        """The context, under the name the user typed: kubectl starts its plugin as `kubectl-fiddler_kong`."""
        name = "kubectl fiddler-kong" if info_name == KUBECTL_PLUGIN else info_name
        return super().make_context(name, args, parent, **extra)


def _identifier(command: str) -> str:
    name = command.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


class NotInstalled(click.ClickException):
    """The command needs a package that is missing: one sentence without the usage, which only the missing package knows."""

    exit_code = 2


def _not_installed() -> click.Command:
    """`sink` while its package is missing: with any arguments, even `--help`, it says what to install."""

    def refuse() -> NoReturn:
        raise NotInstalled("The sink is a package of its own; install it with: pip install 'fiddler-kong-operator[sink]'")

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        "sink", callback=refuse, help="A stand-in for Fiddler (not installed).", add_help_option=False, context_settings=anything
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Send traces of the LLM traffic through Kong AI Gateway to Fiddler.

    Exit codes: 0 success, 1 a check refused, 2 the command or its input was wrong.
    """
