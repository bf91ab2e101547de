"""The kubelet's side of `pods/exec`."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.unit.kube.api_server import Answer

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
SUCCESS = {"metadata": {}, "status": "Success"}
"""As a kubelet writes it: without a kind."""


def speaking(*frames: tuple[int, bytes] | str, protocols: tuple[str, ...] = PROTOCOLS) -> Answer:
    """These messages, a channel's number and bytes each, or a text, which no kubelet sends."""

    async def respond(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=protocols)
        await socket.prepare(request)
        for frame in frames:
            if isinstance(frame, str):
                await socket.send_str(frame)
            else:
                await socket.send_bytes(bytes([frame[0]]) + frame[1])
        await socket.close()
        return socket

    return respond


def ending(status: dict[str, Any]) -> tuple[int, bytes]:
    return 3, json.dumps(status).encode()
