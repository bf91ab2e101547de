from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from fiddler_kong_operator.api import Attribute
from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_attributes_access, build_attributes_stamp, build_stamp

from .conftest import TRACING, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Rig


async def test_phases_run_in_order_with_one_context_for_each_request(rig: Rig) -> None:
    await rig.accept(
        pre_function={
            "access": ["ngx.ctx.trail = (ngx.ctx.trail or '') .. 'access'"],
            "header_filter": ["kong.response.set_header('X-Trail', ngx.ctx.trail .. ' header_filter')"],
            "log": ["kong.log.notice('trail: ', ngx.ctx.trail, ' status ', kong.response.get_status())"],
        }
    )
    for _ in range(2):
        _, _, headers = await rig.chat()
        assert headers["x-trail"] == "access header_filter"
    assert rig.gateway.error_log == ("notice: trail: access status 200",) * 2


async def test_attribute_set_in_the_log_phase_is_exported(rig: Rig) -> None:
    code = "for _, s in ipairs(kong.tracing.get_spans()) do s:set_attribute('late', s.name) end"
    await rig.accept(pre_function={"log": [code], "access": [], "header_filter": []})
    await rig.chat(stream=True)
    await rig.delivered()
    assert rig.receiver.named("chat gpt-4o-mini")["late"] == "chat gpt-4o-mini"


async def test_spans_made_in_the_access_phase_are_seen_by_header_filter(rig: Rig) -> None:
    code = "kong.response.set_header('X-Spans', #ngx.ctx.KONG_SPANS)"
    await rig.accept(pre_function={"header_filter": [code]})
    assert (await rig.chat())[2]["x-spans"] == "6"


