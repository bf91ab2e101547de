"""Namespaces for tests that run their own operator, and the stage's own gateway for those that call it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.names import GRANT_ANNOTATION
from tests.integration.arena import IMAGE, Arena

__all__ = ["granted", "own_arena"]

_GATEWAY: Final = "/apis/apps/v1/namespaces/kong/deployments/kong-gateway"


@contextmanager
def own_arena(stage: Stage, operator: OperatorProcess, *, image: str = IMAGE, provided: bool = False) -> Iterator[Arena]:
    """A fresh namespace on a stage for `operator`, opened with these options; checked and emptied like that of the fixture `arena`."""
    arena = Arena(stage, operator, f"test-{secrets.token_hex(4)}")
    arena.open(image=image, provided=provided)
    try:
        yield arena
        arena.check_contents()
    finally:
        stage.sink.faults.clear()
        arena.close()


@contextmanager
def granted(stage: Stage) -> Iterator[None]:
    """Within the block, every namespace may bind to the stage's own gateway, whose settings the stand-in for Kong has."""
    _annotate(stage, "*")
    try:
        yield
    finally:
        _annotate(stage, None)


def _annotate(stage: Stage, namespaces: str | None) -> None:
    grant = {"metadata": {"annotations": {GRANT_ANNOTATION: namespaces}}}
    stage.cluster.api.request("PATCH", _GATEWAY, grant, "application/merge-patch+json")
