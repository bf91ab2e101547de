"""The generated Lua and its former, plainer text (`former/`) have the same effect on every request that one gateway serves in turn."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_stamp

HERE = Path(__file__).parent
PRESENT = (build_access(["X-Fiddler-Conversation-Id"]), build_stamp())
FORMER = ((HERE / "former" / "access.lua").read_text(), (HERE / "former" / "stamp.lua").read_text())

GOOD = "{KONG_SPANS = {fake.span('kong'), fake.span('chat gpt-4o-mini')}}"
ID = "'6f1c7c0e-58ad-4f0b-9c7e-2f4f4a1b0d11'"
CONTEXTS = [
    GOOD,
    "{KONG_SPANS = {fake.span('kong')}, late = 2}",
    "{KONG_SPANS = {fake.broken_span(), fake.span('kong'), fake.broken_span(), fake.span('chat')}, late = 5}",
    "{KONG_SPANS = {fake.span('kong'), {}, 7, 'span', true, fake.span('chat')}}",
    "{KONG_SPANS = {fake.span('kong'), nil, fake.span('chat')}}",
    "{KONG_SPANS = {[0] = 2, fake.span('kong'), setmetatable({}, {__index = function() error('x') end}), fake.span('chat')}}",
    "{KONG_SPANS = {}}",
    "{KONG_SPANS = 7}",
    "{KONG_SPANS = false}",
    "{}",
    "nil",
    "setmetatable({}, {__index = function() error('x') end})",
    "setmetatable({}, {__newindex = function() error('x') end})",
    "{fiddler_conversation_id = 'of another plugin', KONG_SPANS = {fake.span('kong'), fake.broken_span(), fake.span('chat')}}",
    "{fiddler_conversation_id = false, KONG_SPANS = {fake.span('kong')}}",
    "{fiddler_conversation_id = {}, KONG_SPANS = {fake.span('kong')}}",
]
HEADERS = ["nil", "false", "true", "7", "{}", "{'first', 'second'}", "function() end", ID]


def _literal(value: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in value) + '"'


def _strings(source: random.Random) -> list[bytes]:
    every_byte = [bytes([code]) for code in range(256)]
    inside = [b"a" + byte + b"z" for byte in every_byte]
    blanks = [b" " * length for length in (0, 1, 2, 255, 256, 257)]
    lengths = [letter * length for letter in (b"a", b" a", b"a\x00") for length in (127, 128, 129, 255, 256, 257, 7000)]
    mixed = [bytes(source.choices(b" ~!az09\x1f\x7f\x80\xff\n", (40, *[9] * 6, *[1] * 5), k=source.randrange(300))) for _ in range(300)]
    return [*every_byte, *inside, *blanks, *lengths, *mixed]


def _requests() -> list[str]:
    source = random.Random(12)  # noqa: S311 - the same strings in the same order each time
    literals = [_literal(value) for value in _strings(source)]
    tried = [(header, GOOD) for header in literals] + [(header, ctx) for header in (*HEADERS, *literals[::40]) for ctx in CONTEXTS]
    source.shuffle(tried)
    return [f"function(fake) return {header}, {ctx} end" for header, ctx in tried]


def _served(mode: str, chunks: tuple[str, str]) -> list[bytes]:
    lua = LuaRuntime(encoding=None, register_eval=False)
    fake: Any = lua.execute((HERE / "kong.lua").read_bytes())
    gateway = fake.gateway(mode.encode(), *(chunk.encode() for chunk in chunks))
    return [gateway(lua.execute(f"return {request}".encode())) for request in _requests()]


@pytest.mark.parametrize("mode", ["on", "sandbox"])
def test_the_same_requests_end_the_same(mode: str) -> None:
    assert _served(mode, PRESENT) == _served(mode, FORMER)
