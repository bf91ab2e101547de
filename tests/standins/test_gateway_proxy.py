from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import DecodeError

from devcluster.gateway import ProcessSettings

from .conftest import PROVIDER_KEY, TRACING, Rig, page_config, until

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE_SPANS = {"kong", "kong.router", "kong.access.plugin.ai-proxy", "kong.dns", "kong.balancer", "chat gpt-4o-mini"}


async def test_call_reaches_provider_with_the_configured_key_model_and_options(rig: Rig) -> None:
    await rig.accept()
    status, answer, headers = await rig.chat()
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == "The capital of France is Paris. This was turn 1."
    assert headers["x-kong-llm-model"] == "openai/gpt-4o-mini"
    seen = rig.provider.seen[0]
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "match"
    assert seen.headers["host"] == "api.openai.com"
    assert (seen.body["max_tokens"], seen.body["temperature"], seen.body["model"]) == (512, 0.7, "gpt-4o-mini")


async def test_wrong_key_is_the_providers_401(rig: Rig) -> None:
    await rig.accept(ai_proxy={"auth": {"header_name": "Authorization", "header_value": "Bearer wrong"}})
    status, answer, _ = await rig.chat()
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    assert "wrong" not in json.dumps(answer)
    await rig.delivered()
    assert [s.status.message for s in rig.receiver.spans if s.name.startswith("chat")] == ["status 401"]


async def test_span_set_is_the_pages(rig: Rig) -> None:
    await rig.accept()
    await rig.chat(headers={"X-Fiddler-Conversation-Id": "conversation-1"})
    await rig.delivered()
    spans = rig.receiver.spans
    assert {span.name for span in spans} == PAGE_SPANS
    root, *inner = spans
    assert (root.name, root.parent_span_id) == ("kong", b"")
    assert {span.parent_span_id for span in inner} <= {span.span_id for span in spans}
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert all(0 < span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano for span in spans)


async def test_llm_span_has_the_gen_ai_attributes_and_the_conversation(rig: Rig) -> None:
    await rig.accept()
    await rig.chat(headers={"X-Fiddler-Conversation-Id": "conversation-1"})
    await rig.delivered()
    span = rig.receiver.named("chat gpt-4o-mini")
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.request.max_tokens": 512,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.conversation.id": "conversation-1",
    }
    assert {key: span.get(key) for key in expected} == expected
    assert json.loads(span["gen_ai.input.messages"])[0]["parts"][0]["content"] == "What is the capital of France?"
    assert "Paris" in span["gen_ai.output.messages"]


async def test_export_carries_headers_and_resource(rig: Rig) -> None:
    await rig.accept()
    await rig.chat()
    await rig.delivered()
    headers = rig.receiver.headers[0]
    assert headers["content-type"] == "application/x-protobuf"
    assert (headers["authorization"], headers["fiddler-application-id"]) == ("Bearer fiddler-key", "app")
    resource = {a.key: a.value.string_value for a in rig.receiver.requests[0].resource_spans[0].resource.attributes}
    assert (resource["service.name"], resource["application.id"]) == ("kong", "app")


async def test_payloads_stay_out_where_they_are_not_logged(rig: Rig) -> None:
    await rig.accept(ai_proxy={"logging": {"log_statistics": True, "log_payloads": False}})
    await rig.chat()
    await rig.delivered()
    span = rig.receiver.named("chat gpt-4o-mini")
    assert span["gen_ai.usage.input_tokens"] == 9
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & span.keys()
    assert all(b"Paris" not in body for body in rig.receiver.bodies)


async def test_streamed_answer_passes_through_and_is_counted(rig: Rig) -> None:
    await rig.accept()
    status, text, headers = await rig.chat(stream=True)
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    said = "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"])
    assert said == "The capital of France is Paris. This was turn 1."
    assert text.rstrip().endswith("data: [DONE]")
    await rig.delivered()
    span = rig.receiver.named("chat gpt-4o-mini")
    assert (span["gen_ai.usage.input_tokens"], span["gen_ai.usage.output_tokens"]) == (9, 10)
    assert "Paris" in span["gen_ai.output.messages"]
    assert "gen_ai.response.model" not in span, "before 3.14.0.3 streams do not tell the model"


