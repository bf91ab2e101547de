"""Cohere: a bearer token to api.cohere.com."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["COHERE"]


def _options(llm: Model) -> dict[str, Any]:
    given = llm.cohere.model_dump(exclude_none=True) if llm.cohere else {}
    return {"cohere": given} if given else {}


COHERE: Final = Provider(
    name="cohere",
    locate=lambda _: Upstream("api.cohere.com"),
    route_types=calls("chat", "completions", "embeddings"),
    options=_options,
    formats=frozenset({"cohere"}),
    speaks_openai=False,
)
