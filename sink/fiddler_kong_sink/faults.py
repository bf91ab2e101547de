"""Faults on purpose: how the sink answers while a fault is on.

A mode is an HTTP status or one of the words in `WORDS`. A fault stays on until it is cleared, or for a number of requests.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["WORDS", "Fault", "Faults", "Surface"]

WORDS: Final = {
    "slow": "answers as usual, after `delay` seconds",
    "hang": "never answers",
    "cut": "closes the connection in the middle of an answer",
    "close": "closes the connection without an answer",
    "redirect": "answers 307 to `location`",
    "html": "answers 200 with a web page, like a proxy's sign-in page",
}
"""Every mode that is not a status, and its effect."""

_SUCCESS = range(200, 300)
_ERRORS = range(400, 600)


class Surface(StrEnum):
    """The requests that a fault affects."""

    TRACES = "traces"
    REST = "rest"
    ALL = "all"


def _check_mode(mode: str) -> str:
    if mode in WORDS or (mode.isascii() and mode.isdigit() and int(mode) in (*_SUCCESS, *_ERRORS)):
        return mode
    words = ", ".join(WORDS)
    raise ValueError(f"mode must be an HTTP status from 200 to 299 or 400 to 599, or one of {words}")


class Fault(BaseModel):
    """One way to fail. With a 2xx status the sink still accepts the spans; with any other status it rejects them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mode: Annotated[str, AfterValidator(_check_mode)]
    """An HTTP status such as `429`, or slow, hang, cut, close, redirect, html."""

    retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = None
    """Seconds in the `Retry-After` header, with 429 and 503 only. Default: 7 with 429, no header with 503."""

    delay: float = Field(default=10.0, ge=0, le=600)
    """Seconds that `slow` waits. Kong's exporter times out after 5."""

    location: str = Field(default="/elsewhere", max_length=2000, pattern=r"^[\x21-\x7e]+$")
    """The target of `redirect`."""

    count: Annotated[int, Field(ge=1)] | None = None
    """The fault ends after this many requests. None: it stays until it is cleared."""

    surface: Surface = Surface.TRACES
    """The requests that fail: traces, rest, or all."""

    @property
    def status(self) -> int | None:
        """The mode as a status, or None where it is a word."""
        return int(self.mode) if self.mode.isdigit() else None

    @property
    def answered(self) -> int | None:
        """The status that the sender gets, or None where it gets no answer."""
        return self.status or {"slow": 200, "html": 200, "redirect": 307}.get(self.mode)

    @property
    def accepts(self) -> bool:
        """Whether the sink processes the request despite the fault."""
        return self.mode == "slow" or self.status in _SUCCESS

    @property
    def retry_after_header(self) -> str | None:
        """The value of `Retry-After`, or None for an answer without it."""
        if self.status == 429:  # noqa: PLR2004 - Too Many Requests
            return str(7 if self.retry_after is None else self.retry_after)
        return str(self.retry_after) if self.status == 503 and self.retry_after is not None else None  # noqa: PLR2004


class Faults:
    """Holds the current fault, if any. It can change while the sink runs."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault
        self.revision = 0

    @property
    def current(self) -> Fault | None:
        """The current fault; its `count` is the number of requests left."""
        return self._fault

    def set(self, fault: Fault) -> None:
        """Set the fault, which replaces the current one."""
        self._change(fault)

    def clear(self) -> None:
        """Remove the fault."""
        self._change(None)

    def take(self, surface: Surface) -> Fault | None:
        """The fault for one request on `surface`, or None. Each call counts as one request."""
        fault = self._fault
        if fault is None or fault.surface not in (surface, Surface.ALL):
            return None
        if fault.count is not None:
            self._change(fault.model_copy(update={"count": fault.count - 1}) if fault.count > 1 else None)
        return fault

    def _change(self, fault: Fault | None) -> None:
        self._fault = fault
        self.revision += 1
