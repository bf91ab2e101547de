"""How long Kong has refused every push, by the pushes that the stand-in for Kong recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from devcluster.gateway.admin import Push

__all__ = ["longest_freeze"]

_PAUSE: Final = 3.0
"""Kong's controller repeats a refused push several times a second here. It pauses longer if its configuration is the accepted one again."""


def longest_freeze(pushes: Iterable[Push]) -> float:
    """The longest time, in seconds, from a refused push to the last one in the row."""
    longest, began, latest = 0.0, 0.0, -math.inf
    for push in pushes:
        if push.refused:
            began = push.at if push.at - latest > _PAUSE else began
            longest = max(longest, push.at - began)
        latest = push.at if push.refused else -math.inf
    return longest
