"""Starts a control plane for many tests, and a stage on it.

The fixtures are those of all tests of a process, since a control plane takes long to start. A test works in namespaces of its own, and
removes what it makes outside them.

`stage`      API server, controllers, Kong Ingress Controller, and the stand-ins for Kong, the provider and Fiddler; the operator is
             installed, but does not run: the package or module that needs one starts it, and stops it at its end
`cluster`    its control plane
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

__all__ = ["cluster", "namespace", "stage", "staged", "start_visibly"]


def start_visibly(pytestconfig: pytest.Config, *, audit_reads: bool = False) -> Cluster:
    """Start a control plane. The first start builds for minutes, so its progress is shown despite pytest's capturing."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return Cluster.start(reporter=Reporter(), audit_reads=audit_reads)


@contextmanager
def staged(cluster: Cluster, kind: type[Stage] = Stage) -> Iterator[tuple[Stage, BlockingPortal]]:
    """A stage on a started cluster, with the operator installed but not running, and the portal to the stand-ins' event loop."""
    with cluster, start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(kind(cluster)) as stage:
        install(cluster)
        yield stage, portal


@pytest.fixture(scope="session")
def stage(pytestconfig: pytest.Config) -> Iterator[Stage]:
    with staged(start_visibly(pytestconfig, audit_reads=True)) as (started, _):
        yield started


@pytest.fixture(scope="session")
def cluster(stage: Stage) -> Cluster:
    return stage.cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")
