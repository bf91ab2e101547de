"""One request through the generated Lua."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

__all__ = ["Request"]


class Request:
    """One request, with the values of its headers by name, through pre-function's phases: each must succeed and leave no global behind."""

    def __init__(self, headers: Mapping[str, tuple[bytes, ...]], phases: dict[str, str]) -> None:
        self.lua = LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False)
        self.fake = self.lua.execute((Path(__file__).parent / "kong.lua").read_bytes())
        sent = self.lua.table()
        for name, values in headers.items():
            sent[name.lower().encode()] = values[0] if len(values) == 1 else self.lua.table(*values)
        self.ctx = self.lua.table()
        self.environment = self.fake.environment(self.fake.get_header(sent), self.ctx)
        self._codes, self._phases = phases, dict[str, Any]()

    def evaluate(self, code: str) -> Any:
        """A value made in Lua."""
        return self.lua.execute(f"return {code}".encode())

    def trace(self, *names: bytes) -> list[Any]:
        """Spans in Kong's form, the root first."""
        spans = [self.fake.span(name) for name in names]
        self.ctx[b"KONG_SPANS"] = self.lua.table(*spans)
        return spans

    def run(self, *phases: str) -> None:
        """Run the given phases, or all."""
        for phase in phases or tuple(self._codes):
            ok, left_behind, problem = self.attempt(phase)
            assert ok, (phase, problem)
            assert left_behind == 0, phase

    def attempt(self, phase: str) -> Any:
        """Run one phase: whether it succeeded, the number of globals it left behind, and the error."""
        if phase not in self._phases:
            self._phases[phase] = self.fake.load(self._codes[phase].encode(), self.environment)
        return self.fake.run(self._phases[phase], self.environment)
