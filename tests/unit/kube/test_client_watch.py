from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.errors import Expired, FiddlerKongError, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client, WatchEvent
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.kinds import SECRET, SERVICE
from tests.unit.kube.api_server import NEXT_TOKEN, TOKEN, Answer, answer, connected, failure, hang_up, refusal, stream
from tests.unit.observe.objects import service


def line(event_type: str, raw: Manifest) -> bytes:
    return json.dumps({"type": event_type, "object": raw}).encode() + b"\n"


async def watched(*answers: Answer) -> list[WatchEvent]:
    async with connected(*answers) as (_, client):
        return [event async for event in client.watch(SERVICE, None, "5")]


async def cut_short(*answers: Answer) -> tuple[list[WatchEvent], FiddlerKongError]:
    """The events of a watch, and the error that ended it."""
    seen: list[WatchEvent] = []

    async def follow(client: Client) -> None:
        async for event in client.watch(SERVICE, None, "5"):
            seen.append(event)  # noqa: PERF401 - what came before the error counts

    async with connected(*answers) as (_, client):
        with pytest.raises(FiddlerKongError) as caught:
            await follow(client)
    return seen, caught.value


async def test_a_watch_asks_for_what_comes_after_a_version() -> None:
    async with connected(stream()) as (server, client):
        assert [event async for event in client.watch(SECRET, "ai", "5")] == []
    (sent,) = server.asked
    assert sent.path == "/api/v1/namespaces/ai/secrets"
    assert sent.query == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "timeoutSeconds": "240",
        "fieldSelector": "type!=helm.sh/release.v1",
    }


async def test_events_come_in_order_until_the_server_ends_the_watch() -> None:
    bookmark = {"metadata": {"resourceVersion": "8"}}
    events = await watched(stream(line("ADDED", service()), line("DELETED", service(version=7)) + line("BOOKMARK", bookmark)))
    assert events == [("ADDED", service()), ("DELETED", service(version=7)), ("BOOKMARK", bookmark)]


async def test_a_line_may_be_longer_than_any_buffer() -> None:
    large = service(annotations={"note": "x" * 5_000_000})
    assert await watched(stream(line("ADDED", large))) == [("ADDED", large)]


async def test_a_line_may_arrive_in_pieces() -> None:
    text = line("ADDED", service()) + line("MODIFIED", service(version=2))
    assert [event.type for event in await watched(stream(*(text[i : i + 7] for i in range(0, len(text), 7))))] == ["ADDED", "MODIFIED"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=3), max_size=5), st.lists(st.integers(0, 400), max_size=6))
async def test_events_do_not_depend_on_how_they_are_chunked(names: list[str], cuts: list[int]) -> None:
    text = b"\n".join(line("ADDED", {"metadata": {"name": name}}) for name in names)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    events = await watched(stream(*(text[start:end] for start, end in pairwise(edges) if start < end)))
    assert [event.object["metadata"]["name"] for event in events] == names


async def test_an_unfinished_line_is_no_event() -> None:
    assert await watched(stream(line("ADDED", service()), b'{"type": "ADDED", "obj')) == [("ADDED", service())]


async def test_a_version_that_is_too_old_is_told_by_an_event() -> None:
    seen, error = await cut_short(stream(line("ADDED", service()), line("ERROR", failure(410, "too old resource version", "Expired"))))
    assert ([event.type for event in seen], type(error)) == (["ADDED"], Expired)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(failure(500, "boom"), Transient), (failure(403, "no"), Refused), ({"kind": "Status"}, Transient)],
    ids=["internal", "forbidden", "without code"],
)
async def test_other_error_events_become_their_errors(status: Manifest, expected: type[FiddlerKongError]) -> None:
    assert type((await cut_short(stream(line("ERROR", status))))[1]) is expected


@pytest.mark.parametrize(("code", "expected"), [(403, Refused), (404, Gone), (410, Expired), (429, Transient), (503, Transient)])
async def test_a_watch_may_be_refused_at_once(code: int, expected: type[FiddlerKongError]) -> None:
    assert type((await cut_short(refusal(code)))[1]) is expected


async def test_a_busy_server_says_how_long_a_watch_must_wait() -> None:
    error = (await cut_short(answer("busy", 429, Retry_After="4")))[1]
    assert isinstance(error, Transient)
    assert error.retry_after == 4.0


async def test_a_connection_that_is_cut_ends_the_watch_after_what_arrived() -> None:
    seen, error = await cut_short(stream(line("ADDED", service()), b'{"type"', cut=True))
    assert ([event.type for event in seen], type(error)) == (["ADDED"], Transient)


async def test_a_server_that_hangs_up_is_transient() -> None:
    assert type((await cut_short(hang_up, hang_up))[1]) is Transient


@pytest.mark.parametrize("text", [b"<html>\n", b"[]\n", b'{"type": "ADDED"}\n', b"null\n", b"\xff\n", b'{"type": "ERROR", "object": 5}\n'])
async def test_what_is_no_event_ends_the_watch(text: bytes) -> None:
    error = (await cut_short(stream(text)))[1]
    assert str(error) == "watch Service: the watch sent something that is not an event"


async def test_a_watch_renews_credentials() -> None:
    async with connected(refusal(401), stream(line("ADDED", service()))) as (server, client):
        assert [event.type async for event in client.watch(SERVICE, None, "5")] == ["ADDED"]
    assert [sent.token for sent in server.asked] == [TOKEN, NEXT_TOKEN]
