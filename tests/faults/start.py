"""Starts the control plane that all runs share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest

from devcluster.crds import INGRESS_CLASS
from devcluster.stage import Stage
from tests.faults.ground import OTHER_CLASS, World
from tests.faults.pod import read_identity
from tests.staging import staged, start_visibly

__all__ = ["start_world"]


class _Surroundings(Stage):
    """The stage without Kong: the integration tests check Kong's configuration."""

    async def __aenter__(self) -> Self:
        """Start the sink."""
        await self._stack.enter_async_context(self.sink)
        return self


@contextmanager
def start_world(pytestconfig: pytest.Config) -> Iterator[World]:
    """A control plane with the operator installed but not running, a second class of Kong's, and a sink in Fiddler's place."""
    with staged(start_visibly(pytestconfig), _Surroundings) as (stage, portal):
        stage.cluster.api.apply([{**INGRESS_CLASS, "metadata": {"name": OTHER_CLASS}}])
        yield World(stage, portal, read_identity(stage.cluster))
