"""Cohere: a bearer token to api.cohere.com."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls, own_options
from .upstream import Upstream

__all__ = ["COHERE"]


COHERE: Final = Provider(
    name="cohere",
    locate=lambda _: Upstream("api.cohere.com"),
    route_types=calls("chat", "completions", "embeddings"),
    options=own_options,
    formats=frozenset({"cohere"}),
    own_form="its rerank API",
    speaks_openai=False,
)
