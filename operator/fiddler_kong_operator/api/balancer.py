"""How Kong shares the calls of a route among several models."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from .durations import Duration
from .exposure import Timeouts
from .headers import ShownHeader
from .rules import Rule, form
from .types import ApiModel

__all__ = ["Balancer"]

_ALGORITHMS: Final = ("round-robin", "consistent-hashing", "least-connections", "lowest-latency", "lowest-usage", "priority")

Algorithm = Annotated[
    str,
    StringConstraints(min_length=1, max_length=32),
    form(
        "|".join(_ALGORITHMS),
        f"must be one of {', '.join(_ALGORITHMS)}. For semantic, which needs a vector database and an embeddings model, make an "
        "ai-proxy-advanced of your own and attach to it without llm",
    ),
]
"""A way to choose among targets."""


def _only_for(field: str, attribute: str, algorithm: str) -> Rule:
    return Rule(
        cel=f"!has(self.{field}) || self.algorithm == '{algorithm}'",
        message=f"must be given only where algorithm is {algorithm}: no other reads it",
        holds=lambda balancer: getattr(balancer, attribute) is None or balancer.algorithm == algorithm,
        field=field,
    )


class Balancer(ApiModel):
    """How Kong chooses among targets, and when it tries another one."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        _only_for("hashOnHeader", "hash_on_header", "consistent-hashing"),
        _only_for("latencyStrategy", "latency_strategy", "lowest-latency"),
        _only_for("tokensCountStrategy", "tokens_count_strategy", "lowest-usage"),
    )

    algorithm: Algorithm = "round-robin"
    """How Kong chooses a target: `round-robin` (by weight), `consistent-hashing` (calls with the same value of a header go to the same
    target), `least-connections`, `lowest-latency`, `lowest-usage` (by tokens) or `priority` (the highest weight first, others if that
    fails)."""

    hash_on_header: ShownHeader | None = None
    """Only for `consistent-hashing`: the request header whose value decides. Kong's default is `X-Kong-LLM-Request-ID`."""

    latency_strategy: Literal["tpot", "e2e"] | None = None
    """Only for `lowest-latency`: `tpot`, the time per token of the answer, or `e2e`, the time of the whole call. Kong's default is
    `tpot`."""

    tokens_count_strategy: Literal["total-tokens", "prompt-tokens", "completion-tokens", "cost", "llm-accuracy"] | None = None
    """Only for `lowest-usage`: the usage that Kong compares. Kong's default is `total-tokens`."""

    retries: int | None = Field(default=None, ge=0, le=32767)
    """How often Kong tries again after a failure of `failoverCriteria`. If left out, `expose.retries` counts, or Kong's default, 5."""

    failover_criteria: (
        tuple[
            Literal[
                "error",
                "timeout",
                "invalid_header",
                "http_403",
                "http_404",
                "http_429",
                "http_500",
                "http_502",
                "http_503",
                "http_504",
                "non_idempotent",
            ],
            ...,
        ]
        | None
    ) = Field(default=None, max_length=11)
    """Failures after which Kong tries another target. Kong's default is `error` and `timeout`. LLM calls are POST requests: once one was
    sent, Kong repeats it only if `non_idempotent` is in the list too."""

    max_fails: int | None = Field(default=None, ge=0, le=32767)
    """Number of failures within `failTimeout` after which a target gets no calls for that time. Kong's default, 0, switches this off."""

    fail_timeout: Duration | None = None
    """Time in which `maxFails` counts, and for which the target is left out, for example `30s`. Kong's default is `10s`."""

    slots: int | None = Field(default=None, ge=10, le=65536)
    """Number of slots of the load balancer's ring. Kong's default is 10000; change it only on Kong's advice."""

    timeouts: Timeouts | None = None
    """Kong's timeouts towards the targets. For each that is left out, `expose.timeouts` counts, or Kong's default."""
