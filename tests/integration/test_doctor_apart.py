"""The doctor beside an operator that can be stopped, and a gateway that can be frozen."""

from __future__ import annotations

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.diagnoses import diagnosed, until_named
from tests.integration.own import own_arena
from tests.integration.targets import foreign_plugin, ingress, service


def test_an_operator_that_does_not_run_is_named(backstage: Stage) -> None:
    with OperatorProcess(backstage.cluster) as operator, own_arena(backstage, operator) as arena:
        arena.put(arena.binding())
        arena.until_ready()
        operator.stop()

        stopped = diagnosed(arena)

        operator.start()
        assert "OperatorNotRunning" in stopped


def test_a_gateway_that_is_frozen_is_named(backstage: Stage) -> None:
    with OperatorProcess(backstage.cluster) as operator, own_arena(backstage, operator) as arena:
        arena.put(arena.binding())
        arena.until_ready()
        arena.put(foreign_plugin(arena, "cors"), service(arena), ingress(arena, plugins="cors,cors"))

        until_named(arena, {"GatewayFrozen"})

        arena.delete("Ingress", "llm")