async def test_own_model_is_refused(rig: Rig) -> None:
    await rig.accept()
    status, answer, _ = await rig.chat(model="gpt-4o")
    assert (status, answer) == (400, {"error": {"message": "cannot use own model - must be: gpt-4o-mini"}})
    assert rig.provider.seen == []


@pytest.mark.parametrize(
    "odd", [{"top_p": [1]}, {"top_p": 10**30}, {"top_p": "\ud800"}, {"messages": ["text", {"role": "user", "content": ["x"]}]}]
)
async def test_odd_request_does_not_block_the_export_queue(rig: Rig, odd: dict[str, Any]) -> None:
    await rig.accept()
    await rig.chat(**odd)
    await rig.chat()
    await until(lambda: rig.gateway.exports.delivered == 2 * len(PAGE_SPANS), "both traces are delivered")
    assert len(rig.receiver.spans) == 2 * len(PAGE_SPANS)


async def test_a_call_that_the_gateway_refuses_has_its_spans_and_session(rig: Rig) -> None:
    await rig.accept()
    status, _, _ = await rig.chat(model="another", headers={"X-Fiddler-Conversation-Id": "c-1"})
    await rig.delivered()
    assert {span.name for span in rig.receiver.spans} == {"kong", "kong.router", "kong.access.plugin.ai-proxy"}
    root = rig.receiver.named("kong")
    assert (status, root["http.status_code"], root["gen_ai.conversation.id"]) == (400, 400, "c-1")
    assert all(span.end_time_unix_nano for span in rig.receiver.spans)


async def test_a_request_without_a_route_is_traced_by_a_global_plugin(rig: Rig) -> None:
    config = page_config(f"{rig.receiver.listener.url}/v1/traces")
    config["plugins"] = [{name: value for name, value in plugin.items() if name != "service"} for plugin in config["plugins"]]
    assert (await rig.push(config))[0] == 201
    async with rig.client.get(f"{rig.gateway.proxy_url}/elsewhere", headers={"X-Fiddler-Conversation-Id": "c-1"}) as response:
        assert response.status == 404
    await rig.delivered()
    assert {span.name for span in rig.receiver.spans} == {"kong", "kong.router"}
    assert rig.receiver.named("kong")["http.status_code"] == 404


