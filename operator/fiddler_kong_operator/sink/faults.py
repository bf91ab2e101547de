"""Failing on purpose: what the sink answers while a fault is on.

Modes are an HTTP status, or one of the words in `WORDS`. A fault can be on for good, or for a number of requests.
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
"""Every mode that is not a status, and what it does."""

_SUCCESS = range(200, 300)
_ERRORS = range(400, 600)


class Surface(StrEnum):
    """Which requests a fault is for."""

    TRACES = "traces"
    REST = "rest"
    ALL = "all"


def _check_mode(mode: str) -> str:
    if mode in WORDS or (mode.isascii() and mode.isdigit() and int(mode) in (*_SUCCESS, *_ERRORS)):
        return mode
    words = ", ".join(WORDS)
    raise ValueError(f"mode must be an HTTP status from 200 to 299 or 400 to 599, or one of {words}")


class Fault(BaseModel):
    """One way to fail. A 2xx status still takes the spans in (as a server that is merely unusual does); any other status refuses them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mode: Annotated[str, AfterValidator(_check_mode)]
    """An HTTP status such as `429`, or slow, hang, cut, close, redirect, html."""

    retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = None
    """Seconds for the `Retry-After` header; 429 and 503 only, 429 has 7 where none is given."""

    delay: float = Field(default=10.0, ge=0, le=600)
    """Seconds that `slow` waits. Kong's exporter gives up after 5."""

    location: str = Field(default="/elsewhere", max_length=2000, pattern=r"^[\x21-\x7e]+$")
    """Where `redirect` points."""

    count: Annotated[int, Field(ge=1)] | None = None
    """How many requests fail before the fault ends by itself; None means until it is taken away."""

    surface: Surface = Surface.TRACES
    """Which requests fail: traces, rest, or all."""

    @property
    def status(self) -> int | None:
        """The status to answer, or None where the mode is a word."""
        return int(self.mode) if self.mode.isdigit() else None

    @property
    def answered(self) -> int | None:
        """The status that the sender sees, or None where there is none to see."""
        return self.status or {"slow": 200, "html": 200, "redirect": 307}.get(self.mode)

    @property
    def accepts(self) -> bool:
        """Whether the request is processed in spite of the fault."""
        return self.mode == "slow" or self.status in _SUCCESS

    @property
    def retry_after_header(self) -> str | None:
        """The value of `Retry-After`, or None where this answer has none."""
        if self.status == 429:  # noqa: PLR2004 - Too Many Requests
            return str(7 if self.retry_after is None else self.retry_after)
        return str(self.retry_after) if self.status == 503 and self.retry_after is not None else None  # noqa: PLR2004


class Faults:
    """The fault that is on, if any; it can be changed while the sink runs."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault
        self.revision = 0

    @property
    def current(self) -> Fault | None:
        """The fault that is on, with what is left of its count."""
        return self._fault

    def set(self, fault: Fault) -> None:
        """Switch a fault on, in place of any other."""
        self._change(fault)

    def clear(self) -> None:
        """Answer as usual again."""
        self._change(None)

    def take(self, surface: Surface) -> Fault | None:
        """The fault for one request on `surface`, counted; None where it is to be answered as usual."""
        fault = self._fault
        if fault is None or fault.surface not in (surface, Surface.ALL):
            return None
        if fault.count is not None:
            self._change(fault.model_copy(update={"count": fault.count - 1}) if fault.count > 1 else None)
        return fault

    def _change(self, fault: Fault | None) -> None:
        self._fault = fault
        self.revision += 1
