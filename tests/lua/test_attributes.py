"""The generated Lua for attributes: each is stamped on every span, and whatever it holds stays data."""

from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.api import Attribute
from fiddler_kong_operator.plan.plugins.pre_function import (
    MAX_LENGTH,
    build_access,
    build_attributes_access,
    build_attributes_stamp,
    build_stamp,
)
from tests.lua.request import Request

AGENT, TEAM, TENANT = "gen_ai.agent.name", "fiddler.session.user.team", "fiddler.span.user.tenant"
ATTRIBUTES = [Attribute(name=AGENT, value="support-bot"), Attribute(name=TEAM, from_header="X-Team"), Attribute(name=TENANT, value="a/b")]


def phases(*attributes: Attribute) -> dict[str, str]:
    stamp = build_attributes_stamp(attributes)
    return {"access": build_attributes_access(attributes), "header_filter": stamp, "log": stamp}


def request_with(*attributes: Attribute, **headers: bytes) -> Request:
    return Request({name.replace("_", "-"): (value,) for name, value in headers.items()}, phases(*attributes))


def stamps(span: Any) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in span[b"attributes"].items()}


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({}, {}),
        ({"X_Team": b"platform"}, {TEAM: "platform"}),
        ({"X_Team": b"'; os.exit() --"}, {TEAM: "'; os.exit() --"}),
        ({"X_Team": b""}, {}),
        ({"X_Team": b"   "}, {}),
        ({"X_Team": b"x" * MAX_LENGTH}, {TEAM: "x" * MAX_LENGTH}),
        ({"X_Team": b"x" * (MAX_LENGTH + 1)}, {}),
        ({"X_Team": b"a\x00b"}, {}),
        ({"X_Team": b"a\r\nb"}, {}),
        ({"X_Team": b"\xff\xfe"}, {}),
        ({"X_Team": "Größe".encode()}, {}),
    ],
)
def test_every_span_carries_the_fixed_ones_and_those_that_the_client_sent(headers: dict[str, bytes], sent: dict[str, str]) -> None:
    request = request_with(*ATTRIBUTES, **headers)
    spans = request.trace(b"kong", b"chat gpt-4o-mini")
    request.run("access")
    assert [stamps(span) for span in spans] == [{}, {}]
    request.run("header_filter")
    assert [stamps(span) for span in spans] == [{AGENT: "support-bot", TENANT: "a/b"} | sent] * 2


def test_spans_made_late_are_stamped_in_log() -> None:
    request = request_with(*ATTRIBUTES)
    request.trace(b"kong")
    request.run("access", "header_filter")
    late = request.fake.span(b"chat gpt-4o-mini")
    request.ctx[b"KONG_SPANS"][2] = late
    request.run("log")
    assert stamps(late) == {AGENT: "support-bot", TENANT: "a/b"}


def test_of_a_repeated_header_the_first_counts() -> None:
    request = Request({"X-Team": (b"first", b"second")}, phases(ATTRIBUTES[1]))
    (span,) = request.trace(b"kong")
    request.run()
    assert stamps(span) == {TEAM: "first"}


def test_one_request_s_values_are_not_the_next_one_s() -> None:
    request = request_with(*ATTRIBUTES, X_Team=b"platform")
    request.run()
    request.environment[b"kong"][b"request"][b"get_header"] = request.evaluate("function() end")
    request.ctx = request.environment[b"ngx"][b"ctx"] = request.lua.table()
    (span,) = request.trace(b"kong")
    request.run()
    assert stamps(span) == {AGENT: "support-bot", TENANT: "a/b"}


def test_the_conversation_id_is_stamped_beside_them() -> None:
    headers = {"X-Team": (b"platform",), "X-Chat": (b"c-1",)}
    request = Request(headers, phases(*ATTRIBUTES))
    (span,) = request.trace(b"kong")
    for phase, code in (("access", build_access(["X-Chat"])), ("header_filter", build_stamp())):
        request.run(phase)
        ok, left_behind, problem = request.fake.run(request.fake.load(code.encode(), request.environment), request.environment)
        assert (ok, left_behind, problem) == (True, 0, None)
    expected = {AGENT: "support-bot", TENANT: "a/b", TEAM: "platform", "gen_ai.conversation.id": "c-1"}
    assert stamps(span) == expected


HOSTILE = [
    '"', '""', '"]]', "\\", '\\"', "\\\\", '\\"; os.exit() --', '" .. (function() hacked = true end)() .. "', "]] hacked = true --[[",
    "'", "\\n", "\\0", "\\x22", "%s%d", "$(hacked)", "${hacked}", "{vault://env/x}", "--", "--[[", "@VALUES@", "@NAMES@", "@MAX_LENGTH@",
    "@IDS@", "@REMEMBER@", "end", ",", "}", "".join(map(chr, range(32, 127))), "~" * 256,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_escapes_from_its_string(text: str) -> None:
    """Even those that the API refuses, as a value and as a name."""
    request = request_with(
        Attribute.model_construct(name="first", value=text), Attribute.model_construct(name=text, value="last"), X_Team=b"platform"
    )
    spans = request.trace(b"kong", b"chat gpt-4o-mini")
    request.run()
    assert [stamps(span) for span in spans] == [{"first": text, text: "last"}] * 2
    assert request.environment[b"hacked"] is None


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "a\x7f", "ü", "\u202e", "\ud800"])
def test_other_texts_do_not_get_into_the_lua(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        build_attributes_access([Attribute.model_construct(name="a", value=text)])
    with pytest.raises(ValueError, match="printable ASCII"):
        build_attributes_stamp([Attribute.model_construct(name=text, value="a")])


@pytest.mark.parametrize("header", ["", "X Y", 'X")) os.exit()', "X-Ü", "X\n", "1X", "X" * 65, "X_Y"])
def test_nothing_but_a_plain_header_name_gets_into_the_lua(header: str) -> None:
    with pytest.raises(ValueError, match="name of a header"):
        build_attributes_access([Attribute.model_construct(name="a", value=None, from_header=header)])


@pytest.mark.parametrize("context", ["nil", "{}", "setmetatable({}, {__index = function() error('x') end})"])
@pytest.mark.parametrize("kong", ["nil", "{request = {get_header = function() error('x') end}}"])
def test_a_gateway_that_is_not_as_expected_is_no_error_for_the_caller(context: str, kong: str) -> None:
    request = request_with(*ATTRIBUTES)
    request.environment[b"ngx"] = request.evaluate(f"{{ctx = {context}}}")
    request.environment[b"kong"] = request.evaluate(kong)
    request.run()


@pytest.mark.parametrize(
    "remembered", ["7", "'text'", "true", "{true, {}, print}", "setmetatable({}, {__index = function() error('x') end})"]
)
def test_what_others_put_into_the_request_s_context_is_no_error_for_the_caller(remembered: str) -> None:
    request = request_with(*ATTRIBUTES)
    request.trace(b"kong")
    request.run("access")
    request.ctx[b"fiddler_attributes"] = request.evaluate(remembered)
    request.run("header_filter", "log")


def test_a_broken_span_does_not_keep_the_others_from_their_stamps() -> None:
    request = request_with(*ATTRIBUTES)
    spans = request.trace(b"kong", b"middle", b"chat gpt-4o-mini")
    request.ctx[b"KONG_SPANS"][2] = request.fake.broken_span()
    request.run()
    assert [stamps(span) for span in (spans[0], spans[2])] == [{AGENT: "support-bot", TENANT: "a/b"}] * 2
