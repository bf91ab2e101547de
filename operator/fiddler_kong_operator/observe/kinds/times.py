"""Times in Kubernetes objects."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

__all__ = ["seconds_of"]

_RECENT: Final = 256
"""Size of the cache of parsed times: thousands of objects are written in the same second."""


@lru_cache(maxsize=_RECENT)
def seconds_of(moment: str | None) -> float:
    """Seconds since the epoch; 0 for a text that is no date in Python: clients choose these, and Go's years begin with 0."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else 0.0
    except ValueError:
        return 0.0
