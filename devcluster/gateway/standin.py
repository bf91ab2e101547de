"""The whole stand-in: Admin API, proxy, process settings and exporter, as one asynchronous context manager."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from devcluster.listener import Listener
from devcluster.ports import LOOPBACK

from .admin import Admin, Fault, Push, Refusal
from .exporter import ExportCounters, Exporter, ExportLimits
from .process import ClusterProcess, FixedProcess, Process, ProcessSettings, Workload
from .proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

__all__ = ["GatewayStandIn", "StandInOptions"]


@dataclass(frozen=True, slots=True)
class StandInOptions:
    """Options of a stand-in. Port 0 means a free port; `resolve` maps globs of `host:port` to the URL to call instead.

    With `admin_tls` the Admin API speaks https.
    """

    admin_port: int = 0
    proxy_port: int = 0
    resolve: Mapping[str, str] = field(default_factory=dict)
    limits: ExportLimits = field(default_factory=ExportLimits)
    host: str = LOOPBACK
    admin_tls: ssl.SSLContext | None = None


class GatewayStandIn:
    """`async with GatewayStandIn(process) as gateway`. `process` gives the process settings: fixed, or from a cluster's pods."""

    def __init__(self, process: Process | ProcessSettings, options: StandInOptions | None = None) -> None:
        self._options = options or StandInOptions()
        self._process = FixedProcess(process) if isinstance(process, ProcessSettings) else process
        self._stack = AsyncExitStack()
        self._admin = Admin(self._settings, self.describe)

    @classmethod
    def for_workload(cls, kubeconfig: str, workload: Workload, options: StandInOptions | None = None) -> Self:
        """A stand-in whose process settings are those of the workload's newest ready pod."""
        return cls(ClusterProcess(kubeconfig, workload), options)

    async def __aenter__(self) -> Self:
        """Listen on both ports."""
        async with AsyncExitStack() as stack:
            if isinstance(self._process, ClusterProcess):
                await stack.enter_async_context(self._process)
            session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            self._exporter = Exporter(session, self._options.limits)
            stack.push_async_callback(self._exporter.stop)
            self._proxy = Proxy(self._admin, self._process, session, self._exporter, self._options.resolve)
            options = self._options
            admin = Listener(self._admin.app(), host=options.host, port=options.admin_port, tls=options.admin_tls)
            self._admin_listener = await stack.enter_async_context(admin)
            proxy = Listener(self._proxy.app(), host=options.host, port=options.proxy_port)
            self._proxy_listener = await stack.enter_async_context(proxy)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and exporting."""
        await self._stack.aclose()

    @property
    def admin_url(self) -> str:
        """Base URL of the Admin API."""
        return self._admin_listener.url

    @property
    def proxy_url(self) -> str:
        """Base URL of the proxy."""
        return self._proxy_listener.url

    @property
    def config(self) -> Mapping[str, Any] | None:
        """The last accepted declarative configuration, as pushed. It contains keys."""
        return self._admin.current.raw if self._admin.current else None

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The last refused pushes, oldest first."""
        return tuple(self._admin.refusals)

    @property
    def history(self) -> tuple[Push, ...]:
        """The last pushes, oldest first."""
        return tuple(self._admin.history)

    @property
    def refused_pushes(self) -> int:
        """Number of pushes refused so far."""
        return self._admin.refused

    @property
    def exports(self) -> ExportCounters:
        """Counters of the spans exported so far."""
        return self._exporter.counters

    @property
    def error_log(self) -> tuple[str, ...]:
        """The last lines that Lua logged or that phases failed with."""
        return tuple(self._proxy.error_log)

    def set_fault(self, fault: Fault) -> None:
        """Refuse configurations with an entity in which this finds errors, in Kong's form; `lambda *_: {}` ends it."""
        self._admin.fault = fault

    def set_random(self, source: Callable[[], float]) -> None:
        """Replace the random numbers of the sampling decision."""
        self._proxy.random = source

    def describe(self) -> dict[str, Any]:
        """The process settings, the exports and the proxy as the Admin API shows them for debugging."""
        settings = self._process.current()
        process = None if settings is None else {"instrumentations": sorted(settings.instrumentations), "version": settings.text}
        return {"process": process, "exports": self._exporter.describe()} | self._proxy.describe()

    def _settings(self) -> ProcessSettings:
        return self._process.current() or ProcessSettings()
