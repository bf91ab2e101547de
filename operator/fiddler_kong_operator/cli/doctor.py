"""`fiddler-kong doctor`: says what is wrong between a call and its trace, with a cause and a fix."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.doctor.diagnosis import Severity
from fiddler_kong_operator.doctor.gather import Looker
from fiddler_kong_operator.doctor.report import Report, examine
from fiddler_kong_operator.doctor.running import Way
from fiddler_kong_operator.doctor.ways import find_ways
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.settings import ProbeSettings

from .access import Access, access_options, with_client
from .doctor_files import examine_files
from .doctor_output import FORMATS, show_report, show_ways
from .options import probe_options, read_probe
from .telling import COULD_NOT_LOOK, refusal, tell, tell_bug
from .values import BINDING_NAME, Seconds

__all__ = ["doctor", "exit_code", "look_again"]

FOUND: Final = 1
_PAUSE: Final = 2.0
"""Seconds between two looks with --wait."""


@click.command()
@click.argument("binding", type=BINDING_NAME, required=False)
@access_options
@click.option("-o", "--output", type=click.Choice(["text", *FORMATS]), default="text", show_default=True, help="Format of the output.")
@click.option(
    "--failure-threshold",
    type=click.Choice(["warning", "error"]),
    default="error",
    show_default=True,
    help="Lowest severity for exit code 1.",
)
@click.option("--wait", is_flag=True, help="Look again until nothing reaches the threshold, or --timeout is over.")
@click.option("--timeout", type=Seconds(min=0), default=120.0, show_default=True, help="Seconds that --wait lasts at most.")
@click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    type=click.Path(exists=True, allow_dash=True),
    help="Check files (- for standard input); needs no cluster.",
)
@click.option("--route", metavar="NAMESPACE/NAME", help="Show which plugins run on an Ingress, HTTPRoute or Service.")
@click.option("--probe/--no-probe", "asks", default=True, show_default=True, help="Ask the trace endpoint from this machine too.")
@click.option("--from-gateway", is_flag=True, help="Run a command in a pod of the gateway that asks the trace endpoint from there.")
@probe_options("allow_http", "allowed_addresses", "ca_file")
def doctor(binding: str | None, files: tuple[str, ...], route: str | None, output: str, **options: Any) -> None:
    """Find what keeps traces from Fiddler, and how to fix it.

    It checks each step from the cluster to the spans in Fiddler, and tells each problem with its cause and a fix.

    Without BINDING, it looks at all bindings of the namespace. It writes nothing. With -f, it says what would be wrong if these files were
    applied. With --from-gateway, it needs the verbs get and create of pods/exec in the gateway's namespace.

    Exit codes: 0 nothing found; 1 something at or above the threshold; 2 could not look, or not at everything.
    """
    if options["from_gateway"] and (route or files):
        raise click.UsageError("--from-gateway needs the gateway's pods: leave out --route and --filename.")
    access = Access.of(options)
    probe = read_probe(options)
    if route:
        show_ways(with_client(access, _Route(*_named(route, access)).look), output)
        return
    if files:
        report = examine_files(files, access.namespace or "default", binding, EndpointPolicy.of(probe))
    else:
        prober = TraceProber(probe) if options["asks"] else None
        timeout = options["timeout"] if options["wait"] else 0.0
        visit = _Visit(access, binding, prober, probe, timeout, options["failure_threshold"], options["from_gateway"])
        report = with_client(access, visit.report)
    show_report(report, output)
    raise SystemExit(exit_code(report, Severity(options["failure_threshold"])))


async def look_again(look: Callable[[], Awaitable[Report]], threshold: Severity, timeout: float) -> Report:  # noqa: ASYNC109 - for several
    """Look until nothing is as bad as the threshold, or for `timeout` seconds; returns the last report."""
    until = asyncio.get_running_loop().time() + timeout
    while True:
        report = await look()
        if not report.reaches(threshold) or asyncio.get_running_loop().time() + _PAUSE > until:
            return report
        _progress("something is wrong; looking again")
        await asyncio.sleep(_PAUSE)


def exit_code(report: Report, threshold: Severity) -> int:
    """1 for something as bad as the threshold, 2 where a check could not look."""
    if report.reaches(threshold):
        return FOUND
    return COULD_NOT_LOOK if report.blind else 0


def _named(route: str, access: Access) -> tuple[str, str]:
    namespace, slash, name = route.rpartition("/")
    if not name or "/" in namespace:
        raise click.UsageError("--route must be NAMESPACE/NAME, or NAME.")
    return (namespace if slash else access.default_namespace), name


@dataclass(frozen=True, slots=True)
class _Route:
    """The plugins on one Ingress, HTTPRoute or Service."""

    namespace: str
    name: str

    async def look(self, client: Client) -> Sequence[Way]:
        """The ways through the object, and their plugins. Ends the command where there is no such object."""
        survey = await Survey.take(client, [self.namespace], on_bug=tell_bug)
        ways = find_ways(survey.cache, self.namespace, self.name)
        for sentence in survey.unread:
            tell(sentence)
        if not ways:
            where = f"{self.namespace}/{self.name}"
            raise refusal(f"there is no Ingress, HTTPRoute or Service {where} with plugins, or that leads to a Service.")
        return ways


@dataclass(frozen=True, slots=True)
class _Visit:
    """Looks at the bindings of a cluster, once or until nothing is found."""

    access: Access
    binding: str | None
    prober: TraceProber | None
    probe: ProbeSettings
    timeout: float
    threshold: str
    from_gateway: bool

    async def report(self, client: Client) -> Report:
        """The report of the last look."""
        try:
            return await look_again(lambda: self._look(client), Severity(self.threshold), self.timeout)
        finally:
            _progress("")
            if self.prober:
                self.prober.close()

    async def _look(self, client: Client) -> Report:
        _progress("listing the cluster's objects")
        scopes = self.access.scopes or [self.access.default_namespace]
        survey = await Survey.take(client, scopes, EndpointPolicy.of(self.probe), tell_bug)
        _progress("")
        evidence = await Looker(client, self.prober, _progress, self.from_gateway).gather(survey, self._wanted(survey))
        return examine(evidence)

    def _wanted(self, survey: Survey) -> list[ObjectKey]:
        found = sorted(key for key in survey.cache.keys(BINDING) if not self.access.scopes or key.namespace in self.access.scopes)
        chosen = [key for key in found if self.binding in (None, key.name)]
        where = f"in namespace {self.access.default_namespace}" if self.access.scopes else "in this cluster"
        if not chosen and survey.cache.installed(BINDING) and survey.cache.readable(BINDING, self.access.default_namespace):
            known = f" There are: {', '.join(key.name for key in found)}." if found else ""
            tell(f"There is no {names.KIND}{f' {self.binding}' if self.binding else ''} {where}.{known}")
            if self.binding:
                raise SystemExit(COULD_NOT_LOOK)
        return chosen


def _progress(text: str) -> None:
    """Show the current step on one line of a terminal; show nothing elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{f'... {text}' if text else ''}", err=True, nl=False)
