"""Hugging Face: a bearer token."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["HUGGINGFACE"]


def _options(llm: Model) -> dict[str, Any]:
    given = llm.huggingface.model_dump(exclude_none=True) if llm.huggingface else {}
    return {"huggingface": given} if given else {}


HUGGINGFACE: Final = Provider(
    name="huggingface",
    locate=lambda _: Upstream("router.huggingface.co"),
    route_types=calls("chat", "embeddings", "videos"),
    options=_options,
    formats=frozenset({"huggingface"}),
    speaks_openai=False,
    unverified="the host that Kong 3.13 and later call; the Service names the one that fits the documented paths",
)
