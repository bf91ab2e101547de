"""Starts a control plane for many tests, and a stage on it.

A conftest imports the fixtures that its package uses; they end with the last test of that package, since an idle control plane
costs a tenth of a core.

`cluster`    one real control plane (devcluster), with Kong's resource definitions and ours, without Kong's controller
`namespace`  the name of a fresh namespace in it for one test, deleted afterwards without waiting
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from devcluster import Cluster
from devcluster.operator_process import install
from devcluster.progress import Reporter
from devcluster.stage import Stage

__all__ = ["cluster", "namespace", "staged", "start_visibly"]


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


@pytest.fixture(scope="package")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    with start_visibly(pytestconfig) as started:
        yield started


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")
