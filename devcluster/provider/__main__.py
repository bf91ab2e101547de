"""`python -m devcluster.provider --key-file FILE` runs the stand-in alone and prints its address as one line of JSON."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import click

from .standin import ProviderStandIn


async def _serve(key: str, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with ProviderStandIn(key, host=host, port=port) as provider:
        click.echo(json.dumps({"url": provider.url}))
        await stop.wait()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=0, help="Port to listen on; 0 takes a free one.")
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="File with OpenAI's key.")
def main(host: str, port: int, key_file: Path) -> None:
    """Run the stand-in for providers until SIGINT or SIGTERM. Another provider's key is OpenAI's, a dot and the provider's name."""
    asyncio.run(_serve(key_file.read_text(encoding="utf-8").strip(), host, port))


if __name__ == "__main__":
    main()
