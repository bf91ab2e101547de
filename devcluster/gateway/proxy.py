"""The proxy port: passes a request through route, plugins, service and answer, and its spans to the exporter."""

from __future__ import annotations

import logging
import random
from collections import deque
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from .ai_proxy import Answer, LlmCall, prepare_call
from .answers import AnswerLostError, HaltError
from .balancer import Balancer, goes_on
from .exchange import Exchange
from .lua import LuaHost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .admin import Admin
    from .exporter import Exporter
    from .process import Process

__all__ = ["Proxy"]

_LOG: Final = logging.getLogger(__name__)
_CLIENT: Final = 3
_HOP_BY_HOP: Final = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
        "accept-encoding",
        "expect",
    ]
)
_KEPT_LOG_LINES: Final = 200
_EVENTS: Final = "text/event-stream"
_ERRORS_FROM: Final = 400
_OUTAGES: Final = (aiohttp.ClientError, TimeoutError, OSError)


class Proxy:
    """Handles requests. `resolve` maps globs of `host:port` to the base URL to call instead, like curl's option."""

    def __init__(
        self,
        admin: Admin,
        process: Process,
        session: aiohttp.ClientSession,
        exporter: Exporter,
        resolve: Mapping[str, str],
    ) -> None:
        self._admin, self._process = admin, process
        self._session, self._exporter, self._resolve = session, exporter, resolve
        self._lua = LuaHost()
        self._balancer = Balancer()
        self.random: Callable[[], float] = random.random
        self.error_log: deque[str] = deque(maxlen=_KEPT_LOG_LINES)

    def app(self) -> web.Application:
        """The application to listen with."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        settings = self._process.current()
        if settings is None:
            return web.json_response({"message": "stand-in: the workload has no ready pod, so no gateway answers"}, status=503)
        exchange = Exchange(request, await request.read(), self._admin.current, settings)
        try:
            return await self._answered(exchange)
        except AnswerLostError:
            if request.transport:
                request.transport.close()
            raise
        except ConnectionError:
            exchange.root.error = "client closed the connection"
            raise
        finally:
            self._log_phase(exchange)

    async def _answered(self, exchange: Exchange) -> web.StreamResponse:
        try:
            return await self._serve(exchange)
        except HaltError as halt:
            return await self._send_own(exchange, halt)

    async def _serve(self, exchange: Exchange) -> web.StreamResponse:
        exchange.start_lua(self._lua)
        exchange.run_phase("rewrite")
        exchange.routed  # noqa: B018 - a request without a route ends here
        exchange.run_phase("access")
        calls = self._ai_access(exchange)
        upstream, call = await self._reach(exchange, calls)
        async with upstream:
            return await self._pass_on(exchange, call, upstream)

    async def _reach(self, exchange: Exchange, calls: list[LlmCall]) -> tuple[aiohttp.ClientResponse, LlmCall | None]:
        """The answer of the first target that does not fail, or of the last one, and the call that it answers."""
        balanced, method = exchange.config("ai-proxy-advanced"), exchange.request.method
        for number, call in enumerate(calls or [None], 1):
            more = number < len(calls)
            if call and exchange.llm_span:
                call.describe_request(exchange.llm_span)
            try:
                upstream = await self._try(exchange, call, number)
            except _OUTAGES as error:
                if more and goes_on(balanced, method, error):
                    continue
                answer = {"message": "An invalid response was received from the upstream server", "request_id": exchange.id}
                raise HaltError(502, answer) from error
            if not (more and goes_on(balanced, method, upstream.status)):
                return upstream, call
            upstream.release()
        raise AssertionError("the last attempt returns or raises")

    async def _try(self, exchange: Exchange, call: LlmCall | None, number: int) -> aiohttp.ClientResponse:
        headers = self._request_headers(exchange, call)
        url = call.url if call else self._service_url(exchange)
        body = call.content if call else exchange.body
        dns = exchange.trace.start("kong.dns", "dns_query", kind=_CLIENT)
        dns.attributes["dns.record.domain"] = url.host or ""
        dns.finish()
        balancer = exchange.trace.start("kong.balancer", "balancer", kind=_CLIENT)
        balancer.attributes |= {"net.peer.name": url.host or "", "net.peer.port": url.port or 0, "try_count": number}
        try:
            return await self._call(exchange.request.method, url, headers, body)
        except _OUTAGES:
            balancer.error = "upstream failed"
            raise
        finally:
            balancer.finish()

    def _ai_access(self, exchange: Exchange) -> list[LlmCall]:
        """The calls of ai-proxy or ai-proxy-advanced, in the order in which they are tried; none without either."""
        plugin = exchange.plugin("ai-proxy") or exchange.plugin("ai-proxy-advanced")
        if plugin is None:
            return []
        headers = exchange.request.headers
        span = exchange.trace.start(f"kong.access.plugin.{plugin.name}", "plugin_access")
        try:
            configs = [plugin.config] if plugin.name == "ai-proxy" else self._balancer.targets(plugin, headers)
            calls = [prepare_call(config, exchange.body, headers, exchange.settings.version) for config in configs]
        finally:
            span.finish()
        exchange.llm_span = exchange.trace.add_gen_ai("", span)
        return calls

    def _request_headers(self, exchange: Exchange, call: LlmCall | None) -> dict[str, str]:
        headers = {name.lower(): value for name, value in exchange.request.headers.items() if name.lower() not in _HOP_BY_HOP}
        traceparent = exchange.trace.traceparent() if exchange.plugin("opentelemetry") else None
        headers |= {"traceparent": traceparent} if traceparent else {}
        for name, value in exchange.upstream_headers().items():
            headers.pop(name, None)
            headers |= {} if value is None else {name: value}
        if exchange.routed.route.preserve_host and call is None:
            headers["host"] = exchange.request.headers.get("Host", "")
        return headers | dict(call.headers if call else {})

    def _service_url(self, exchange: Exchange) -> URL:
        service, configuration = exchange.routed.service, self._admin.current
        if service is None or configuration is None:
            raise HaltError(503, {"message": "no Service found with those values", "request_id": exchange.id})
        target = f"{service.host}:{service.port}"
        if service.host in configuration.targets:
            targets = configuration.targets[service.host]
            if not targets:
                raise HaltError(503, {"message": "failure to get a peer from the ring-balancer", "request_id": exchange.id})
            target = targets[0]
        query = exchange.request.raw_path.partition("?")[2]
        return URL(f"{service.protocol}://{target}{exchange.routed.upstream_path}{'?' + query if query else ''}", encoded=True)

    async def _call(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> aiohttp.ClientResponse:
        address = f"{url.host}:{url.port}"
        instead = next((base for pattern, base in self._resolve.items() if fnmatch(address, pattern)), None)
        target = URL(instead.rstrip("/") + url.raw_path_qs, encoded=True) if instead else url
        named = {"host": url.host or ""} | dict(headers)
        skipped = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
        return await self._session.request(
            method, target, headers=named, data=body or None, allow_redirects=False, skip_auto_headers=skipped
        )

    async def _pass_on(self, exchange: Exchange, call: LlmCall | None, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        whole = None if upstream.content_type == _EVENTS else await upstream.read()
        if whole is not None and call and upstream.status < _ERRORS_FROM:
            whole = call.translated(whole)
        headers = {name.lower(): value for name, value in upstream.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers |= {"via": f"1.1 kong/{exchange.settings.text}-enterprise-edition", "x-kong-request-id": exchange.id}
        if call and call.name_header:
            headers["x-kong-llm-model"] = f"{call.provider}/{call.model}"
        headers = exchange.filtered(upstream.status, headers)
        response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
        answer = Answer()
        try:
            await _copy(exchange.request, whole if whole is not None else upstream.content, response, answer)
        finally:
            self._finish_llm(exchange, call, answer, upstream.status)
        return response

    @staticmethod
    def _finish_llm(exchange: Exchange, call: LlmCall | None, answer: Answer, status: int) -> None:
        if call is None or exchange.llm_span is None:
            return
        if status >= _ERRORS_FROM:
            exchange.llm_span.error = f"status {status}"
        else:
            answer.describe(exchange.llm_span, call, exchange.settings)

    @staticmethod
    async def _send_own(exchange: Exchange, halt: HaltError) -> web.StreamResponse:
        headers = {
            "server": f"kong/{exchange.settings.text}-enterprise-edition",
            "x-kong-request-id": exchange.id,
            "content-type": "application/json",
        }
        response = web.Response(status=halt.status, body=halt.body, headers=exchange.filtered(halt.status, headers))
        await response.prepare(exchange.request)
        await response.write_eof()
        return response

    def _log_phase(self, exchange: Exchange) -> None:
        for span in [*exchange.trace.spans[1:], *exchange.trace.spans[:1]]:
            span.finish()
        exchange.run_log()
        self.error_log.extend(exchange.lua_logs())
        plugin = exchange.plugin("opentelemetry")
        spans = exchange.trace.spans
        if plugin and spans and plugin.config.get("traces_endpoint") and exchange.trace.is_sampled(plugin.config, self.random):
            self._exporter.put(plugin.id, plugin.config, exchange.settings, spans)

    def describe(self) -> dict[str, Any]:
        """The last lines of the error log, for debugging."""
        return {"error_log": list(self.error_log)[-20:]}


async def _copy(request: web.Request, source: bytes | aiohttp.StreamReader, response: web.StreamResponse, answer: Answer) -> None:
    if isinstance(source, bytes):
        answer.read_whole(source)
        response.content_length = len(source)
        await response.prepare(request)
        await response.write_eof(source)
        return
    await response.prepare(request)
    async for chunk in source.iter_any():
        answer.read_events(chunk)
        await response.write(chunk)
    await response.write_eof()
