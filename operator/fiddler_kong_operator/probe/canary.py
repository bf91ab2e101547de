"""One LLM call through a gateway, as a client makes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp

__all__ = ["Call", "CallResult", "make_call"]

_MESSAGE: Final = {"messages": [{"role": "user", "content": "Say OK."}]}


@dataclass(frozen=True, slots=True)
class Call:
    """A call in OpenAI's form. Its headers may hold a client's key, so the repr leaves them out."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    verify: bool = True
    """Check the gateway's certificate."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer's status, or why there was none. Its text is not kept: a provider's error may quote a key."""

    seconds: float
    status: int | None = None
    problem: str = ""


async def make_call(call: Call, seconds: float) -> CallResult:
    """Send the call and wait at most `seconds` for its answer. Never raises because of the server."""
    started = time.monotonic()
    status, problem = None, ""
    try:
        limits = aiohttp.ClientTimeout(total=seconds)
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=True) as session,
            session.post(call.url, json=_MESSAGE, headers=call.headers, allow_redirects=False, ssl=call.verify) as response,
        ):
            async for _ in response.content.iter_any():
                pass  # to its end, without keeping it
            status = response.status
    except TimeoutError:
        problem = f"no answer within {seconds:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        problem = f"{type(error).__name__}: the gateway cannot be reached at this URL"
    return CallResult(time.monotonic() - started, status, problem)
