"""Cerebras: a bearer token to api.cerebras.ai."""

from __future__ import annotations

from typing import Final

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["CEREBRAS"]

CEREBRAS: Final = Provider(name="cerebras", locate=lambda _: Upstream("api.cerebras.ai"), route_types=calls("chat"))
