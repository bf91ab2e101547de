"""vLLM: a server of your own, with a bearer token where it was started with one."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls

__all__ = ["VLLM"]

VLLM: Final = Provider(
    name="vllm",
    locate=lambda _: None,
    route_types=calls("chat"),
    needs="`options.upstreamUrl`",
    takes="the server's key, if it wants one",
)
