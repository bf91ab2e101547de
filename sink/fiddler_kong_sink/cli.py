"""`fiddler-kong-sink`: run the stand-in for Fiddler until Ctrl-C.

protobuf and aiohttp are loaded only when the command runs, so that `--help` and completion stay quick.
"""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from pydantic import SecretStr, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fiddler_kong_sink.journal import Delivery
    from fiddler_kong_sink.server import Sink
    from fiddler_kong_sink.settings import SinkSettings

__all__ = ["sink"]

_SAMPLE_APPLICATION: Final = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
"""Shown in the start message where every application id is accepted; the same as in the samples."""

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_HEADERS: Final = frozenset({"application_header", "content_type", "content_encoding", "user_agent"})
"""Fields of a delivery that hold a header's value as it came. It may be a key that was put into the wrong header, so it is not printed."""


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on. The page shows prompts to everyone who can open it."
)
@click.option("--port", default=4318, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--api-key", envvar="FIDDLER_API_KEY", help="The only key to accept (env FIDDLER_API_KEY). Without it every key is accepted.")
@click.option("--api-key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read the key from a file.")
@click.option("--forbidden-api-key", envvar="FIDDLER_FORBIDDEN_API_KEY", help="A known key without permission: it gets the answer 403.")
@click.option("--ingest-only", is_flag=True, help="The key may only send traces: the REST calls answer 403.")
@click.option("--application-id", "ids", multiple=True, metavar="UUID", help="An application to accept; repeatable. Default: every UUID.")
@click.option("--application-name", "names", multiple=True, metavar="NAME", help="Its name; give one for each --application-id.")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="Its project; give one for each --application-id.")
@click.option("--fail", metavar="MODE", help="Fail from the start: an HTTP status, or slow, hang, cut, close, redirect, html.")
@click.option("--retry-after", type=click.IntRange(0, 86_400), help="Seconds in Retry-After; with --fail 429 or 503.")
@click.option("--delay", type=click.FloatRange(0, 600), help="Seconds that --fail slow waits.  [default: 10]")
@click.option("--report-drops", is_flag=True, help="Tell senders about dropped spans (OTLP partial success). Fiddler does not.")
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM certificate: speak https.")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM private key of --tls-cert.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output; json: one object per line.",
)
def sink(output: str, **options: Any) -> None:
    """Receive Kong's traces, and show them as Fiddler would.

    A stand-in for Fiddler on this machine: an OTLP receiver with Fiddler's mapping for Kong, and a web page with the sessions. It needs no
    Fiddler account, keeps everything in memory and sends nothing anywhere. Change its faults while it runs with PUT /api/faults.
    """
    settings = _settings(**options)
    try:
        asyncio.run(_serve(settings, _JsonReport() if output == "json" else _TextReport()))
    except BrokenPipeError:
        raise  # the reader of the output is gone: click ends quietly
    except OSError as error:
        raise click.ClickException(f"The sink cannot listen on {settings.host} port {settings.port}: {error.strerror or error}") from None


def _settings(**options: Any) -> SinkSettings:
    from fiddler_kong_sink.settings import SinkSettings  # noqa: PLC0415 - loaded only when the command runs
    from fiddler_kong_sink.validation import describe  # noqa: PLC0415

    try:
        return SinkSettings(
            api_key=_secret(_key(options["api_key"], options["api_key_file"])),
            forbidden_api_key=_secret(options["forbidden_api_key"]),
            applications=_applications(options["ids"], options["names"], options["projects"]),
            fault=_fault(options["fail"], options["retry_after"], options["delay"]),
            **{name: options[name] for name in ("host", "port", "ingest_only", "report_drops", "tls_cert", "tls_key")},
        )
    except ValidationError as error:
        raise click.UsageError(describe(error)) from None


def _key(given: str | None, file: Path | None) -> str | None:
    if file is None:
        return given
    if given is not None:
        raise click.UsageError("Give the key once: with --api-key (or FIDDLER_API_KEY), or with --api-key-file.")
    return file.read_text(encoding="utf-8")


def _secret(key: str | None) -> SecretStr | None:
    """The key without the spaces and line ends around it, which files often have."""
    if key is None:
        return None
    if not key.strip():
        raise click.UsageError("The key is empty.")
    return SecretStr(key.strip())


