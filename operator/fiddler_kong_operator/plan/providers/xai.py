"""xAI: a bearer token to api.x.ai."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["XAI"]

XAI: Final = Provider(
    name="xai",
    locate=lambda _: Upstream("api.x.ai"),
    route_types=calls("chat", "responses", "images/generations"),
    unverified="streaming: Kong's documentation says that it does not stream answers of xai",
)
