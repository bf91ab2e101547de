"""Namespaces for tests that run their own operator."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.arena import Arena

__all__ = ["own_arena"]


@contextmanager
def own_arena(stage: Stage, operator: OperatorProcess) -> Iterator[Arena]:
    """A fresh namespace on a stage for `operator`; checked and deleted like that of the fixture `arena`."""
    arena = Arena(stage, operator, f"test-{secrets.token_hex(4)}")
    arena.open()
    try:
        yield arena
        arena.check_contents()
    finally:
        stage.sink.faults.clear()
        arena.close()
