"""The generated Lua in LuaJIT, Kong's interpreter: same effect as the page's Lua for a good id, and no input is an error for the caller."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import page
from fiddler_kong_operator.plan.plugins.pre_function import MAX_LENGTH, build_access, build_stamp
from tests.lua.request import Request as AnyRequest

HEADER = "X-Fiddler-Conversation-Id"
ATTRIBUTE = b"gen_ai.conversation.id"
PHASES = {"access": build_access([HEADER]), "header_filter": build_stamp(), "log": build_stamp()}

PAGE = {"access": page.ACCESS, "header_filter": page.HEADER_FILTER, "log": ""}


class Request(AnyRequest):
    """A request with these values of the conversation header."""

    def __init__(self, *values: bytes, phases: dict[str, str] = PHASES) -> None:
        super().__init__({HEADER: values} if values else {}, phases)


def stamped(span: Any) -> bytes | None:
    value: bytes | None = span[b"attributes"][ATTRIBUTE]
    return value


@pytest.mark.parametrize("phases", [PHASES, PAGE], ids=["ours", "page"])
def test_every_span_carries_the_id_before_the_export(phases: dict[str, str]) -> None:
    request = Request(b"6f1c7c0e-58ad-4f0b-9c7e-2f4f4a1b0d11", phases=phases)
    spans = request.trace(b"kong", b"kong.router", b"chat gpt-4o-mini")
    request.run("access")
    assert [stamped(span) for span in spans] == [None, None, None]
    request.run("header_filter")
    assert [stamped(span) for span in spans] == [b"6f1c7c0e-58ad-4f0b-9c7e-2f4f4a1b0d11"] * 3


def test_spans_made_late_are_stamped_in_log() -> None:
    request = Request(b"abc")
    request.trace(b"kong")
    request.run("access", "header_filter")
    late = request.fake.span(b"chat gpt-4o-mini")
    request.ctx[b"KONG_SPANS"][2] = late
    request.run("log")
    assert stamped(late) == b"abc"


@pytest.mark.parametrize(
    "value",
    [b"a", b"user@example.com / thread #7 (ok)", b" padded ", b'quote"\\]]', b"~" * MAX_LENGTH, b"%s%d$(x)${y}"],
    ids=["short", "punctuation", "padded", "quotes", "longest", "formats"],
)
def test_printable_ids_are_stamped_as_they_are(value: bytes) -> None:
    request = Request(value)
    spans = request.trace(b"kong")
    request.run()
    assert stamped(spans[0]) == value


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"   ",
        b"x" * (MAX_LENGTH + 1),
        b"x" * 7000,
        b"a\x00b",
        b"a\tb",
        b"a\r\nb",
        b"\x7f",
        b"\xff\xfe",
        b"abc\xc3",
        b"\xed\xa0\x80",
        "Gespräch".encode(),
    ],
    ids=["empty", "blank", "long", "7kB", "nul", "tab", "newline", "del", "invalid-utf8", "cut-utf8", "surrogate", "not-ascii"],
)
def test_other_ids_are_ignored(value: bytes) -> None:
    request = Request(value)
    spans = request.trace(b"kong", b"chat gpt-4o-mini")
    request.run()
    assert [stamped(span) for span in spans] == [None, None]


def test_without_the_header_nothing_is_stamped() -> None:
    request = Request()
    spans = request.trace(b"kong")
    request.run()
    assert stamped(spans[0]) is None


def test_of_a_repeated_header_the_first_counts() -> None:
    request = Request(b"first", b"second")
    spans = request.trace(b"kong")
    request.run()
    assert stamped(spans[0]) == b"first"


FIRST, SECOND, THIRD = NAMES = ["X-First", "X-Second", "X-Third"]
SEVERAL = PHASES | {"access": build_access(NAMES)}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({FIRST: b"1", SECOND: b"2", THIRD: b"3"}, b"1"),
        ({SECOND: b"2", THIRD: b"3"}, b"2"),
        ({THIRD: b"3"}, b"3"),
        ({FIRST: b"", SECOND: b"2"}, b"2"),
        ({FIRST: b"  ", SECOND: b"\xff", THIRD: b"3"}, b"3"),
        ({FIRST: b"x" * (MAX_LENGTH + 1), THIRD: b"3"}, b"3"),
        ({FIRST: b"a\r\nb", SECOND: b"\x00"}, None),
        ({HEADER: b"of another name"}, None),
        ({}, None),
    ],
)
def test_of_several_headers_the_first_with_a_usable_id_counts(headers: dict[str, bytes], expected: bytes | None) -> None:
    request = AnyRequest({name: (value,) for name, value in headers.items()}, SEVERAL)
    spans = request.trace(b"kong", b"chat gpt-4o-mini")
    request.run()
    assert [stamped(span) for span in spans] == [expected, expected]


@pytest.mark.parametrize(("sent", "read"), [(FIRST, [FIRST]), (SECOND, [FIRST, SECOND]), (HEADER, NAMES)])
def test_no_more_headers_are_read_than_needed(sent: str, read: list[str]) -> None:
    request = AnyRequest({}, SEVERAL)
    seen: list[str] = []

    def get_header(name: bytes) -> bytes | None:
        seen.append(name.decode())
        return b"1" if name == sent.encode() else None

    request.environment[b"kong"][b"request"][b"get_header"] = get_header
    request.run("access")
    assert seen == read


def test_without_an_id_spans_are_not_even_looked_at() -> None:
    request = Request()
    request.environment[b"ngx"][b"ctx"] = request.evaluate(
        "setmetatable({}, {__index = function(_, name) if name == 'KONG_SPANS' then looked_at = true end end})"
    )
    request.run()
    assert request.evaluate("looked_at") is None


@pytest.mark.parametrize("spans", ["nil", "false", "0", "'spans'", "{}", "{[0] = 0}", "function() end"])
def test_no_spans(spans: str) -> None:
    request = Request(b"abc")
    request.ctx[b"KONG_SPANS"] = request.evaluate(spans)
    request.run()
    assert request.ctx[b"fiddler_conversation_id"] == b"abc"


@pytest.mark.parametrize(
    "span", ["{}", "7", "'span'", "true", "{set_attribute = 7}", "setmetatable({}, {__index = function() error('x') end})"]
)
def test_a_broken_span_does_not_keep_the_others_from_their_stamp(span: str) -> None:
    request = Request(b"abc")
    spans = request.trace(b"kong", b"middle", b"chat gpt-4o-mini")
    request.ctx[b"KONG_SPANS"][2] = request.evaluate(span)
    request.run()
    assert (stamped(spans[0]), stamped(spans[2])) == (b"abc", b"abc")


def test_an_error_in_the_tracer_is_not_the_callers() -> None:
    request = Request(b"abc")
    spans = request.trace(b"kong", b"chat gpt-4o-mini")
    request.ctx[b"KONG_SPANS"][1] = request.fake.broken_span()
    request.run()
    assert stamped(spans[1]) == b"abc"


@pytest.mark.parametrize(
    "kong",
    [
        "nil",
        "{}",
        "{request = {}}",
        "{request = {get_header = function() error('x') end}}",
        "{request = {get_header = function() return nil, 'x' end}}",
        "{request = {get_header = function() return {'a', 'b'} end}}",
        "{request = {get_header = function() return 7 end}}",
        "{request = {get_header = function() return true end}}",
    ],
)
def test_a_gateway_without_the_header_api(kong: str) -> None:
    request = Request(b"abc")
    spans = request.trace(b"kong")
    request.environment[b"kong"] = request.evaluate(kong)
    request.run()
    assert stamped(spans[0]) is None


@pytest.mark.parametrize("ngx", ["nil", "{}", "setmetatable({}, {__index = function() error('x') end})"])
def test_a_gateway_without_a_request_context(ngx: str) -> None:
    request = Request(b"abc")
    spans = request.trace(b"kong")
    request.environment[b"ngx"] = request.evaluate(ngx)
    request.run()
    assert stamped(spans[0]) is None


def test_the_pages_own_lua_would_have_failed_the_call() -> None:
    request = Request(b"abc", phases=PAGE)
    request.ctx[b"KONG_SPANS"] = request.lua.table(request.fake.broken_span())
    request.run("access")
    ok, _, error = request.attempt("header_filter")
    assert not ok
    assert b"tracer is broken" in error
