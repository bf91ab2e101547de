"""DeepSeek: a bearer token to api.deepseek.com."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["DEEPSEEK"]

DEEPSEEK: Final = Provider(name="deepseek", locate=lambda _: Upstream("api.deepseek.com"), route_types=calls("chat"))
