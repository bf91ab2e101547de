"""A separate stage for the operator under test, and a way to print progress.

`theatre`    API server, controllers, Kong Ingress Controller and stand-ins; the operator is installed there, but does not run yet
`endurance`  a factory: a population with an operator behind the faults proxy
`tell`       prints a line at once, despite pytest's capturing
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest
from anyio.from_thread import BlockingPortal

from devcluster.stage import Stage
from tests.soak.endurance import Endurance
from tests.soak.estate import populated_estate
from tests.soak.population import Population
from tests.soak.subject import observed
from tests.staging import staged, start_visibly

logger: Final = logging.getLogger(__name__)

Tell = Callable[[str], None]
Begin = Callable[[Population, int, Collection[int]], Endurance]


@dataclass
class Theatre:
    """A stage, and the portal to its event loop."""

    stage: Stage
    portal: BlockingPortal


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Tell:
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    terminal = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def show(line: str) -> None:
        logger.info("%s", line)
        if terminal is not None:  # a worker of pytest-xdist has no terminal
            with capture.global_and_fixture_disabled():
                terminal.write_line(line)

    return show


@pytest.fixture
def theatre(pytestconfig: pytest.Config) -> Iterator[Theatre]:
    with staged(start_visibly(pytestconfig)) as (stage, portal):
        yield Theatre(stage, portal)


@pytest.fixture
def endurance(theatre: Theatre, tell: Tell) -> Iterator[Begin]:
    seed = int(os.environ.get("SOAK_SEED") or secrets.randbelow(1 << 32))
    with ExitStack() as stack:

        def begin(population: Population, hands: int, large: Collection[int]) -> Endurance:
            subject = stack.enter_context(observed(theatre.stage.cluster, theatre.portal))
            estate = stack.enter_context(populated_estate(theatre.stage, theatre.portal, population))
            return Endurance(estate, subject, theatre.portal, seed, tell, hands, large)

        yield begin
