"""A server of your own that runs Llama: wherever it is, with whatever key it wants."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model

from .contract import Provider, calls

__all__ = ["LLAMA2"]


def _options(llm: Model) -> dict[str, Any]:
    return {"llama2_format": llm.llama2.format} if llm.llama2 else {}


def _check(llm: Model) -> tuple[str, ...]:
    if llm.llama2 and llm.llama2.format == "raw" and llm.route_type == "llm/v1/embeddings":
        return (f"llama2.format: must not be raw for {llm.route_type}: only openai and ollama have embeddings.",)
    return ()


LLAMA2: Final = Provider(
    name="llama2",
    locate=lambda _: None,
    route_types=calls("chat", "completions", "embeddings"),
    options=_options,
    check=_check,
    speaks_openai=False,
    needs="`options.upstreamUrl`, `llama2.format`",
    takes="the server's key, if it wants one",
)
