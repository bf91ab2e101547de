"""`python -m devcluster.gateway` runs the stand-in alone and prints its addresses as one line of JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import ssl
from collections.abc import Mapping

import click

from devcluster.ports import LOOPBACK

from .exporter import ExportLimits
from .process import ClusterProcess, FixedProcess, Process, Workload
from .process_settings import NotStartedError, process_settings
from .standin import GatewayStandIn, StandInOptions


def _resolve(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(value.partition("=")[::2] for value in values)
    for address, url in pairs.items():
        if not (address.rpartition(":")[2].isdigit() and url.startswith("http")):
            raise click.BadParameter(f"{address}: must look like api.openai.com:443=http://127.0.0.1:8080")
    return pairs


def _workload(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, str] | None:
    if value is None:
        return None
    namespace, _sep, name = value.partition("/")
    if not (namespace and name):
        raise click.BadParameter(f"{value}: must be NAMESPACE/NAME of a Deployment")
    return namespace, name


async def _run(process: Process, options: StandInOptions) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with GatewayStandIn(process, options) as gateway:
        click.echo(json.dumps({"admin": gateway.admin_url, "proxy": gateway.proxy_url}))
        await stop.wait()


@click.command()
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option("--admin-port", type=int, default=0, help="Port of the Admin API; 0 takes a free one.")
@click.option("--proxy-port", type=int, default=0, help="Port of the proxy; 0 takes a free one.")
@click.option("--resolve", multiple=True, callback=_resolve, metavar="HOST:PORT=URL", help="Call URL instead of HOST:PORT. Repeatable.")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Read the process settings from a cluster's pods.")
@click.option("--workload", callback=_workload, metavar="NAMESPACE/NAME", help="The gateway's Deployment, with --kubeconfig.")
@click.option("--container", default="proxy", show_default=True, help="The name of the Kong container, with --kubeconfig.")
@click.option("--image", default="kong/kong-gateway:3.13.0.3", show_default=True, help="Image to stand for, without --kubeconfig.")
@click.option("--env", "variables", multiple=True, metavar="KONG_NAME=VALUE", help="Process setting, without --kubeconfig. Repeatable.")
@click.option(
    "--own-environment",
    is_flag=True,
    help="Read the process settings and the Admin API's certificate from KONG_*, like Kong in a container.",
)
@click.option("--retry-time", type=float, default=60.0, show_default=True, help="Longest time in seconds to try to deliver spans.")
def main(*, resolve: dict[str, str], kubeconfig: str | None, workload: tuple[str, str] | None, **flags: object) -> None:
    """Run the gateway stand-in until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if (kubeconfig is None) != (workload is None):
        raise click.UsageError("--kubeconfig and --workload belong together")
    process = _process(kubeconfig, workload, flags)
    admin_port, proxy_port = (int(str(flags[name])) for name in ("admin_port", "proxy_port"))
    limits = ExportLimits(retry_time=float(str(flags["retry_time"])))
    tls = _admin_tls(os.environ) if flags["own_environment"] else None
    options = StandInOptions(admin_port, proxy_port, resolve, limits=limits, host=str(flags["host"]), admin_tls=tls)
    asyncio.run(_run(process, options))


def _process(kubeconfig: str | None, workload: tuple[str, str] | None, flags: dict[str, object]) -> Process:
    if kubeconfig and workload:
        return ClusterProcess(kubeconfig, Workload(*workload, str(flags["container"])))
    variables = flags["variables"]
    env = dict(str(entry).partition("=")[::2] for entry in variables) if isinstance(variables, tuple) else {}
    if flags["own_environment"]:
        env = {**os.environ, **env}
    try:
        return FixedProcess(process_settings(str(flags["image"]), env))
    except NotStartedError as error:
        raise click.UsageError(f"Kong does not start: {error}") from error


def _admin_tls(environment: Mapping[str, str]) -> ssl.SSLContext | None:
    """The certificate that Kong's own variables name; None without one."""
    certificate, key = (environment.get(f"KONG_ADMIN_SSL_{name}", "") for name in ("CERT", "CERT_KEY"))
    if not certificate:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    return tls


if __name__ == "__main__":
    main()
