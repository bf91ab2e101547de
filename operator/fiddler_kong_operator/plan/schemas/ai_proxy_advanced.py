"""The configuration of `ai-proxy-advanced`: each target has the fields of `ai-proxy` about one model.

The fields of semantic balancing (`embeddings`, `vectordb`, `description` of a target) are left out, as is `metadata`, which is Kong's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .ai_proxy import AI_PROXY, CALL_FIELDS, CATEGORIES, MODEL_FIELDS
from .check import Schema
from .fields import STRING, choice, integer, list_of, record
from .rules import in_each

__all__ = ["AI_PROXY_ADVANCED"]

_COUNT: Final = integer(0, 32767)
_MILLISECONDS: Final = integer(1, 2**31 - 2)

_BALANCER: Final = record(
    algorithm=choice(
        *("round-robin", "consistent-hashing", "least-connections", "lowest-latency", "lowest-usage", "priority", "semantic"),
    ),
    hash_on_header=STRING,
    latency_strategy=choice("tpot", "e2e"),
    tokens_count_strategy=choice("total-tokens", "prompt-tokens", "completion-tokens", "cost", "llm-accuracy"),
    retries=_COUNT,
    failover_criteria=list_of(
        choice(
            *("error", "timeout", "invalid_header", "non_idempotent"),
            *(f"http_{status}" for status in (403, 404, 429, 500, 502, 503, 504)),
        )
    ),
    max_fails=_COUNT,
    fail_timeout=_MILLISECONDS,
    slots=integer(10, 65536),
    connect_timeout=_MILLISECONDS,
    read_timeout=_MILLISECONDS,
    write_timeout=_MILLISECONDS,
)

_MATCH: Final = record(
    type=replace(choice("consumer", "consumer_group", "header", "ip", "model", "path", "provider"), required=True),
    key=STRING,
    values=replace(list_of(STRING, 1), required=True),
)
_ACL: Final = list_of(record(match=replace(list_of(_MATCH, 1), required=True)), 1)

AI_PROXY_ADVANCED: Final = Schema(
    record(
        targets=replace(list_of(record(**MODEL_FIELDS, weight=integer(1, 65535))), required=True),
        balancer=_BALANCER,
        acls=replace(record(allow=_ACL, deny=_ACL), since=(3, 14)),
        genai_category=choice(*CATEGORIES, "realtime/generation"),
        **CALL_FIELDS,
    ),
    rules=tuple(in_each("targets", rule, shared=("llm_format",)) for rule in AI_PROXY.rules),
)
