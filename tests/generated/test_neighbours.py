"""No binding takes away what Kong served before: generated scenes with the real API server and the real Kong Ingress Controller.

A failure prints the seed of each scene that is concerned, and the scene as YAML. `SEEDS` repeats it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from devcluster.crds import INGRESS_CLASS
from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.plan.kinds import KINDS
from tests.generated.case import Spec
from tests.generated.neighbours import Neighbours
from tests.generated.pool import Pool
from tests.generated.scene import OTHER_CLASS, Scene, neighbourly
from tests.integration.arena import Arena

SEEDS: Final = range(6)
BATCHES: Final = 10


@pytest.fixture(scope="module")
def operator(stage: Stage) -> Iterator[OperatorProcess]:
    stage.cluster.api.apply([{**INGRESS_CLASS, "metadata": {"name": OTHER_CLASS}}])
    with OperatorProcess(stage.cluster) as process:
        yield process
    stage.cluster.api.request("DELETE", KINDS["IngressClass"].path("", OTHER_CLASS))


@pytest.fixture(scope="module")
def pool() -> Pool[Spec]:
    pool = Pool(neighbourly(), 120)
    pool.fill()
    return pool


@contextmanager
def neighbours(stage: Stage, operator: OperatorProcess, pool: Pool[Spec], seeds: Sequence[int]) -> Iterator[Neighbours]:
    """The scenes of these seeds, each in a namespace of its own; deleted afterwards."""
    with ExitStack() as stack:
        lots = [Arena(stage, operator, f"lot-{secrets.token_hex(3)}") for _ in seeds]
        for lot in lots:
            lot.open(provided=True)
            stack.callback(lot.close)
        yield Neighbours([Scene(lot, seed, pool) for lot, seed in zip(lots, seeds, strict=True)])


def play(scenes: Neighbours, *changes: str) -> None:
    scenes.build()
    scenes.bind()
    for change in changes:
        scenes.disturb(change)
    scenes.unbind()


def test_no_route_goes_and_no_refusal_lasts_in_six_scenes(stage: Stage, operator: OperatorProcess, pool: Pool[Spec]) -> None:
    with neighbours(stage, operator, pool, SEEDS) as scenes:
        play(scenes, "share", "lengthen", "pause")

    assert {"Ready", "PluginClash", "SharedBackend", "Suspended"} - scenes.reasons == set()
    assert "a bug in the operator" not in operator.log


@pytest.mark.exhaustive
@pytest.mark.parametrize("_batch", range(BATCHES))
def test_no_route_goes_and_no_refusal_lasts_in_any_scene(stage: Stage, operator: OperatorProcess, pool: Pool[Spec], _batch: int) -> None:
    with neighbours(stage, operator, pool, [secrets.randbelow(10**6) for _ in SEEDS]) as scenes:
        play(scenes, *[""] * 6)

    assert "a bug in the operator" not in operator.log
