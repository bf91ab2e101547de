"""OpenAI: `Authorization: Bearer KEY` to api.openai.com, as on Fiddler's integration page."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.api import Llm

from .contract import Provider, Upstream

__all__ = ["OPENAI"]


def _locate(_llm: Llm) -> Upstream:
    return Upstream("api.openai.com")


OPENAI: Final = Provider(name="openai", locate=_locate)
