"""One request in the gateway, with its plugins, spans and Lua."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from .answers import AnswerLostError, HaltError
from .lua import LuaError, LuaExit, LuaHost, LuaRequest
from .router import Match, find_route, plugins_of
from .spans import Trace, parent_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from .entities import Configuration, Plugin
    from .process_settings import ProcessSettings
    from .spans import Span

__all__ = ["Exchange"]

FUNCTIONS: Final = ("pre-function", "post-function")
_SERVER: Final = 2


class Exchange:
    """State of one request. Phases run in Kong's order.

    A Lua error before the answer becomes Kong's 500; one in `header_filter` ends the connection without an answer.
    """

    def __init__(self, request: web.Request, body: bytes, configuration: Configuration | None, settings: ProcessSettings) -> None:
        self.request, self.body, self.settings = request, body, settings
        self.id = secrets.token_hex(16)
        self.path = request.raw_path.partition("?")[0]
        self.log: list[str] = []
        self.llm_span: Span | None = None
        found = find_route(configuration, request.method, request.headers.get("Host", ""), self.path) if configuration else None
        self._plugins: Mapping[str, Plugin] = plugins_of(configuration, found) if configuration else {}
        self.match = found
        self.trace = Trace(settings, parent_of(request.headers.get("traceparent"), self.config("opentelemetry").get("propagation") or {}))
        self.root = self._root()
        self.trace.start("kong.router", "router").finish()
        self._lua: LuaRequest | None = None

    def _root(self) -> Span:
        root = self.trace.start("kong", "request", kind=_SERVER)
        request = self.request
        root.attributes |= {
            "http.method": request.method,
            "http.host": request.headers.get("Host", ""),
            "http.scheme": "http",
            "http.flavor": "1.1",
            "http.url": f"http://{request.headers.get('Host', '')}{request.raw_path}",
            "kong.request.id": self.id,
        }
        if self.match:
            root.attributes["http.route"] = next(iter(self.match.route.paths), "/")
        return root

    def plugin(self, name: str) -> Plugin | None:
        """The instance of this type that runs on the request."""
        return self._plugins.get(name)

    def config(self, name: str) -> Mapping[str, Any]:
        """Configuration of the plugin of this type; empty if it does not run."""
        plugin = self.plugin(name)
        return plugin.config if plugin else {}

    @property
    def routed(self) -> Match:
        """The route. Raises Kong's 404 if no route matches."""
        if self.match is None:
            raise HaltError(404, {"message": "no Route matched with those values", "request_id": self.id})
        return self.match

    def start_lua(self, host: LuaHost) -> None:
        """Make the request visible to Lua if one of its plugins runs Lua."""
        if not any(self.plugin(name) for name in FUNCTIONS):
            return
        fields = {"method": self.request.method, "path": self.path, "body": self.body, "host": self.request.host}
        headers = [(name, value.encode("utf-8", "surrogateescape")) for name, value in self.request.headers.items()]
        self._lua = host.request(fields, headers)

    def run_phase(self, phase: str) -> None:
        """Run a phase of all function plugins. Raises `HaltError`: Kong's 500 for an error, or the code's own answer."""
        try:
            self._run(phase)
        except LuaError as error:
            self.log.append(f"{phase}: {error}")
            raise HaltError(500, {"message": "An unexpected error occurred", "request_id": self.id}) from error
        except LuaExit as answer:
            raise HaltError(answer.status, answer.body) from answer

    def run_log(self) -> None:
        """Run the log phase, in which an error only adds a line to the error log."""
        try:
            self._run("log")
        except LuaError as error:
            self.log.append(f"log: {error}")
        except LuaExit:
            self.log.append("log: API disabled in the context of log_by_lua*")

    def _run(self, phase: str) -> None:
        if self._lua is None:
            return
        self._lua.show_spans(self.trace.spans)
        for name in FUNCTIONS:
            plugin = self.plugin(name)
            if phase == "rewrite" and plugin and (plugin.route or plugin.service):
                continue
            self._lua.run(plugin.config[phase] if plugin else (), self.settings.untrusted_lua, phase)
            self._check_off(plugin)
        self._lua.take_attributes()

    def _check_off(self, plugin: Plugin | None) -> None:
        if plugin and self.settings.untrusted_lua == "off" and any(plugin.config.values()):
            raise LuaError("'untrusted_lua' is off: the plugin's code was not loaded")

    def filtered(self, status: int, headers: dict[str, str]) -> dict[str, str]:
        """The header of an answer, the gateway's own ones included, after `header_filter`. Raises `AnswerLostError`."""
        self.root.attributes["http.status_code"] = status
        if self._lua is None:
            return headers
        self._lua.show_response(status, headers)
        try:
            self._run("header_filter")
        except (LuaError, LuaExit) as error:
            self.log.append(f"header_filter: {error}")
            raise AnswerLostError(f"error in header_filter: {error}") from error
        return self._lua.response_headers()

    def upstream_headers(self) -> dict[str, str | None]:
        """Lua's changes to the headers for the service."""
        return self._lua.upstream_headers() if self._lua else {}

    def lua_logs(self) -> list[str]:
        """Lines logged by Lua and the phases."""
        return self.log + (self._lua.logs() if self._lua else [])
