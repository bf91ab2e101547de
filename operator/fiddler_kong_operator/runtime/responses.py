"""What kopf gets to read of the API server's answers: nothing nested deeper than `cluster.parsing.DEEPEST`, and of a list its first page.

kopf parses lists and watches by itself. One binding whose override is nested thousands deep would end its watch, everybody's, for ever.
Of a list it needs the version from which to watch; what there is, the sweep lists (`runtime.sweep`), and twice is dear with thousands.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
from aiohttp.connector import Connection

from fiddler_kong_operator.kube.parsing import parse_json, shallow

__all__ = ["ShallowResponse"]


class ShallowResponse(aiohttp.ClientResponse):
    """A response that is shallow in both ways kopf reads it: as one JSON value, and as lines of JSON by `content.iter_chunked`.

    A page of a list has no next one.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Begin to read, the content in whole lines."""
        await super().start(connection)
        self.content = cast("aiohttp.StreamReader", _ShallowContent(self.content))
        return self

    async def json(self, **options: Any) -> Any:
        """The value; errors are those of the base class."""
        return await super().json(**{"loads": _parse, **options})


class _ShallowContent:
    """A stream that is read in whole shallow lines; in all else the one behind it."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Lines as they come, several at once where they do, at the end also one without its newline."""
        begun: list[bytes] = []
        async for chunk in self._stream.iter_chunked(size):
            lines, newline, rest = chunk.rpartition(b"\n")
            if newline:
                yield shallow(b"".join([*begun, lines, newline]))
                begun = []
            begun.append(rest)
        yield shallow(b"".join(begun))


def _parse(text: str) -> Any:
    value = parse_json(text.encode())
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if isinstance(metadata, dict):
        metadata.pop("continue", None)
    return value
