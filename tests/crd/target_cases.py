"""Cases of several models behind one route. See `cases`."""

from __future__ import annotations

from typing import Any, Final

from tests.crd.bindings import EXPOSED
from tests.crd.case import Case

__all__ = ["RULED_TARGETS", "VALID_TARGETS"]

_KEY: Final = {"secretRef": {"name": "openai", "key": "api-key"}}
_AZURE: Final = {"instance": "acme", "deploymentId": "d"}
_OWN_SERVER: Final = {"upstreamUrl": "http://models.ai.svc:8080/api/chat"}
_LLM: Final = "spec.routes[0].llm"
_ALGORITHMS: Final = (
    "must be one of round-robin, consistent-hashing, least-connections, lowest-latency, lowest-usage, priority. For semantic, which needs"
)
_TARGET: Final = {"provider": "openai", "model": "m", "auth": _KEY}


def _shared(*targets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A route whose calls several models share."""
    return {"routes": [EXPOSED | {"llm": {"targets": list(targets or (_TARGET,)), **fields}}]}


def _balanced(**fields: Any) -> dict[str, Any]:
    return _shared(balancer=fields)


VALID_TARGETS: Final = (
    Case("two targets", _shared(_TARGET | {"weight": 1}, {"provider": "azure", "model": "m", "auth": {"azure": {}}, "azure": _AZURE})),
    Case("a target of one's own", _shared({"provider": "ollama", "model": "m", "options": _OWN_SERVER})),
    Case(
        "embeddings of targets",
        _shared(_TARGET | {"options": {"upstreamUrl": "https://a.example/v1/embeddings"}}, routeType="llm/v1/embeddings"),
    ),
    Case("a balancer", _balanced(algorithm="consistent-hashing", hashOnHeader="X-User", retries=0, timeouts={"read": "10m"})),
)

RULED_TARGETS: Final = (
    Case(
        "no model",
        {"routes": [EXPOSED | {"llm": {"provider": "openai", "auth": _KEY}}]},
        "must be given where targets is not",
        field=f"{_LLM}.model",
    ),
    Case("no provider", {"routes": [EXPOSED | {"llm": {"model": "m"}}]}, "must be given where targets is not", field=f"{_LLM}.provider"),
    Case("a model beside targets", _shared(provider="openai"), "must not be given beside provider", field=f"{_LLM}.targets"),
    Case("options beside targets", _shared(options={"maxTokens": 1}), "must not be given beside provider", field=f"{_LLM}.targets"),
    Case(
        "a balancer of nothing",
        {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"balancer": {}}}]},
        "must be given only beside targets",
        field=f"{_LLM}.balancer",
    ),
    Case(
        "semantic balancing",
        _balanced(algorithm="semantic"),
        _ALGORITHMS,
        field=f"{_LLM}.balancer.algorithm",
    ),
    Case(
        "a header without hashing",
        _balanced(hashOnHeader="X-User"),
        "must be given only where algorithm is consistent-hashing",
        field=f"{_LLM}.balancer.hashOnHeader",
    ),
    Case(
        "latency of another algorithm",
        _balanced(latencyStrategy="e2e"),
        "must be given only where algorithm is lowest-latency",
        field=f"{_LLM}.balancer.latencyStrategy",
    ),
    Case(
        "tokens of another algorithm",
        _balanced(tokensCountStrategy="cost"),
        "must be given only where algorithm is lowest-usage",
        field=f"{_LLM}.balancer.tokensCountStrategy",
    ),
    Case(
        "keys as a hash",
        _balanced(algorithm="consistent-hashing", hashOnHeader="Authorization"),
        "must not be a header that carries credentials",
        field=f"{_LLM}.balancer.hashOnHeader",
    ),
    Case(
        "a target without a key",
        _shared(_TARGET, {"provider": "openai", "model": "m"}),
        "must be given where options.upstreamUrl is not",
        field=f"{_LLM}.targets[1].auth",
    ),
    Case(
        "a target with another provider's options",
        _shared(_TARGET | {"azure": _AZURE}),
        "must be given only where provider is azure",
        field=f"{_LLM}.targets[0].azure",
    ),
    Case(
        "a target's URL of another operation",
        _shared(_TARGET | {"options": {"upstreamUrl": "https://a.example/v1/embeddings"}}),
        "must have no options.upstreamUrl but that of the operation",
        field=f"{_LLM}.targets",
    ),
)
