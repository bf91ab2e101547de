"""Runs a command in a container, by the API server's WebSocket protocol for `pods/exec`. Both its time and its output are bounded.

Each message is one byte with the number of a channel, then bytes of that channel. The last channel tells how the command ended, as a
`Status` object. v5 adds a message that closes a channel, which a command without input does not need.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from fiddler_kong_operator.errors import Transient

from .connection import Connection
from .errors import Call, error_of, parse_status, unreachable
from .objects import POD, ObjectKey
from .redaction import shorten

__all__ = ["OUTPUT_LIMIT", "Ran", "execute"]

OUTPUT_LIMIT: Final = 8192
"""Bytes of each output that are kept; the rest is read and dropped."""

_STATUS_LIMIT: Final = 1 << 16
"""Bytes of the status, which may quote the command twice over; cut off, it would be no JSON."""

_FRAME: Final = 1 << 20
"""Bytes of one message; the kubelet sends 32 KiB at most."""
_PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_OUT, _ERR, _STATUS = 1, 2, 3
_HTTP_ERRORS: Final = 300
_MESSAGE_LIMIT: Final = 512


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended. `exit_code` is None where it did not run to its end: `message` then says why."""

    output: str
    errors: str
    exit_code: int | None
    message: str = ""


async def execute(connection: Connection, pod: ObjectKey, container: str, command: Sequence[str], seconds: float) -> Ran:
    """Run a command without input. Gone where there is no such pod, Refused without the right, Transient without an answer in time."""
    call = Call("exec", POD, pod.namespace, pod.name)
    query = [*(("command", word) for word in command), ("container", container), ("stdout", "true"), ("stderr", "true")]
    url = f"{connection.server}{POD.path(pod.namespace, pod.name, 'exec')}?{urlencode(query)}"
    refusal = _Refusal()
    try:
        async with asyncio.timeout(seconds), connection.open_session(refusal.keep) as session:
            return await _run(call, session, url)
    except aiohttp.WSServerHandshakeError as error:
        if error.status < _HTTP_ERRORS:
            raise unreachable(call, error) from error
        raise error_of(call, error.status, parse_status(refusal.body)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise unreachable(call, error) from error


class _Refusal:
    """Keeps the body of an answer that opens no WebSocket: aiohttp drops it, and with it the API server's reason."""

    def __init__(self) -> None:
        self.body = b""

    async def keep(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send the request as it is."""
        response = await handler(request)
        if response.status >= _HTTP_ERRORS:
            self.body = await response.read()
        return response


async def _run(call: Call, session: aiohttp.ClientSession, url: str) -> Ran:
    channels: dict[int, bytearray] = {_OUT: bytearray(), _ERR: bytearray(), _STATUS: bytearray()}
    async with session.ws_connect(url, protocols=_PROTOCOLS, max_msg_size=_FRAME) as socket:
        if socket.protocol is None:
            raise Transient(f"{call}: the API server speaks none of {', '.join(_PROTOCOLS)}")
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise Transient(f"{call}: the API server sent what is not part of the protocol ({message.type.name})")
            kept = channels.get(message.data[0]) if message.data else None
            if kept is not None:
                limit = _STATUS_LIMIT if kept is channels[_STATUS] else OUTPUT_LIMIT
                kept += message.data[1 : 1 + limit - len(kept)]
            if kept is channels[_STATUS] and kept:
                break
    output, errors = (bytes(channels[number]).decode("utf-8", "replace") for number in (_OUT, _ERR))
    return Ran(output, errors, *_ending(bytes(channels[_STATUS])))


def _ending(text: bytes) -> tuple[int | None, str]:
    """The exit code, or why there is none. The kubelet's `Status` names no kind, unlike the API server's."""
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        status = {}
    if status.get("status") == "Success":
        return 0, ""
    causes: list[dict[str, Any]] = (status.get("details") or {}).get("causes") or []
    code = next((str(cause.get("message")) for cause in causes if cause.get("reason") == "ExitCode"), "")
    message = shorten(str(status.get("message") or "it ended without a status"), _MESSAGE_LIMIT)
    return (int(code), message) if code.isascii() and code.isdigit() else (None, message)
