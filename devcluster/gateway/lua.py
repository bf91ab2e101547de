"""Runs the Lua of `pre-function` and `post-function` in LuaJIT, phase by phase, each request with its own `ngx.ctx`.

`untrusted_lua` has Kong's meaning: with `off` no code loads (every request with such a plugin fails); `sandbox`, `lax` and `strict`
give the code no metatables, `require` or files; `on` gives it all of Lua, though even `on` has no files, processes or
modules here. `prelude.lua` defines the functions of `kong` and `ngx`: those that the integration page's code needs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .spans import Span

__all__ = ["LuaError", "LuaExit", "LuaHost", "LuaRequest", "syntax_error"]

_PRELUDE: Final = Path(__file__).with_name("prelude.lua")
_OFF: Final = "loading of untrusted Lua code disabled because 'untrusted_lua' config option is set to 'off'"


class LuaError(Exception):
    """The code could not be loaded, or raised an error."""


class LuaExit(Exception):
    """The code ended the request with `kong.response.exit` or `ngx.exit`."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"exit {status}")
        self.status, self.body = status, body


def _no_attributes(_: object, name: Any, __: bool) -> Any:  # noqa: FBT001 - lupa's signature
    raise AttributeError(name)


@cache
def _parser() -> Any:
    lua = LuaRuntime(encoding=None, register_eval=False, register_builtins=False, attribute_filter=_no_attributes)
    return lua.execute(b"local load = load return function(source) return select(2, load(source, nil, 't')) end")


def syntax_error(source: str) -> str | None:
    """LuaJIT's message for code that does not parse; the code is not run."""
    message = _parser()(source.encode("utf-8", "surrogateescape"))
    return None if message is None else str(message.decode("utf-8", "replace"))


class LuaHost:
    """One LuaJIT for a gateway, with its compiled chunks. Strings are passed as bytes: Lua knows no UTF-8."""

    def __init__(self) -> None:
        lua = LuaRuntime(encoding=None, register_eval=False, register_builtins=False, attribute_filter=_no_attributes)
        self._lua = lua
        self._prelude = lua.execute(_PRELUDE.read_bytes())
        self._chunks: dict[tuple[str, str], Any] = {}

    def request(self, fields: Mapping[str, Any], headers: Iterable[tuple[str, bytes]]) -> LuaRequest:
        """The Lua side of one request. Header names in any case; repeated ones are kept in order."""
        grouped: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            grouped.setdefault(name.lower().encode(), []).append(value)
        table = self._table({key: value for key, value in fields.items() if value is not None})
        table[b"headers"] = self._lua.table_from({name: self._lua.table_from(values) for name, values in grouped.items()})
        return LuaRequest(self, self._prelude[b"new_request"](table))

    def _table(self, fields: Mapping[str, Any]) -> Any:
        return self._lua.table_from(
            {k.encode(): v.encode("utf-8", "surrogateescape") if isinstance(v, str) else v for k, v in fields.items()}
        )

    def run(self, source: str, mode: str, table: Any, phase: str) -> None:
        """Run one chunk. Raises `LuaError` or `LuaExit`."""
        if mode == "off":
            raise LuaError(_OFF)
        chunk = self._chunks.get((source, mode)) or self._compile(source, mode)
        outcome = self._prelude[b"run"](chunk, table, phase.encode())
        if outcome == b"exit":
            raise LuaExit(int(table[b"exit"][b"status"] or 200), table[b"exit"][b"body"] or b"")
        if outcome is not None:
            raise LuaError(outcome[1].decode("utf-8", "replace"))

    def _compile(self, source: str, mode: str) -> Any:
        chunk = self._prelude[b"compile"](source.encode(), mode.encode())
        if isinstance(chunk, tuple):
            raise LuaError(chunk[1].decode("utf-8", "replace"))
        self._chunks[(source, mode)] = chunk
        return chunk

    def add_span(self, table: Any, name: str) -> Any:
        """A span as in the code's `ngx.ctx.KONG_SPANS`."""
        return self._prelude[b"add_span"](table, name.encode())


class LuaRequest:
    """The state of one request that its code reads and writes."""

    def __init__(self, host: LuaHost, table: Any) -> None:
        self._host, self._table = host, table
        self._spans: list[tuple[Span, Any]] = []

    def run(self, sources: Iterable[str], mode: str, phase: str) -> None:
        """Run a phase's chunks in order. Raises `LuaError` or `LuaExit`."""
        for source in sources:
            self._host.run(source, mode, self._table, phase)

    def show_spans(self, spans: Iterable[Span]) -> None:
        """Show the code the spans that were started since the last call."""
        known = {id(span) for span, _ in self._spans}
        self._spans += [(span, self._host.add_span(self._table, span.name)) for span in spans if id(span) not in known]

    def take_attributes(self) -> None:
        """Copy the attributes that the code has set to the spans."""
        for span, shown in self._spans:
            span.attributes |= {key.decode("utf-8", "surrogateescape"): value for key, value in shown[b"written"].items()}

    def show_response(self, status: int, headers: Mapping[str, str]) -> None:
        """Show the code the answer's status and headers."""
        self._table[b"status"] = status
        for name, value in headers.items():
            self._table[b"response_headers"][name.lower().encode()] = value.encode("utf-8", "surrogateescape")

    def response_headers(self) -> dict[str, str]:
        """The answer's headers after the code ran, names in lower case."""
        return {k.decode(): v.decode("utf-8", "surrogateescape") for k, v in self._table[b"response_headers"].items()}

    def upstream_headers(self) -> dict[str, str | None]:
        """Headers that the code set on the request to the service; None for one it removed."""
        items = self._table[b"upstream_headers"].items()
        return {k.decode(): v.decode("utf-8", "surrogateescape") if v else None for k, v in items}

    def logs(self) -> list[str]:
        """Lines that the code logged."""
        return [line.decode("utf-8", "replace") for line in self._table[b"logs"].values()]
