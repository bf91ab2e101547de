"""Without Kong's resource definitions, or without ours, the operator reports that, and starts to work when they are installed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Self

import pytest
from anyio.from_thread import start_blocking_portal

from devcluster import Cluster
from devcluster.api import wait_until
from devcluster.crds import gateway_definitions, kong_definitions, own_definitions
from devcluster.operator_process import OperatorProcess, install
from devcluster.progress import Reporter
from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.own import own_arena

DEFINITION = "fiddlerkongbindings.integrations.fiddler.ai"


class BareStage(Stage):
    """A cluster with Fiddler's stand-in, without anything of Kong."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.sink)
            self._stack = stack.pop_all()
        return self


@pytest.fixture(scope="module")
def bare() -> Iterator[Stage]:
    cluster = Cluster.start(kong=False)
    with cluster, start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(BareStage(cluster)) as stage:
        install(cluster)
        yield stage


def test_without_our_definition_the_operator_waits_and_begins_when_it_comes(bare: Stage) -> None:
    bare.cluster.kubectl("delete", "crd", DEFINITION)
    operator = OperatorProcess(bare.cluster, name="early")
    try:
        with ThreadPoolExecutor(1) as pool:  # open to the end: the kernel kills the process when the thread that started it ends
            starting = pool.submit(operator.start)  # returns when the bindings could be listed
            log = bare.cluster.logs / "early.log"
            wait_until(lambda: log.exists() and f"cannot list {DEFINITION}" in operator.log, "A word about it", 30, lambda: None)

            wait_until(lambda: "starting" in operator.figures(), "An answer of /healthz meanwhile", 30, lambda: None)

            bare.cluster.install_definitions(own_definitions())

            starting.result(timeout=30)
            with own_arena(bare, operator) as arena:
                arena.put(arena.binding())
                arena.until_condition("Ready", "False", "KongNotInstalled")
    finally:
        operator.stop()
        bare.cluster.install_definitions(own_definitions())


def see_the_gateway_api_come(arena: Arena) -> None:
    """A route on a Gateway waits for the Gateway API, and its HTTPRoute is made once that is there."""
    arena.put(arena.binding({"routes.0.expose.gatewayRef": {"name": "kong"}}))
    found = arena.until_condition("Ready", "False", "GatewayApiNotInstalled")
    assert "which expose.gatewayRef needs" in found["message"]
    assert arena.get("Ingress", "assistant-openai") is not None, "what serves stays"

    arena.stage.cluster.install_definitions(gateway_definitions(Reporter(quiet=True)))

    arena.until_condition("Ready", "Unknown", "KongNotConfirmed", seconds=60)
    assert arena.get("HTTPRoute", "assistant-openai") is not None
    arena.until_gone("Ingress", "assistant-openai")


@pytest.mark.exhaustive
def test_without_kongs_definitions_a_binding_waits_until_they_come(bare: Stage) -> None:
    with OperatorProcess(bare.cluster) as operator, own_arena(bare, operator) as arena:
        arena.put(arena.binding())
        found = arena.until_condition("Ready", "False", "KongNotInstalled")
        assert "does not know KongPlugin (configuration.konghq.com). Install Kong Ingress Controller with its CRDs." in found["message"]
        assert "Reconciling" in arena.conditions()
        assert arena.get("Secret", "assistant-kong-keys") is None

        bare.cluster.install_definitions(kong_definitions(Reporter(quiet=True)))

        arena.until_condition("Ready", "True", "Ready")
        see_the_gateway_api_come(arena)
        assert operator.log.count("kongplugins.configuration.konghq.com is not installed") == 1
