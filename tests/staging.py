"""Starts a control plane for many tests, and a stage on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from devcluster import Cluster
from devcluster.operator_process import install
from devcluster.progress import Reporter
from devcluster.stage import Stage

__all__ = ["staged", "start_visibly"]


def start_visibly(pytestconfig: pytest.Config) -> Cluster:
    """Start a control plane. The first start builds for minutes, so its progress is shown despite pytest's capturing."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return Cluster.start(reporter=Reporter())


@contextmanager
def staged(cluster: Cluster, kind: type[Stage] = Stage) -> Iterator[tuple[Stage, BlockingPortal]]:
    """A stage on a started cluster, with the operator installed but not running, and the portal to the stand-ins' event loop."""
    with cluster, start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(kind(cluster)) as stage:
        install(cluster)
        yield stage, portal
