"""Schema of the configuration of `ai-proxy-advanced`, by version of Kong. `embeddings` and `vectordb` are left out: nothing runs them."""

from __future__ import annotations

from typing import Final

from .ai_proxy_schema import call_fields, model_fields
from .field_types import Schema, Version, array_of, field, number, record, string

__all__ = ["ai_proxy_advanced_schema"]

_ACLS_SINCE: Final[Version] = (3, 14)
_ALGORITHMS: Final = [
    *("consistent-hashing", "least-connections", "lowest-latency", "lowest-usage", "priority", "round-robin", "semantic"),
]
_CRITERIA: Final = [
    *("error", "http_403", "http_404", "http_429", "http_500", "http_502", "http_503", "http_504"),
    *("invalid_header", "non_idempotent", "timeout"),
]
_STRATEGIES: Final = ["completion-tokens", "cost", "llm-accuracy", "prompt-tokens", "total-tokens"]
_MATCHES: Final = ["consumer", "consumer_group", "header", "ip", "model", "path", "provider"]
_MILLISECONDS: Final = (1, 2147483646)
_COUNT: Final = (0, 32767)

_BALANCER: Final = record(
    {
        "algorithm": string(default="round-robin", one_of=_ALGORITHMS),
        "hash_on_header": string(default="X-Kong-LLM-Request-ID"),
        "latency_strategy": string(default="tpot", one_of=["e2e", "tpot"]),
        "tokens_count_strategy": string(default="total-tokens", one_of=_STRATEGIES),
        "retries": number(5, _COUNT, "integer"),
        "failover_criteria": array_of({"type": "string", "one_of": _CRITERIA}, default=["error", "timeout"]),
        "max_fails": number(0, _COUNT, "integer"),
        "fail_timeout": number(10000, _MILLISECONDS, "integer"),
        "slots": number(10000, (10, 65536), "integer"),
        **{f"{name}_timeout": number(60000, _MILLISECONDS, "integer") for name in ("connect", "read", "write")},
    },
    required=True,
)


def _acls() -> Schema:
    match = record({"type": string(required=True, one_of=_MATCHES), "key": string(), "values": array_of(required=True, len_min=1)})
    rules = array_of(record({"match": array_of(match, required=True, len_min=1)}), len_min=1)
    return record({"allow": rules, "deny": rules})


def ai_proxy_advanced_schema(version: Version) -> Schema:
    """The schema of `config`."""
    of_target = {"weight": number(100, (1, 65535), "integer"), "description": string(), "metadata": field("any")}
    target = record(model_fields(version) | of_target)
    acls = {"acls": _acls()} if version >= _ACLS_SINCE else {}
    fields = {"targets": array_of(target, required=True, len_min=1), "balancer": _BALANCER} | call_fields("realtime/generation") | acls
    return record(fields, required=True)
