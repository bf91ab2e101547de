"""Guards kopf against deep JSON: it gets nothing nested deeper than `kube.parsing.DEEPEST`.

kopf itself parses lists and watches. One binding whose override is nested thousands deep would end the watch of all bindings for good.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
from aiohttp.connector import Connection

from fiddler_kong_operator.kube.parsing import parse_json, shallow

__all__ = ["ShallowResponse"]


class ShallowResponse(aiohttp.ClientResponse):
    """A response that is shallow in both ways kopf reads it: as one JSON value, and as lines of JSON by `content.iter_chunked`."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Begin to read the content in whole lines."""
        await super().start(connection)
        self.content = cast("aiohttp.StreamReader", _ShallowContent(self.content))
        return self

    async def json(self, **options: Any) -> Any:
        """Parse the value; raises what the base class raises."""
        return await super().json(**{"loads": _parse, **options})


class _ShallowContent:
    """Reads a stream in whole shallow lines; passes everything else to it."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield lines as they come, several at once where several came; the last may lack its newline."""
        begun: list[bytes] = []
        async for chunk in self._stream.iter_chunked(size):
            lines, newline, rest = chunk.rpartition(b"\n")
            if newline:
                yield shallow(b"".join([*begun, lines, newline]))
                begun = []
            begun.append(rest)
        yield shallow(b"".join(begun))


def _parse(text: str) -> Any:
    return parse_json(text.encode())
