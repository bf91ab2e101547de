"""`fiddler-kong check`: whether an installation works, with the rights of the operator's own account. `helm test` runs it."""

from __future__ import annotations

from typing import Any

import click

from fiddler_kong_operator.doctor.diagnosis import Severity
from fiddler_kong_operator.doctor.installation import AccountCheck

from .access import Access, with_client
from .doctor import exit_code, look_again
from .doctor_output import show_report
from .options import flat, setting_options
from .values import Seconds

__all__ = ["check"]


@click.command()
@setting_options("namespaces", "read_cluster_kinds", "lease_namespace", "access")
@click.option("--timeout", type=Seconds(min=0), default=60.0, show_default=True, help="Seconds to wait until nothing is wrong.")
def check(timeout: float, namespaces: tuple[Any, ...], **options: Any) -> None:
    """Say whether the operator has what it needs to work.

    It checks the resource definitions, the operator's permissions, and that a replica leads. Run it as the operator's service account, with
    the flags of run. It writes nothing. The chart's test runs it in a pod.

    Exit codes: 0 it can work; 1 something is missing; 2 could not look.
    """
    installation = AccountCheck(flat(namespaces), **options)
    report = with_client(Access(), lambda client: look_again(lambda: installation.report(client), Severity.ERROR, timeout))
    show_report(report, "text")
    raise SystemExit(exit_code(report, Severity.ERROR))
