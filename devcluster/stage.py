"""Runs everything around one gateway: gateway Deployment, Kong Ingress Controller, stand-ins for Kong, provider and Fiddler.

The demo and the end-to-end tests use it. Real are the API server and its controllers, Kong Ingress Controller, the operator, OTLP
over HTTP, and LuaJIT. Stand-ins replace Kong itself (`devcluster.gateway`), the LLM provider, and Fiddler (the sink).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID

from pydantic import SecretStr

from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import Application, SinkSettings

from .gateway.process import Workload
from .gateway.standin import GatewayStandIn, StandInOptions
from .provider import ProviderStandIn

if TYPE_CHECKING:
    from types import TracebackType

    from .cluster import Cluster
    from .kic import KongController

__all__ = ["APPLICATION_ID", "GATEWAY", "Keys", "Stage", "make_sink"]

_MANIFESTS: Final = Path(__file__).resolve().parent / "manifests"
GATEWAY: Final = _MANIFESTS / "gateway.yaml"
GATEWAY_API: Final = _MANIFESTS / "gateway-api.yaml"
APPLICATION_ID: Final = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"


@dataclass(frozen=True)
class Keys:
    """The keys that the stand-ins accept."""

    fiddler: str = "fdl_demo.f0e1d2c3b4a5"
    provider: str = "sk-demo-0123456789abcdef"


def make_sink(keys: Keys, port: int = 0) -> Sink:
    """The stand-in for Fiddler with one application, not yet started. Port 0 means a free one."""
    application = Application(id=UUID(APPLICATION_ID), name="assistant", project="demo")
    return Sink(SinkSettings(port=port, api_key=SecretStr(keys.fiddler), applications=(application,)))


class Stage:
    """`async with Stage(cluster) as stage`; the cluster must have been started with Kong's resource definitions."""

    def __init__(self, cluster: Cluster, keys: Keys | None = None, *, sink_port: int = 0) -> None:
        """`sink_port` 0 means a free port."""
        self.cluster = cluster
        self.keys = keys or Keys()
        self.sink = make_sink(self.keys, sink_port)
        self.provider = ProviderStandIn(self.keys.provider)
        self._stack = AsyncExitStack()
        self.gateway: GatewayStandIn
        self.controller: KongController

    async def __aenter__(self) -> Self:
        """Start everything but the operator."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.sink)
            await stack.enter_async_context(self.provider)
            await asyncio.to_thread(self.cluster.apply, GATEWAY, GATEWAY_API)
            options = StandInOptions(resolve=self.provider.resolutions())
            self.gateway = GatewayStandIn.for_workload(str(self.cluster.kubeconfig), Workload("kong", "kong-gateway", "proxy"), options)
            await stack.enter_async_context(self.gateway)
            self.controller = await asyncio.to_thread(self.cluster.start_kong_controller, self.gateway.admin_url)
            stack.callback(self.controller.stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop everything."""
        await self._stack.aclose()
