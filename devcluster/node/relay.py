"""`python -m devcluster.node.relay ADDRESS PORT TARGET`: passes connections to ADDRESS:PORT on to the port TARGET of loopback.

The API server listens on loopback only; the node's container reaches this address of the machine.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

_CHUNK = 65536


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def serve(address: str, port: int, target: int) -> None:
    """Pass connections on until this is cancelled."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    server = await asyncio.start_server(connected, address, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
