"""The name of an application, if Fiddler tells it. Advisory: only `ObjectNotFound` counts against the binding.

Source: Fiddler's REST API, `GET /v3/applications/{id}`. It may refuse an ingest-only key, which means nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import aiohttp

from .sessions import read_at_most
from .target import ProbeTarget

__all__ = ["Application", "Known", "read_application"]

NAME_LIMIT: Final = 256
ANSWER_LIMIT: Final = 64 * 1024
TOO_MANY: Final = 429


class Known(Enum):
    """The result of a look-up."""

    NAME = "name"
    MISSING = "missing"
    """There is no such application: spans would be dropped silently."""
    WITHHELD = "withheld"
    """This key may not read it, or the answer has no name that can be shown."""
    UNSURE = "unsure"
    """The look-up failed this time."""


@dataclass(frozen=True, slots=True)
class Application:
    """A result and, only with `Known.NAME`, the name."""

    known: Known
    name: str | None = None


async def read_application(session: aiohttp.ClientSession, target: ProbeTarget) -> Application:
    """Look the application up. Never raises because of the server; the caller sets the time limit."""
    url = f"{target.base}/v3/applications/{target.application_id}"
    try:
        async with session.get(url, allow_redirects=False) as response:
            body = await read_at_most(response, ANSWER_LIMIT)
            return _judge_application(response.status, body, target.key)
    except (aiohttp.ClientError, OSError):
        return Application(Known.UNSURE)


def _judge_application(status: int, body: bytes, key: str) -> Application:
    """The result for an answer. A name that repeats the key is not shown."""
    if status == TOO_MANY or status >= 500:  # noqa: PLR2004 - the class of server errors
        return Application(Known.UNSURE)
    content = _parse(body)
    if status == 404 and _says_object_not_found(content):  # noqa: PLR2004 - HTTP's own number
        return Application(Known.MISSING)
    name = _name(content) if status == 200 else None  # noqa: PLR2004 - HTTP's own number
    if name is None or key in name:
        return Application(Known.WITHHELD)
    return Application(Known.NAME, name)


def _parse(body: bytes) -> Any:
    if len(body) > ANSWER_LIMIT:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _name(content: Any) -> str | None:
    data = content.get("data", content) if isinstance(content, dict) else None
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        return None
    return name.strip()[:NAME_LIMIT]


def _says_object_not_found(content: Any) -> bool:
    """Whether any `reason` in the answer is ObjectNotFound; a plain 404 may come from a server without this API."""
    pending = [content]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if part.get("reason") == "ObjectNotFound":
                return True
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return False