def _applications(ids: tuple[str, ...], names: tuple[str, ...], projects: tuple[str, ...]) -> tuple[dict[str, str], ...]:
    for option, values in (("--application-name", names), ("--project", projects)):
        if len(values) not in (0, len(ids)):
            raise click.UsageError(f"{option} must be given once for each --application-id, or not at all.")
    columns = {"id": ids, "name": names, "project": projects}
    return tuple({field: values[i] for field, values in columns.items() if values} for i in range(len(ids)))


def _fault(mode: str | None, retry_after: int | None, delay: float | None) -> dict[str, Any] | None:
    if mode is None:
        return None
    return {"mode": mode, "retry_after": retry_after} | ({} if delay is None else {"delay": delay})


async def _serve(settings: SinkSettings, report: _TextReport | _JsonReport) -> None:
    from fiddler_kong_sink.server import Sink  # noqa: PLC0415 - loaded only when the command runs

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def deliver(delivery: Delivery) -> None:
        try:
            report.delivery(delivery)
        except BrokenPipeError:  # the reader of the output is gone
            stop.set()

    async with Sink(settings) as running:
        running.listen(deliver)
        report.started(running)
        await stop.wait()
    report.stopped(running)


class _JsonReport:
    """One JSON object per line: `started`, then each `delivery`, then `stopped`."""

    def started(self, running: Sink) -> None:
        """Report the address of the sink."""
        ids = [str(application.id) for application in running.settings.applications]
        self._line("started", url=running.url, traces=f"{running.url}/v1/traces", applications=ids)

    def delivery(self, delivery: Delivery) -> None:
        """Report one request."""
        fields = {name: value for name, value in asdict(delivery).items() if name not in _HEADERS}
        self._line("delivery", **{**fields, "at": delivery.at.isoformat()})

    def stopped(self, running: Sink) -> None:
        """Report the totals."""
        self._line("stopped", sessions=len(running.sessions()), spans=len(running.spans()), dropped=len(running.dropped))

    def _line(self, event: str, **fields: Any) -> None:
        click.echo(json.dumps({"event": event, **fields}))


class _TextReport:
    """A start message, then one short line for each delivery."""

    def started(self, running: Sink) -> None:
        """Print the address of the sink and the fields of a binding that sends to it."""
        for line in _start_message(running, lambda text: click.style(text, bold=True)):
            click.echo(line)

    def delivery(self, delivery: Delivery) -> None:
        """Report one request."""
        dropped = ", ".join(f"{count} {reason}" for reason, count in delivery.dropped.items())
        result = delivery.error or f"{delivery.kept} of {delivery.spans} spans kept{f' (dropped: {dropped})' if dropped else ''}"
        colour = "green" if delivery.status == 200 and not delivery.error else "red"  # noqa: PLR2004 - HTTP OK
        click.echo(f"{delivery.at.astimezone():%H:%M:%S}  {click.style(str(delivery.status or 'no answer'), fg=colour)}  {result}")

    def stopped(self, running: Sink) -> None:
        """Report the totals."""
        counts = (_plural(len(running.spans()), "span"), _plural(len(running.sessions()), "session"))
        click.echo(f"\nStopped. Kept {counts[0]} in {counts[1]}; nothing was stored.")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _start_message(running: Sink, bold: Callable[[str], str]) -> list[str]:
    settings = running.settings
    application = str(settings.applications[0].id) if settings.applications else _SAMPLE_APPLICATION
    return [
        f"The Fiddler sink is listening: open {bold(running.url)} to see sessions.",
        "",
        "In a FiddlerKongBinding:",
        "  spec:",
        "    fiddler:",
        f"      url: {running.url}",
        f"      applicationId: {application}" + ("" if settings.applications else "    # every UUID is accepted"),
        f"      apiKeySecretRef: {{name: fiddler, key: api-key}}    # {'the key this sink accepts' if settings.api_key else 'any key'}",
        "",
        *_reachability(settings.host),
        *([f"Failing on purpose: {settings.fault.mode}."] if settings.fault else []),
        "Stop with Ctrl-C.",
        "",
    ]


def _reachability(host: str) -> list[str]:
    if host in _LOOPBACK:
        return ["Only this machine can reach it. For a gateway elsewhere: --host 0.0.0.0, and this machine's name in the url."]
    return [
        "Everyone who can reach this address can read the prompts on the page. In the url, use the name by which the gateway reaches it."
    ]
