"""The providers that the stand-in can call, as Kong's drivers do: host, path, headers, and the form of calls and answers.

A new one is a module and a place in `DRIVERS`. Without a row, a provider can only be called by `model.options.upstream_url`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from .anthropic import ANTHROPIC
from .bedrock import BEDROCK
from .cohere import COHERE
from .contract import Driver, Target
from .gemini import GEMINI
from .openai import ALIKE, AZURE, OPENAI

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DRIVERS", "OPENAI", "Driver", "Target"]

DRIVERS: Final[Mapping[str, Driver]] = MappingProxyType({d.name: d for d in (ANTHROPIC, AZURE, BEDROCK, COHERE, GEMINI, *ALIKE, OPENAI)})
