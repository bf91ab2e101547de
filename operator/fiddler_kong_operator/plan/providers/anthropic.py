"""Anthropic: the bare key in `x-api-key`, and a version of the API with each call.

Kong has no statistics for `llm/v1/completions` here, and refuses to be asked for them.
"""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model
from fiddler_kong_operator.api.provider_options import AnthropicOptions

from .auth import key_auth
from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["ANTHROPIC"]


def _options(llm: Model) -> dict[str, Any]:
    return {"anthropic_version": (llm.anthropic or AnthropicOptions()).version}


def _advise(llm: Model) -> tuple[str, ...]:
    if llm.options.max_tokens is not None or llm.route_type not in calls("chat"):
        return ()
    return ("options.maxTokens is not given: Anthropic refuses a call without max_tokens, so set it, or have every call bring one.",)


ANTHROPIC: Final = Provider(
    name="anthropic",
    locate=lambda _: Upstream("api.anthropic.com"),
    route_types=calls("chat", "batches"),
    auth=key_auth("x-api-key", ""),
    options=_options,
    advise=_advise,
    formats=frozenset({"anthropic"}),
    native=calls("batches"),
    speaks_openai=False,
    needs="`options.maxTokens`, unless every call has `max_tokens`: Anthropic refuses a call without",
)
