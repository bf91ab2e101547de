"""Fixtures with real components: one control plane, one Kong Ingress Controller and one operator for all tests, a namespace for each test.

`operator`  `fiddler-kong run` as a process, with the permissions of the shipped service account
`kong_operator` a stand-in for Kong Operator, for gateways that it makes
`backstage` the stage before `operator` runs on it, for modules that start their own operator, break shared objects, or count reads
`refusing_arena`  a namespace on `backstage` with an operator, for tests in which Kong refuses its configuration
`arena`     a fresh namespace with a gateway Deployment and the two Secrets of the quick start; fails the test on unexpected objects.
            Where a test is marked `provided`, the gateway has the settings that a binding needs, as its owner can set them
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.children import breaches
from tests.integration.kong_operator import kong_operating
from tests.integration.own import own_arena


@pytest.fixture(scope="package")
def on_duty() -> list[OperatorProcess]:
    """`operator`, from its start to the end of the package."""
    return []


@pytest.fixture(scope="package")
def operator(stage: Stage, on_duty: list[OperatorProcess]) -> Iterator[OperatorProcess]:
    with OperatorProcess(stage.cluster) as process:
        on_duty.append(process)
        yield process


@pytest.fixture(scope="module")
def backstage(stage: Stage, on_duty: list[OperatorProcess]) -> Stage:
    """The order of tests runs these modules first; no module may have tests of both kinds."""
    assert on_duty == [], "The operator of the package runs already: move the tests with `backstage` to a module of their own."
    return stage


@pytest.fixture(scope="package")
def kong_operator(stage: Stage) -> Iterator[None]:
    with kong_operating(stage.cluster):
        yield


@pytest.fixture(scope="module")
def refusing_operator(backstage: Stage) -> Iterator[OperatorProcess]:
    with OperatorProcess(backstage.cluster) as process:
        yield process


@pytest.fixture
def refusing_arena(backstage: Stage, refusing_operator: OperatorProcess) -> Iterator[Arena]:
    """A gateway whose image claims a newer Kong than the stand-in is: the operator then accepts what Kong refuses."""
    with own_arena(backstage, refusing_operator, image="kong/kong-gateway:3.15.0.1", provided=True) as arena:
        yield arena
        assert arena.pushed().doubles() == []


@pytest.fixture
def arena(request: pytest.FixtureRequest, stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    arena = Arena(stage, operator, f"test-{secrets.token_hex(4)}")
    arena.open(provided=request.node.get_closest_marker("provided") is not None)
    try:
        yield arena
        arena.check_contents()
        assert breaches(arena) == []
    finally:
        stage.sink.faults.clear()
        arena.close()
