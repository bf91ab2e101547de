"""The generated Lua in the path of every call, beside that of Fiddler's integration page: LuaJIT, without a gateway around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

from benchmarks.statistics import median
from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_stamp

__all__ = ["Lua", "measure"]

_ROUNDS: Final = 60
_REQUESTS: Final = 500
"""Requests of one round, each with 11 spans."""

_Phases = tuple[str, str, str]
_NOTHING: Final[_Phases] = ("", "", "")
_PAGE: Final[_Phases] = (
    """
    local conv_id = kong.request.get_header("X-Fiddler-Conversation-Id")
    if conv_id and conv_id ~= "" then
      ngx.ctx.fiddler_conversation_id = conv_id
    end
    """,
    """
    local conv_id = ngx.ctx.fiddler_conversation_id
    if conv_id then
      local spans = ngx.ctx.KONG_SPANS
      if spans then
        for _, span in ipairs(spans) do
          span:set_attribute("gen_ai.conversation.id", conv_id)
        end
      end
    end
    """,
    "",
)
"""The page's two phases. It has nothing in `log`, where the operator stamps the spans of streamed answers."""


@dataclass(frozen=True, slots=True)
class Lua:
    """Nanoseconds of a request in each round, without those that empty phases take."""

    ours: tuple[float, ...]
    page: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Ours / the page's: the medians over the rounds."""
        return median(self.ours) / median(self.page)


def measure() -> Lua:
    """Measure for about two seconds: the page's Lua, ours and none, in turns."""
    stamp = build_stamp()
    lua = LuaRuntime(register_eval=False, register_builtins=False)
    phases = lua.execute((files("benchmarks") / "phases.lua").read_text(encoding="utf-8"))
    nothing, page, ours = (_timed(phases, codes) for codes in (_NOTHING, _PAGE, (build_access("X-Fiddler-Conversation-Id"), stamp, stamp)))
    rounds = [(nothing(), page(), ours()) for _ in range(_ROUNDS)]
    return Lua(tuple(own - empty for empty, _, own in rounds), tuple(own - empty for empty, own, _ in rounds))


def _timed(phases: Any, codes: _Phases) -> Callable[[], float]:
    loaded = [phases.load(code) for code in codes]
    return lambda: float(phases.measure(*loaded, _REQUESTS))
