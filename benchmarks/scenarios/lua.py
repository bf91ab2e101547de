"""The generated Lua in the path of every call, beside that of Fiddler's integration page: LuaJIT, without a gateway around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

from benchmarks import page
from benchmarks.statistics import median
from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_stamp

__all__ = ["Lua", "measure"]

_ROUNDS: Final = 60
_REQUESTS: Final = 500
"""Requests of one round, each with 11 spans."""

_Phases = tuple[str, str, str]
_NOTHING: Final[_Phases] = ("", "", "")
_PAGE: Final[_Phases] = (page.ACCESS, page.HEADER_FILTER, "")


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
    nothing, pages, ours = (
        _timed(phases, codes) for codes in (_NOTHING, _PAGE, (build_access(["X-Fiddler-Conversation-Id"]), stamp, stamp))
    )
    rounds = [(nothing(), pages(), ours()) for _ in range(_ROUNDS)]
    return Lua(tuple(own - empty for empty, _, own in rounds), tuple(own - empty for empty, own, _ in rounds))


def _timed(phases: Any, codes: _Phases) -> Callable[[], float]:
    loaded = [phases.load(code) for code in codes]
    return lambda: float(phases.measure(*loaded, _REQUESTS))
