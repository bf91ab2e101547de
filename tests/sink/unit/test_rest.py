from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from fiddler_kong_sink.faults import Fault, Surface
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import SinkSettings
from tests.sink.exports import APPLICATION, HEADERS, KEY, OTHER_APPLICATION, RESOURCE, call, export, span
from tests.sink.unit.conftest import Send

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
Call = tuple[int, dict[str, Any]]


async def get(client: aiohttp.ClientSession, url: str, headers: dict[str, str] = AUTHORIZED) -> Call:
    async with client.get(url, headers=headers) as response:
        return response.status, await response.json()


async def query(client: aiohttp.ClientSession, sink: Sink, **body: Any) -> Call:
    request = {"application_id": APPLICATION, **body}
    async with client.post(f"{sink.url}/v3/spans/query", json=request, headers=AUTHORIZED) as response:
        return response.status, await response.json()


async def test_application_has_name_and_project(sink: Sink, client: aiohttp.ClientSession) -> None:
    status, body = await get(client, f"{sink.url}/v3/applications/{APPLICATION}")

    assert (status, body["kind"], body["api_version"]) == (200, "NORMAL", "3.0")
    assert (body["data"]["id"], body["data"]["name"], body["data"]["project"]["name"]) == (APPLICATION, "assistant", "support")


@pytest.mark.parametrize("wrong", [OTHER_APPLICATION, "no-uuid"])
async def test_unknown_application_is_404(sink: Sink, client: aiohttp.ClientSession, wrong: str) -> None:
    status, body = await get(client, f"{sink.url}/v3/applications/{wrong}")

    assert (status, body["kind"], body["error"]["code"]) == (404, "ERROR", 404)
    assert body["error"]["errors"][0]["reason"] == "ObjectNotFound"


@pytest.mark.parametrize("path", [f"applications/{APPLICATION}", "server-info", "nothing"])
@pytest.mark.parametrize(
    ("headers", "expected"), [({}, 401), ({"Authorization": "Bearer x"}, 401), ({"Authorization": "Bearer read-only"}, 403)]
)
async def test_key_is_checked(sink: Sink, client: aiohttp.ClientSession, path: str, headers: dict[str, str], expected: int) -> None:
    status, body = await get(client, f"{sink.url}/v3/{path}", headers)

    assert (status, body["kind"], body["error"]["code"]) == (expected, "ERROR", expected)


async def test_key_for_ingestion_only_is_refused(client: aiohttp.ClientSession) -> None:
    async with Sink(SinkSettings(api_key=SecretStr(KEY), ingest_only=True)) as sink:
        status, _ = await get(client, f"{sink.url}/v3/applications/{APPLICATION}")
        async with client.post(f"{sink.url}/v1/traces", data=b"", headers=HEADERS) as response:
            assert (status, response.status) == (403, 200)


async def test_server_info_names_version_and_organization(sink: Sink, client: aiohttp.ClientSession) -> None:
    _, body = await get(client, f"{sink.url}/v3/server-info")

    assert body["data"].keys() == {"feature_flags", "server_version", "organization"}


async def test_query_before_any_traffic_is_empty(sink: Sink, client: aiohttp.ClientSession) -> None:
    status, body = await query(client, sink)

    assert (status, body["kind"], body["data"]["total"], body["data"]["items"]) == (200, "PAGINATED", 0, [])


