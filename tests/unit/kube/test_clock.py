from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.clock import ServerClock
from fiddler_kong_operator.plan.kinds import SECRET
from tests.unit.kube.api_server import answer, connected
from tests.unit.observe.objects import secret

MIDNIGHT = 1767225600.0
"""Thu, 01 Jan 2026 00:00:00 GMT."""


class Machine:
    """A machine whose clock is an hour ahead."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 50.0 + self.passed

    def wall(self) -> float:
        return MIDNIGHT + 3600 + self.passed

    def clock(self) -> ServerClock:
        return ServerClock(self.monotonic, self.wall)


def test_before_the_first_answer_it_is_the_machines_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passed = 3
    assert clock() == machine.wall()


def test_after_an_answer_it_is_the_servers_clock_and_goes_on() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.answered("Thu, 01 Jan 2026 00:00:00 GMT")
    machine.passed = 90
    assert clock() == MIDNIGHT + 90


@pytest.mark.parametrize("date", [None, "", "today"])
def test_an_answer_without_a_date_changes_nothing(date: str | None) -> None:
    clock = Machine().clock()
    clock.answered("Thu, 01 Jan 2026 00:00:00 GMT")
    clock.answered(date)
    assert clock() == MIDNIGHT


async def test_the_client_tells_the_time_of_the_server_that_answers_it() -> None:
    async with connected(answer(secret(), Date="Thu, 01 Jan 2026 00:00:00 GMT")) as (_, client):
        await client.get(SECRET, "ai", "fiddler")
        assert 0 <= client.clock() - MIDNIGHT < 60
