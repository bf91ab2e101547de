"""Google's Gemini: on AI Studio with a key in `x-goog-api-key`, on Vertex AI with an identity of Google Cloud.

Vertex AI has a host for each location.
"""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model
from fiddler_kong_operator.api.provider_options import GeminiOptions

from .auth import gcp_auth
from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["GEMINI"]


def _endpoint(vertex: GeminiOptions) -> str:
    """The host of the API: `global` is the only location that is not part of the host's name."""
    usual = "aiplatform.googleapis.com" if vertex.location_id == "global" else f"{vertex.location_id}-aiplatform.googleapis.com"
    return (vertex.api_endpoint or usual).lower()


def _locate(llm: Model) -> Upstream:
    return Upstream(_endpoint(llm.gemini) if llm.gemini else "generativelanguage.googleapis.com")


def _options(llm: Model) -> dict[str, Any]:
    if llm.gemini is None:
        return {}
    return {"gemini": {**llm.gemini.model_dump(exclude_none=True), "api_endpoint": _endpoint(llm.gemini)}}


_NOT_ON_VERTEX: Final = calls("realtime", "files")


def _check(llm: Model) -> tuple[str, ...]:
    if llm.gemini is None and llm.route_type == "llm/v1/completions":
        return (f"gemini: must be given for {llm.route_type}: Kong has it on Vertex AI only.",)
    if llm.gemini and llm.route_type in _NOT_ON_VERTEX:
        return (f"gemini: must not be given for {llm.route_type}: Kong has it on Google AI Studio only.",)
    return ()


GEMINI: Final = Provider(
    name="gemini",
    locate=_locate,
    route_types=calls("chat", "completions", "embeddings", "images/generations", "images/edits", "videos", "realtime", "files", "batches"),
    auth=gcp_auth,
    options=_options,
    check=_check,
    formats=frozenset({"gemini"}),
    native=calls("realtime", "files"),
    since={("llm/v1/batches", "openai"): (3, 14)},
    speaks_openai=False,
    needs="on Vertex AI, which has no `llm/v1/files` and `realtime/v1/realtime`: `gemini.projectId`, `gemini.locationId`, `auth.gcp`",
    takes="AI Studio: the API key. Vertex AI: the JSON key of a service account; or none (`auth.gcp: {}`)",
    unverified="Kong's documentation shows the key of AI Studio only as the parameter `key` (`auth.paramName: key`)",
)