async def test_without_tracing_there_are_no_spans_to_see(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(replace(TRACING, instrumentations=frozenset({"off"})))
    code = "kong.response.set_header('X-Spans', tostring(ngx.ctx.KONG_SPANS) .. tostring(kong.tracing.get_spans()))"
    await rig.accept(pre_function={"header_filter": [code]})
    assert (await rig.chat())[2]["x-spans"] == "nilnil"


async def test_error_before_the_answer_is_a_500(rig: Rig) -> None:
    await rig.accept(pre_function={"access": ["error('broken on purpose')"]})
    status, answer, _ = await rig.chat()
    assert (status, answer["message"]) == (500, "An unexpected error occurred")
    assert any("broken on purpose" in line for line in rig.gateway.error_log)


async def test_error_in_header_filter_ends_the_connection_without_an_answer(rig: Rig) -> None:
    await rig.accept(pre_function={"header_filter": ["error('broken on purpose')"]})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await rig.chat()
    await rig.delivered()
    assert rig.receiver.named("kong")["http.status_code"] == 200
    assert any("header_filter" in line and "broken on purpose" in line for line in rig.gateway.error_log)


async def test_an_answer_of_the_gateways_own_passes_header_filter_too(rig: Rig) -> None:
    await rig.accept(pre_function={"header_filter": ["kong.response.set_header('X-Status', kong.response.get_status())"]})
    status, _, headers = await rig.chat(model="another")
    assert (status, headers["x-status"]) == (400, "400")


@pytest.mark.parametrize("name", ["X_Fiddler_Conversation_Id", "x-fiddler_conversation-id"])
async def test_a_header_is_read_in_any_spelling_with_underscores(rig: Rig, name: str) -> None:
    await rig.accept()
    await rig.chat(headers={name: "c-1"})
    await rig.delivered()
    assert rig.receiver.named("chat gpt-4o-mini")["gen_ai.conversation.id"] == "c-1"


async def test_the_spelling_with_hyphens_comes_first(rig: Rig) -> None:
    await rig.accept()
    await rig.chat(headers={"X_Fiddler_Conversation_Id": "c-1", "X-Fiddler-Conversation-Id": "c-2"})
    await rig.delivered()
    assert rig.receiver.named("chat gpt-4o-mini")["gen_ai.conversation.id"] == "c-2"


async def test_error_in_the_log_phase_is_only_logged(rig: Rig) -> None:
    await rig.accept(pre_function={"log": ["error('late')"]})
    assert (await rig.chat())[0] == 200
    await rig.delivered()
    assert any("late" in line for line in rig.gateway.error_log)


async def test_untrusted_lua_off_fails_every_request(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(replace(TRACING, untrusted_lua="off"))
    await rig.accept()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await rig.chat()
    assert rig.provider.seen == []


@pytest.mark.parametrize("mode", ["on", "sandbox", "lax", "strict"])
async def test_pages_lua_runs_in_every_other_mode(make_rig: Callable[..., Any], mode: str) -> None:
    rig = await make_rig(replace(TRACING, untrusted_lua=mode))
    await rig.accept()
    assert (await rig.chat(headers={"X-Fiddler-Conversation-Id": "c-1"}))[0] == 200
    await rig.delivered()
    assert rig.receiver.named("chat gpt-4o-mini")["gen_ai.conversation.id"] == "c-1"


@pytest.mark.parametrize("mode", ["on", "sandbox", "lax", "strict"])
async def test_the_operators_lua_runs_in_every_other_mode(make_rig: Callable[..., Any], mode: str) -> None:
    rig = await make_rig(replace(TRACING, untrusted_lua=mode))
    stamp = build_stamp()
    access = build_access(["X-Fiddler-Conversation-Id"])
    await rig.accept(pre_function={"access": [access], "header_filter": [stamp], "log": [stamp]})
    seen = []
    for headers in ({"X-Fiddler-Conversation-Id": "c-1"}, {}, {"X-Fiddler-Conversation-Id": "c-2"}):
        rig.receiver.bodies.clear()
        assert (await rig.chat(headers=headers))[0] == 200
        await until(lambda: rig.receiver.bodies, "the call's spans arrive")
        seen.append(rig.receiver.named("chat gpt-4o-mini").get("gen_ai.conversation.id"))
    assert (seen, rig.gateway.error_log) == (["c-1", None, "c-2"], ())


@pytest.mark.parametrize("mode", ["on", "sandbox", "lax", "strict"])
async def test_the_lua_for_attributes_runs_in_every_other_mode(make_rig: Callable[..., Any], mode: str) -> None:
    rig = await make_rig(replace(TRACING, untrusted_lua=mode))
    attributes = [Attribute(name="gen_ai.agent.name", value="support-bot"), Attribute(name="fiddler.span.user.team", from_header="X-Team")]
    stamps = [build_stamp(), build_attributes_stamp(attributes)]
    access = [build_access(["X-Old", "X-Chat"]), build_attributes_access(attributes)]
    await rig.accept(pre_function={"access": access, "header_filter": stamps, "log": stamps})
    seen = []
    for headers in ({"X-Team": "a", "X-Chat": "c-1"}, {}, {"X-Team": "b"}):
        rig.receiver.bodies.clear()
        assert (await rig.chat(headers=headers))[0] == 200
        await until(lambda: rig.receiver.bodies, "the call's spans arrive")
        found = rig.receiver.named("chat gpt-4o-mini")
        seen.append([found.get(name) for name in ("gen_ai.agent.name", "fiddler.span.user.team", "gen_ai.conversation.id")])
    assert (seen, rig.gateway.error_log) == ([["support-bot", "a", "c-1"], ["support-bot", None, None], ["support-bot", "b", None]], ())


@pytest.mark.parametrize(("mode", "code", "status"), [
    ("on", "setmetatable({}, {})", 200),
    ("sandbox", "setmetatable({}, {})", 500),
    ("sandbox", "require 'cjson'", 500),
    ("sandbox", "kong.tracing.get_spans()", 200),
    ("strict", "kong.tracing.get_spans()", 500),
    ("on", "io.open('/etc/passwd')", 500),
    ("on", "os.execute('true')", 500),
])  # fmt: skip
async def test_what_each_mode_allows(make_rig: Callable[..., Any], mode: str, code: str, status: int) -> None:
    rig = await make_rig(replace(TRACING, untrusted_lua=mode))
    await rig.accept(pre_function={"access": [code]})
    assert (await rig.chat())[0] == status


async def test_code_may_answer_in_place_of_the_service(rig: Rig) -> None:
    await rig.accept(pre_function={"access": ["kong.response.exit(418, '{\"teapot\": true}')"]})
    assert (await rig.chat())[:2] == (418, {"teapot": True})


async def test_chunk_that_returns_a_function_is_kongs_second_form(rig: Rig) -> None:
    code = "local n = 0 return function() n = n + 1 kong.service.request.set_header('X-Count', n) end"
    await rig.accept(pre_function={"access": [code]})
    await rig.chat()
    await rig.chat()
    assert [seen.headers["x-count"] for seen in rig.provider.seen] == ["1", "2"]


async def test_wrong_attribute_values_do_not_stop_the_request(rig: Rig) -> None:
    code = "for _, s in ipairs(ngx.ctx.KONG_SPANS) do s:set_attribute('table', {}) s:set_attribute('n', 2) s:set_attribute('n', nil) end"
    await rig.accept(pre_function={"header_filter": [code]})
    assert (await rig.chat())[0] == 200
    await rig.delivered()
    assert not {"table", "n"} & rig.receiver.named("kong").keys()
