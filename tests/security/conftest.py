"""Hostile users against a real control plane: after each test, keys must be found only in Secrets.

`arena`      a fresh namespace as in `tests.integration`, with a gateway that needs no further settings, and an operator that
             logs everything (debug level)
`neighbour`  another tenant's namespace, likewise
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.children import breaches
from tests.security.leaks import leaks


@pytest.fixture(scope="package")
def operator(stage: Stage) -> Iterator[OperatorProcess]:
    with OperatorProcess(stage.cluster, "--log-level=debug", name="operator-under-attack") as process:
        yield process


@pytest.fixture
def arena(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    with _tenant(stage, operator) as arena:
        yield arena


@pytest.fixture
def neighbour(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    with _tenant(stage, operator) as arena:
        yield arena


@contextmanager
def _tenant(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    arena = Arena(stage, operator, f"test-{secrets.token_hex(4)}")
    arena.open(provided=True)
    try:
        yield arena
        arena.check_contents()
        assert (breaches(arena), leaks(arena)) == ([], [])
        assert operator.health() is not None, f"the operator has ended:\n{operator.log[-3000:]}"
    finally:
        disband(arena)
        arena.close()


def disband(arena: Arena) -> None:
    """Delete the bindings eight at a time: kubectl, or one request for all, takes minutes for a thousand."""
    names = [binding["metadata"]["name"] for binding in arena.all_of("FiddlerKongBinding")]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: arena.delete("FiddlerKongBinding", name), names))