async def test_a_plain_upstream_url_without_a_port_is_called_at_443(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(resolve=("llm.example:443",))
    for url, status in [("http://llm.example/v1/chat/completions", 200), ("http://127.0.0.1:1/v1/chat/completions", 502)]:
        model = {"provider": "openai", "name": "gpt-4o-mini", "options": {"upstream_url": url}}
        await rig.accept(ai_proxy={"model": model})
        assert (await rig.chat())[0] == status


async def test_unknown_path_has_no_route(rig: Rig) -> None:
    await rig.accept()
    async with rig.client.get(f"{rig.gateway.proxy_url}/elsewhere") as response:
        assert response.status == 404
        assert (await response.json())["message"] == "no Route matched with those values"


@pytest.mark.parametrize("process", [ProcessSettings(untrusted_lua="on"), replace(TRACING, sampling_rate=0.0)], ids=["off", "rate 0"])
async def test_no_spans_without_the_process_settings(make_rig: Callable[..., Any], process: ProcessSettings) -> None:
    rig = await make_rig(process)
    await rig.accept()
    assert (await rig.chat(headers={"X-Fiddler-Conversation-Id": "c"}))[0] == 200
    assert rig.gateway.describe()["exports"] == {"delivered": 0, "retried": 0, "dropped": 0, "last_error": None, "queued": 0}


async def test_plugins_sampling_rate_overrides_the_process(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(replace(TRACING, sampling_rate=0.0))
    await rig.accept(opentelemetry={"sampling_rate": 1.0})
    await rig.chat()
    await rig.delivered()
    assert len(rig.receiver.spans) == len(PAGE_SPANS)


async def test_sampling_rolls_the_dice_once_for_each_request(rig: Rig) -> None:
    await rig.accept(opentelemetry={"sampling_rate": 0.5})
    dice = iter([0.4, 0.6, 0.4])
    rig.gateway.set_random(lambda: next(dice))
    for _ in range(3):
        await rig.chat()
    await until(lambda: rig.gateway.exports.delivered == 2 * len(PAGE_SPANS), "two of three traces are delivered")


async def test_old_or_open_source_kong_has_no_llm_span(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(replace(TRACING, version=(3, 12, 0, 0)))
    await rig.accept()
    await rig.chat()
    await rig.delivered()
    assert {span.name for span in rig.receiver.spans} == PAGE_SPANS - {"chat gpt-4o-mini"}


async def test_unsampled_traceparent_gives_no_spans_unless_extraction_is_off(rig: Rig) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await rig.accept()
    await rig.chat(headers={"traceparent": f"00-{trace}-b7ad6b7169203331-00"})
    assert rig.gateway.describe()["exports"]["queued"] == 0
    await rig.chat(headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    await rig.delivered()
    root = next(span for span in rig.receiver.spans if span.name == "kong")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (trace, "b7ad6b7169203331")
    await rig.accept(opentelemetry={"propagation": {"default_format": "w3c", "extract": []}})
    await rig.chat(headers={"traceparent": f"00-{trace}-b7ad6b7169203331-00"})
    await until(lambda: len(rig.receiver.spans) == 2 * len(PAGE_SPANS), "the second trace arrives")
    assert rig.receiver.spans[-1].trace_id.hex() != trace


async def test_only_200_counts_as_delivered(rig: Rig) -> None:
    await rig.accept()
    rig.receiver.status = 202
    await rig.chat()
    await until(lambda: len(rig.receiver.bodies) >= 3, "the batch is sent again and again")
    assert rig.gateway.exports.delivered == 0
    assert rig.gateway.exports.last_error == "response status 202"
    rig.receiver.status = 200
    await rig.delivered()
    assert len(set(rig.receiver.bodies)) == 1
    assert rig.gateway.exports.dropped == 0


async def test_spans_are_dropped_when_their_time_is_up(make_rig: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    rig = await make_rig(retry_time=0.2)
    await rig.accept()
    rig.receiver.status = 401
    await rig.chat()
    await until(lambda: rig.gateway.exports.dropped == len(PAGE_SPANS), "the spans are dropped")
    assert "could not be delivered: response status 401" in caplog.text
    assert "fiddler-key" not in caplog.text


async def test_any_success_counts_from_314(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(replace(TRACING, version=(3, 14, 0, 0)))
    await rig.accept()
    rig.receiver.status = 202
    await rig.chat()
    await rig.delivered()
    assert len(rig.receiver.bodies) == 1


async def test_pages_lua_lets_invalid_utf8_break_the_whole_batch(rig: Rig) -> None:
    """The reason for the filter in the operator's Lua: the page's code stamps any byte, and no receiver can decode the batch."""
    await rig.accept()
    host, port = rig.gateway.proxy_url.removeprefix("http://").split(":")
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    head = b"POST /openai HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Fiddler-Conversation-Id: a\xff\xfeb\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await rig.chat(headers={"X-Fiddler-Conversation-Id": "an innocent client"})
    writer.close()
    await rig.delivered()
    assert b"a\xff\xfeb" in b"".join(rig.receiver.bodies)
    with pytest.raises(DecodeError):
        _ = rig.receiver.requests


async def test_without_ai_proxy_the_request_goes_to_the_service(rig: Rig) -> None:
    config = page_config(f"{rig.receiver.listener.url}/v1/traces")
    config["plugins"] = [p for p in config["plugins"] if p["name"] != "ai-proxy"]
    config["upstreams"] = [{"name": "some.upstream", "targets": [{"target": "api.openai.com:443"}]}]
    config["services"][0] |= {"host": "some.upstream"}
    assert (await rig.push(config))[0] == 201
    status, _, headers = await rig.chat(headers={"Authorization": f"Bearer {PROVIDER_KEY}"})
    assert status == 200
    assert rig.provider.seen[0].path == "/v1/chat/completions"
    assert "x-kong-llm-model" not in headers


async def test_a_gateway_without_pods_answers_503(make_rig: Callable[..., Any]) -> None:
    class NoPods:
        def current(self) -> None:
            return None

    rig = await make_rig(NoPods())
    await rig.accept()
    assert (await rig.chat())[0] == 503
