"""Targets of `ai-proxy-advanced`: the order in which a call tries them, and the failures after which it goes on to the next.

As with nginx, whose criteria these are, a POST request that was sent is repeated only with `non_idempotent`; one that could not be sent
is repeated in any case. Of the algorithms, this stand-in has `round-robin` by weight, `priority` and `consistent-hashing`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from .answers import HaltError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .entities import Plugin

__all__ = ["Balancer", "goes_on"]

Target = dict[str, Any]
_OF_EVERY_CALL: Final = ("llm_format", "max_request_body_size", "model_name_header")
_NOT_REPEATED: Final = frozenset({"POST", "LOCK", "PATCH"})


class Balancer:
    """Remembers for each plugin which target is next."""

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}

    def targets(self, plugin: Plugin, headers: Mapping[str, str]) -> list[Target]:
        """The targets in the order in which a call tries them, each in the form of `ai-proxy`'s config; as many as `retries` allows."""
        balancer, targets = plugin.config["balancer"], plugin.config["targets"]
        algorithm = balancer["algorithm"]
        if algorithm == "priority":
            ordered = sorted(targets, key=lambda target: -target["weight"])
        elif algorithm == "round-robin":
            ordered = _from(targets, self._turn(plugin, targets))
        elif algorithm == "consistent-hashing":
            ordered = _from(targets, _hashed(headers.get(balancer["hash_on_header"], ""), targets))
        else:
            raise HaltError(500, {"message": f"this stand-in cannot balance by {algorithm}"})
        shared = {name: plugin.config[name] for name in _OF_EVERY_CALL}
        return [{**shared, **target} for target in ordered[: balancer["retries"] + 1]]

    def _turn(self, plugin: Plugin, targets: list[Target]) -> int:
        number = self._turns.get(plugin.id, 0)
        self._turns[plugin.id] = number + 1
        return _of_share(number, targets)


def _hashed(value: str, targets: list[Target]) -> int:
    return _of_share(int.from_bytes(hashlib.sha256(value.encode()).digest()[:8]), targets)


def _of_share(number: int, targets: list[Target]) -> int:
    """The target to which a number belongs, if each has as many in a row as it has weight."""
    left = number % sum(target["weight"] for target in targets)
    for index, target in enumerate(targets):
        if left < target["weight"]:
            return index
        left -= target["weight"]
    raise AssertionError("the rest is smaller than the sum")


def _from(targets: list[Target], first: int) -> list[Target]:
    return [*targets[first:], *targets[:first]]


def goes_on(config: Mapping[str, Any], method: str, failure: BaseException | int) -> bool:
    """Whether a call tries the next target after an outage, or after an answer with that status."""
    criteria = config["balancer"]["failover_criteria"]
    if isinstance(failure, int):
        return f"http_{failure}" in criteria and (method not in _NOT_REPEATED or "non_idempotent" in criteria)
    return ("timeout" if isinstance(failure, TimeoutError) else "error") in criteria
