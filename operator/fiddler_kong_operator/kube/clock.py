"""The API server's clock. It sets the times in objects, so ages are computed with it and never with this machine's clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

__all__ = ["ServerClock"]


class ServerClock:
    """Seconds since the epoch as the API server counts them, from the Date of its last answer; accurate to about a second.

    Before the first answer it is this machine's clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        """`monotonic` measures the time since the last answer."""
        self._monotonic = monotonic
        self._ahead = wall() - monotonic()

    def __call__(self) -> float:
        """The present time."""
        return self._monotonic() + self._ahead

    def answered(self, date: str | None) -> None:
        """Take the Date header of an answer that just arrived; one that is missing or malformed changes nothing."""
        with contextlib.suppress(ValueError):
            if date:
                self._ahead = parsedate_to_datetime(date).timestamp() - self._monotonic()
