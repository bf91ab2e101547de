"""`fiddler-kong uninstall`: deletes bindings and cleans up after them."""

from __future__ import annotations

from typing import Any, Final

import click

from .access import Access, scope_options, with_client
from .doctor_output import FORMATS
from .removal import Scope
from .telling import COULD_NOT_LOOK, INTERRUPTED, tell
from .uninstall_output import Outcome, show
from .uninstallation import Uninstallation
from .values import NAMESPACE, Seconds

__all__ = ["uninstall"]

LEFT: Final = 1


@click.command()
@scope_options
@click.option(
    "--operator-namespace", type=NAMESPACE, metavar="NAME", help="The installation, where there are several: the namespace of its Lease."
)
@click.option("--yes", is_flag=True, help="Do it. Without this, the command only shows what it would do.")
@click.option("--timeout", type=Seconds(1), default=120.0, show_default=True, help="Seconds to wait for the work to be done.")
@click.option("-o", "--output", type=click.Choice(["text", *FORMATS]), default="text", show_default=True, help="Format of the output.")
def uninstall(*, everywhere: bool, operator_namespace: str | None, yes: bool, timeout: float, output: str, **options: Any) -> None:
    """Delete bindings and clean up after them.

    It deletes routes, plugins and Secrets, removes the plugins from the lists of your objects, and restores the settings of gateways.
    Without --yes, it shows what would be done and writes nothing. Where the operator runs, it does the work; where none does, this command
    takes its Lease and does the work with your rights. The definition, the operator and its roles stay: the commands that remove them are
    printed. It can be interrupted and run again.

    Exit codes: 0 nothing is left, or all was shown; 1 something is left; 2 the cluster could not be read, or you lack a right.
    """
    access = Access(options["kubeconfig"], options["context"], None, everywhere)
    if everywhere and options["namespace"]:
        raise click.UsageError("Give either -n or -A.")
    namespaces = () if everywhere else tuple(dict.fromkeys(options["namespace"])) or (access.default_namespace,)
    task = Uninstallation(Scope(namespaces), operator_namespace, timeout, yes, tell)
    try:
        outcome = with_client(access, task.run, task.fence)
    except KeyboardInterrupt:
        tell("Interrupted. Run the command again to go on.")
        raise SystemExit(INTERRUPTED) from None
    show(outcome, output)
    raise SystemExit(_exit_code(outcome))


def _exit_code(outcome: Outcome) -> int:
    if outcome.missing or (outcome.problems and not outcome.applied):
        return COULD_NOT_LOOK
    return LEFT if outcome.applied and (outcome.left or outcome.problems) else 0
