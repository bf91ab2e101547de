"""`python -m devcluster.standins KUBECONFIG FILE` runs the stand-ins of a cluster, and writes their addresses to FILE."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import click

from .gateway.process import Workload
from .gateway.standin import GatewayStandIn, StandInOptions
from .provider import ProviderStandIn
from .stage import APPLICATION_ID, Keys, make_sink
from .surroundings import Surroundings


@click.command()
@click.argument("kubeconfig", type=click.Path(exists=True, dir_okay=False))
@click.argument("file", type=click.Path(path_type=Path))
def main(kubeconfig: str, file: Path) -> None:
    """Run the stand-ins for Kong, the providers and Fiddler until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    keys = Keys()
    key_files = [_write_key(file.with_name("fiddler-key.txt"), keys.fiddler), _write_key(file.with_name("openai-key.txt"), keys.provider)]
    asyncio.run(_serve(kubeconfig, file, keys, key_files))


async def _serve(kubeconfig: str, file: Path, keys: Keys, key_files: list[str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(make_sink(keys))
        provider = await stack.enter_async_context(ProviderStandIn(keys.provider))
        options = StandInOptions(resolve=provider.resolutions())
        gateway = GatewayStandIn.for_workload(kubeconfig, Workload("kong", "kong-gateway"), options)
        await stack.enter_async_context(gateway)
        Surroundings(gateway.admin_url, gateway.proxy_url, sink.url, APPLICATION_ID, *key_files).write(file)
        await stop.wait()


def _write_key(file: Path, key: str) -> str:
    file.touch(mode=0o600)
    file.write_text(key + os.linesep)
    return str(file)


if __name__ == "__main__":
    main()
