"""Ollama: a server of your own, mostly without a key."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls

__all__ = ["OLLAMA"]

OLLAMA: Final = Provider(
    name="ollama",
    locate=lambda _: None,
    route_types=calls("chat", "embeddings"),
    speaks_openai=False,
    needs="`options.upstreamUrl`",
    takes="the server's key, if it wants one",
    unverified="Kong's documentation shows the URL both with `/api/chat` and without a path; the operator demands the full one",
)
