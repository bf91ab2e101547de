"""Looks for the spans of an application: Fiddler's REST API, `POST /v3/spans/query`.

Advisory: a key may be allowed to send spans but not to read them. The limits of `probe.sessions` apply; no text of a span is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import aiohttp
import orjson

from fiddler_kong_operator.plan.acceptance.endpoint import RefusedAddress, parse_endpoint
from fiddler_kong_operator.plan.arrivals import SAMPLE, WINDOW, Arrivals, QueryOutcome, Sighting
from fiddler_kong_operator.settings import ProbeSettings

from .resolver import Resolve
from .sessions import Sessions, read_at_most
from .target import Answer, ProbeTarget

__all__ = ["BODY_LIMIT", "DEPTH", "PAGES", "SpanReader", "judge_spans"]

BODY_LIMIT: Final = 2 * 1024 * 1024
"""Most bytes of an answer that are read: it has the text of each call."""

PAGES: Final = (20, 2)
"""Spans to ask for; fewer where the first answer is too long. Without Fiddler's mapping one call has several spans."""

DEPTH: Final = 5
"""Pages that are read at most for the spans of one session: in a busy application many others are newer."""

AHEAD: Final = 300.0
"""Seconds by which a gateway's clock may be ahead of the operator's."""

_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content"})
"""First words of the names of Kong's spans that Fiddler maps."""
_OTHERS: Final = frozenset({"embeddings"})
"""First words of the names of Kong's other GenAI spans, which Fiddler's mapping does not name."""
_UNMAPPED: Final = "kong"
"""Fiddler drops Kong's own spans, whose names begin so: one that is shown was not taken for Kong's."""
_UNKNOWN_AGENT: Final = "<UNKNOWN_AGENT>"

_REFUSALS: Final = frozenset({401, 403})
_OK: Final = 200


