"""Starting what all runs share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest
from anyio.from_thread import start_blocking_portal

from devcluster import Cluster
from devcluster.operator_process import install
from devcluster.progress import Reporter
from devcluster.stage import Stage
from tests.faults.ground import World
from tests.faults.pod import read_identity

__all__ = ["start_world"]


class _Surroundings(Stage):
    """The stage without Kong: what Kong is given is the integration tests' matter."""

    async def __aenter__(self) -> Self:
        """Start the sink."""
        await self._stack.enter_async_context(self.sink)
        return self


@contextmanager
def start_world(pytestconfig: pytest.Config) -> Iterator[World]:
    """A control plane with the operator installed but not running, and the sink that stands in for Fiddler."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():  # the first start builds for minutes: it must be seen
        cluster = Cluster.start(reporter=Reporter())
    with cluster, start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(_Surroundings(cluster)) as stage:
        install(cluster)
        yield World(stage, portal, read_identity(cluster))
