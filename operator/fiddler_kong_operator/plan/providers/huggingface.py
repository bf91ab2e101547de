"""Hugging Face: a bearer token."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls, own_options
from .upstream import Upstream

__all__ = ["HUGGINGFACE"]


HUGGINGFACE: Final = Provider(
    name="huggingface",
    locate=lambda _: Upstream("router.huggingface.co"),
    route_types=calls("chat", "embeddings", "videos"),
    options=own_options,
    formats=frozenset({"huggingface"}),
    speaks_openai=False,
    unverified="the host that Kong 3.13 and later call; the Service names the one that fits the documented paths",
)
