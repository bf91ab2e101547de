"""Mistral: a bearer token to api.mistral.ai, or a server of your own.

Kong's documentation names no default address and always sets `upstream_url`, so it is always set here.
"""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model
from fiddler_kong_operator.api.provider_options import MistralOptions
from fiddler_kong_operator.api.upstreams import OPERATIONS

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["MISTRAL"]

_HOST: Final = "api.mistral.ai"


def _options(llm: Model) -> dict[str, Any]:
    url = llm.options.upstream_url or f"https://{_HOST}/v1{OPERATIONS[llm.route_type]}"
    return {"mistral_format": (llm.mistral or MistralOptions()).format, "upstream_url": url}


MISTRAL: Final = Provider(
    name="mistral",
    locate=lambda _: Upstream(_HOST),
    route_types=calls("chat", "embeddings"),
    options=_options,
    takes="the API key; for a server of your own its key, if it wants one",
)
