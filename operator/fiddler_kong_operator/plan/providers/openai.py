"""OpenAI: `Authorization: Bearer KEY` to api.openai.com, as on Fiddler's integration page."""

from __future__ import annotations

from typing import Final

from .contract import Provider, all_of
from .upstream import Upstream

__all__ = ["OPENAI"]

OPENAI: Final = Provider(name="openai", locate=lambda _: Upstream("api.openai.com"), route_types=all_of())