async def test_query_returns_spans_newest_first(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    for turn in (1, 2, 3):
        await send(export(call(turn, prompt=f"q{turn}", **{"gen_ai.conversation.id": "c"})))
    _, body = await query(client, sink, page_size=2, ordering="-start_time")

    data = body["data"]
    assert [item["input"] for item in data["items"]] == ["q3", "q2"]
    assert (data["total"], data["item_count"], data["page_count"], data["page_index"], data["offset"]) == (3, 2, 2, 1, 0)
    first = data["items"][0]
    assert (first["name"], first["span_type"], first["session_id"]) == ("chat gpt-4o-mini", "llm", "c")
    assert (first["agent_name"], first["status_code"], first["output"]) == ("<UNKNOWN_AGENT>", "UNSET", "Paris.")


async def test_query_pages(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    await send(export([span(number=number) for number in range(1, 6)]))
    _, body = await query(client, sink, page_size=2, offset=4, ordering=["start_time"])

    assert ([item["span_id"] for item in body["data"]["items"]], body["data"]["page_index"]) == ([f"{105:016x}"], 3)


async def test_query_explains_a_missing_conversation_header(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    await send(export(call()))
    _, body = await query(client, sink)

    [item] = body["data"]["items"]
    assert item["session_id"] == item["trace_id"]


async def test_query_explains_a_wrong_service_name(sink: Sink, client: aiohttp.ClientSession, send: Send) -> None:
    await send(export([span()], {**RESOURCE, "service.name": "gateway"}))
    _, body = await query(client, sink)

    assert [(item["span_type"], item["input"]) for item in body["data"]["items"]] == [("Unknown", "")]


@pytest.mark.parametrize(
    ("rules", "total"),
    [
        ([{"field": "session_id", "operator": "equal", "value": "c1"}], 1),
        ([{"field": "session_id", "operator": "not_equal", "value": "c1"}], 1),
        ([{"field": "session_id", "operator": "in", "value": ["c1", "c2"]}], 2),
        ([{"field": "session_id", "operator": "not_in", "value": ["c1", "c2"]}], 0),
        ([{"field": "name", "operator": "begins_with", "value": "chat"}], 2),
        ([{"field": "input", "operator": "contains", "value": "capital"}], 2),
        ([{"field": "name", "operator": "ends_with", "value": "turbo"}], 0),
        ([{"field": "input", "operator": "is_empty"}], 0),
        ([{"field": "input", "operator": "is_not_empty"}], 2),
        ([{"condition": "OR", "rules": [{"field": "session_id", "operator": "equal", "value": one} for one in ("c1", "c2")]}], 2),
        ([], 2),
    ],
)
async def test_query_filters(sink: Sink, client: aiohttp.ClientSession, send: Send, rules: list[Any], total: int) -> None:
    for trace in (1, 2):
        await send(export(call(trace, **{"gen_ai.conversation.id": f"c{trace}"})))
    _, body = await query(client, sink, filter={"condition": "AND", "rules": rules})

    assert body["data"]["total"] == total


@pytest.mark.parametrize(
    ("times", "total"),
    [
        ({"start_time": "2026-05-28T20:26:39Z"}, 1),
        ({"start_time": "2000-01-01T00:00:00", "end_time": "2000-01-02T00:00:00"}, 0),
        ({"end_time": "2100-01-01T00:00:00+02:00"}, 1),
        ({"start_time": "2100-01-01T00:00:00Z"}, 0),
    ],
)
async def test_query_is_limited_in_time(sink: Sink, client: aiohttp.ClientSession, send: Send, times: dict[str, str], total: int) -> None:
    await send(export(call()))
    _, body = await query(client, sink, **times)

    assert body["data"]["total"] == total


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"application_id": "x"}, "application_id"),
        ({"page_size": 0}, "page_size"),
        ({"offset": -1}, "offset"),
        ({"ordering": "-secret"}, "ordering"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"filter": {"rules": [{"field": "name", "operator": "regex", "value": "."}]}}, "filter"),
    ],
)
async def test_bad_query_is_explained(sink: Sink, client: aiohttp.ClientSession, body: dict[str, Any], word: str) -> None:
    status, answer = await query(client, sink, **body)

    assert (status, word in answer["error"]["message"]) == (400, True)


async def test_query_of_an_unknown_application_is_404(sink: Sink, client: aiohttp.ClientSession) -> None:
    assert (await query(client, sink, application_id=OTHER_APPLICATION))[0] == 404


async def test_faults_of_the_rest_interface_have_its_envelope(sink: Sink, client: aiohttp.ClientSession) -> None:
    sink.faults.set(Fault(mode="429", retry_after=3, surface=Surface.REST))
    async with client.get(f"{sink.url}/v3/server-info", headers=AUTHORIZED) as response:
        body = await response.json()

    assert (response.status, response.headers["Retry-After"], body["error"]["code"]) == (429, "3", 429)
