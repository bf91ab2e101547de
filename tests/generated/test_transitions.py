"""Bindings that change repeatedly on a real control plane: each time every field appears in Kong, on the gateway or in the status."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from anyio.from_thread import start_blocking_portal

from devcluster import Cluster
from devcluster.operator_process import OperatorProcess, install
from devcluster.stage import Stage
from tests.generated.ground import Ground, drafts
from tests.generated.play import KINDS, Play
from tests.generated.pool import Pool


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A separate control plane: this module counts Kong's refusals, and its thousands of writes would fill others' audit log.

    Kong is of the minor version that the grounds' gateways claim.
    """
    cluster = Cluster.start()
    with cluster, start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(Stage(cluster)) as started:
        cluster.kubectl("--namespace=kong", "set", "image", "deployment/kong-gateway", "proxy=kong/kong-gateway:3.14.0.4")
        install(cluster)
        yield started


@pytest.fixture(scope="module")
def operator(stage: Stage) -> Iterator[OperatorProcess]:
    with OperatorProcess(stage.cluster) as process:
        yield process


@contextmanager
def playing(stage: Stage, operator: OperatorProcess, namespaces: int, bindings: int, seed: int) -> Iterator[Play]:
    """Grounds with that many bindings, deleted afterwards."""
    names = [f"b{number}" for number in range(bindings)]
    with ExitStack() as stack:
        grounds = [Ground(stage, operator, f"gen-{secrets.token_hex(3)}") for _ in range(namespaces)]
        for ground in grounds:
            ground.open()
            stack.callback(ground.close)
            ground.build(names)
        pool = Pool(drafts(), 1000, seed)
        pool.fill()
        yield Play(grounds, names, pool, seed)


@pytest.mark.exhaustive
@pytest.mark.longest
def test_two_thousand_transitions(stage: Stage, operator: OperatorProcess) -> None:
    with playing(stage, operator, namespaces=2, bindings=25, seed=2) as play:
        for _ in range(40):
            play.generation()
        play.end()

    assert play.transitions >= 2000
    assert set(play.counts) == set(KINDS)
    assert "a bug in the operator" not in operator.log
