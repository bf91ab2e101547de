"""`fiddler-kong completion`: the shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .group import main

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  source <(fiddler-kong completion bash)
    zsh:   source <(fiddler-kong completion zsh)
    fish:  fiddler-kong completion fish | source
    """  # noqa: D301 - click wants the backspace character itself, as the mark of lines not to be wrapped
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(found(main, {}, "fiddler-kong", "_FIDDLER_KONG_COMPLETE").source().strip("\n"))
