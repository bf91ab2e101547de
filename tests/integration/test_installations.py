"""Two installations of the operator that see the same bindings do not fight: the one that started last works, the other says so."""

from __future__ import annotations

from typing import Any, Final

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.arena import Arena
from tests.integration.own import own_arena

SECOND: Final = "without-lease"


class SecondInstallation(OperatorProcess):
    """One that has no leader election."""

    election = ()


def status(arena: Arena) -> dict[str, Any]:
    found: dict[str, Any] = arena.existing("FiddlerKongBinding", "assistant")["status"]
    return found


def test_the_one_that_started_last_works_and_the_other_says_so_and_stops(backstage: Stage) -> None:
    with OperatorProcess(backstage.cluster, name="first") as first, own_arena(backstage, first) as arena:
        arena.put(arena.binding())
        arena.until_ready()
        assert status(arena)["installation"] == "fiddler-kong-operator"
        with SecondInstallation(backstage.cluster, name="second") as second:
            arena.until(lambda: status(arena)["installation"] == SECOND, "the mark of the second")
            arena.until(lambda: "TakenOver" in {event["reason"] for event in arena.all_of("Event")}, "the event of the first")
            arena.until_quiet()
            since = arena.mark()

            arena.patch("FiddlerKongBinding", "assistant", {"spec": {"payloads": "Captured"}})

            arena.until(lambda: status(arena)["observedGeneration"] == 2, "the answer to the change")
            arena.until_ready()
            arena.until_quiet()
            written = [str(write) for write in arena.writes(since)]
            assert len(written) == len(set(written)), "each object is written once, by one of the two"
            assert status(arena)["installation"] == SECOND
            assert "taken over from the installation fiddler-kong-operator" in second.log