class SpanReader:
    """Looks for spans. One for the whole process; it holds no connection and no state about applications."""

    def __init__(self, settings: ProbeSettings, *, resolve: Resolve | None = None, wall_clock: Callable[[], float] = time.time) -> None:
        """Read the CA bundle; CannotTrust if it cannot be read. `resolve` and `wall_clock` (seconds since the epoch) are for tests."""
        self._settings = settings
        self._sessions = Sessions(settings, settings.concurrency, resolve, wall_clock)
        self._now = wall_clock

    def close(self) -> None:
        """Release the resolver's threads."""
        self._sessions.close()

    async def ask(self, target: ProbeTarget, session: str | None = None) -> Answer[Arrivals]:
        """Look once, within `settings.timeout` seconds; only for spans of `session`, if given. Never raises because of the server."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await self._ask(target, session)
        except RefusedAddress:
            return _unanswered("has an address that the operator does not ask")
        except TimeoutError:
            return _unanswered("did not answer within the time limit")
        except (aiohttp.ClientError, OSError, UnicodeError):  # their texts hold addresses, and may hold more
            return _unanswered("could not be reached")

    async def _ask(self, target: ProbeTarget, wanted: str | None) -> Answer[Arrivals]:
        endpoint = parse_endpoint(target.url, allow_http=self._settings.allow_http, hop=target.hop)
        addresses = await self._sessions.addresses(endpoint)
        async with self._sessions.open(target, addresses) as session:
            for size in PAGES:
                answer, whole = await self._pages(session, target, size, wanted)
                if whole:
                    return answer
        return _unanswered(f"answers with more than {BODY_LIMIT // 1024 // 1024} MiB for {PAGES[-1]} spans")

    async def _pages(
        self, session: aiohttp.ClientSession, target: ProbeTarget, size: int, wanted: str | None
    ) -> tuple[Answer[Arrivals], bool]:
        """The answer of the newest page, or of the first with spans of the wanted session; and whether it could be read as a whole."""
        answer, length, items = await self._query(session, target, range(size), wanted)
        for page in range(1, DEPTH if wanted else 1):
            if answer.result.sightings or items < size:
                break
            older, longer, items = await self._query(session, target, range(page * size, (page + 1) * size), wanted)
            if older.result.outcome is not QueryOutcome.READ or longer > BODY_LIMIT:
                break
            answer = older
        return answer, length <= BODY_LIMIT

    async def _query(
        self, session: aiohttp.ClientSession, target: ProbeTarget, page: range, wanted: str | None
    ) -> tuple[Answer[Arrivals], int, int]:
        """The answer for the spans at these places of the list, its length in bytes and, for a wanted session, the number of its items."""
        now = self._now()
        body = _build_query(target.application_id, now, page)
        async with session.post(f"{target.base}/v3/spans/query", json=body, allow_redirects=False) as response:
            content = await read_at_most(response, BODY_LIMIT) if response.status == _OK else b""
            found = judge_spans(response.status, content, now, wanted)
            return Answer(found, self._sessions.retry_after(response)), len(content), len(_items(content) or ()) if wanted else 0


def _build_query(application_id: str, now: float, page: range) -> dict[str, Any]:
    span = {"start_time": _iso(now - WINDOW), "end_time": _iso(now + AHEAD)}
    return {"application_id": application_id, **span, "ordering": "-start_time", "page_size": len(page), "offset": page.start}


def judge_spans(status: int, body: bytes, now: float, session: str | None = None) -> Arrivals:
    """The result of an answer at `now`, in seconds since the epoch: of all spans, or those of `session`. Nothing of its text is kept."""
    if status in _REFUSALS:
        return Arrivals(QueryOutcome.REFUSED, problem=f"answers {status}")
    if status != _OK:
        return Arrivals(QueryOutcome.UNANSWERED, problem=f"answers {status}")
    items = _items(body)
    if items is None:
        return Arrivals(QueryOutcome.UNANSWERED, problem="answers in a form that the operator does not know")
    times = (now - WINDOW, now + AHEAD)
    wanted = (item for item in items if isinstance(item, Mapping) and session in (None, item.get("session_id")))
    found = (sighting for item in wanted if (sighting := _sighting(item)) and times[0] <= sighting.started <= times[1])
    latest = sorted(found, key=lambda sighting: sighting.started, reverse=True)
    return Arrivals(QueryOutcome.READ, tuple(islice(latest, SAMPLE)))


def _items(body: bytes) -> list[Any] | None:
    try:
        content = orjson.loads(body)
    except ValueError:
        return None
    data = content.get("data") if isinstance(content, dict) else None
    items = data.get("items") if isinstance(data, dict) else None
    return items if isinstance(items, list) else None


def _sighting(item: Mapping[str, Any]) -> Sighting | None:
    """A span of Kong; None for what others send to the application, such as an agent's own spans, and for what has no time."""
    started, name = _seconds(item.get("start_time")), str(item.get("name") or "")
    operation = name.split(" ", 1)[0]
    if started is None:
        return None
    if str(item.get("span_type") or "").casefold() == "llm":
        return Sighting(started, True, bool(item.get("input") or item.get("output")), _has_session(item), _has_agent(item))  # noqa: FBT003 - a fact
    if operation in _OPERATIONS or name.startswith(_UNMAPPED):
        return Sighting(started, recognized=False)
    return Sighting(started, recognized=True, session=_has_session(item)) if operation in _OTHERS else None


def _has_session(item: Mapping[str, Any]) -> bool | None:
    session, trace = (str(item.get(name) or "").replace("-", "").lower() for name in ("session_id", "trace_id"))
    return session != trace if session and trace else None


def _has_agent(item: Mapping[str, Any]) -> bool | None:
    agent = item.get("agent_name")
    return str(agent) != _UNKNOWN_AGENT if agent else None


def _seconds(moment: Any) -> float | None:
    try:
        parsed = datetime.fromisoformat(moment)
    except (ValueError, TypeError):
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _unanswered(problem: str) -> Answer[Arrivals]:
    return Answer(Arrivals(QueryOutcome.UNANSWERED, problem=problem))
