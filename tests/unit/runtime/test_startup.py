"""The order of start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from fiddler_kong_operator.errors import FiddlerKongError, NotLeader, Refused
from fiddler_kong_operator.kube.election import LeaseElector
from fiddler_kong_operator.runtime import startup
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.runtime.shell import Shell
from fiddler_kong_operator.settings import Settings
from tests.unit.virtual_time import run

BEGINNING = ["list bindings", "kopf starts", "list others", "acquire", "start"]
END = ["release", "kopf stops"]


class Play:
    """Operator, elector and shell in one; each scene is noted, and may be made to fail."""

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        self.scenes: list[str] = []
        self.failures = failures

    async def _scene(self, name: str) -> None:
        self.scenes.append(name)
        await asyncio.sleep(1)
        if name in self.failures:
            raise self.failures[name]

    async def list_bindings(self) -> None:
        await self._scene("list bindings")

    async def list_others(self) -> None:
        await self._scene("list others")

    async def acquire(self) -> None:
        await self._scene("acquire")

    def start(self) -> None:
        self.scenes.append("start")

    async def first_look(self) -> int:
        await asyncio.sleep(0.5)
        return 3

    @property
    def started(self) -> bool:
        return "start" in self.scenes

    async def failure(self) -> None:
        await asyncio.sleep(2)
        if "watch" in self.failures:
            raise self.failures["watch"]
        await asyncio.get_running_loop().create_future()

    async def keep(self) -> None:
        try:
            await self._scene("keep")
            await asyncio.get_running_loop().create_future()
        finally:
            self.scenes.append("no longer kept")

    async def stop(self) -> None:
        if "start" in self.scenes:
            await self._scene("drain")

    async def release(self) -> None:
        await self._scene("release")

    async def live(self, signal_after: float) -> int:
        """Run from the start to the end; a signal comes after so many seconds."""
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(signal_after, stop.set)
        return await startup.live(cast("Operator", self), cast("LeaseElector", self), cast("Shell", PlayedShell(self)), stop)


class PlayedShell:
    """kopf's part of the play."""

    def __init__(self, play: Play) -> None:
        self._play = play

    @contextlib.asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        yield

    async def start(self) -> None:
        self._play.scenes.append("kopf starts")

    async def failure(self) -> None:
        if "kopf" in self._play.failures:
            raise self._play.failures["kopf"]
        await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        self._play.scenes.append("kopf stops")


def lived(failures: Mapping[str, Exception] | None = None, signal_after: float = 100.0) -> tuple[int, list[str]]:
    """The exit code and the scenes."""

    async def scenario() -> tuple[int, list[str]]:
        play = Play(failures or {})
        return await play.live(signal_after), play.scenes

    return run(scenario())


def test_on_a_signal_workers_drain_then_the_lease_is_given_up_then_kopf_stops() -> None:
    assert lived() == (0, [*BEGINNING, "keep", "drain", "no longer kept", *END])


def test_the_end_of_the_first_look_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lived()
    assert [record.message for record in caplog.records if "looked at" in record.message] == ["all bindings looked at: 3, in 0.5 s"]


@pytest.mark.parametrize(("signal_after", "scenes"), [(0.5, 1), (1.5, 3), (2.5, 4)], ids=["before kopf", "while listing", "as a standby"])
def test_a_signal_before_the_start_ends_in_order_too(signal_after: float, scenes: int) -> None:
    assert lived(signal_after=signal_after) == (0, [*BEGINNING[:scenes], *END])


@pytest.mark.parametrize("scene", ["drain", "release"])
def test_what_fails_while_stopping_keeps_nothing_from_being_stopped(scene: str, caplog: pytest.LogCaptureFixture) -> None:
    assert lived({scene: ZeroDivisionError("a bug")}) == (1, [*BEGINNING, "keep", "drain", "no longer kept", *END])
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_the_end_of_kopf_ends_the_process_in_order(caplog: pytest.LogCaptureFixture) -> None:
    assert lived({"kopf": FiddlerKongError("bindings can no longer be watched")}) == (1, [*BEGINNING[:3], *END])
    assert "the work has ended: bindings can no longer be watched" in caplog.text


def test_a_lost_lease_ends_the_process_with_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    assert lived({"keep": NotLeader("the lease ops/fiddler-kong-operator is lost")}) == (
        1,
        [*BEGINNING, "keep", "no longer kept", "drain", *END],
    )
    assert [(record.levelname, record.exc_info) for record in caplog.records if record.levelno >= logging.ERROR] == [("ERROR", None)]


def test_a_missing_permission_ends_the_process_with_its_words(caplog: pytest.LogCaptureFixture) -> None:
    assert lived({"acquire": Refused("create Lease ops/fiddler-kong-operator: leases is forbidden", 403)})[0] == 1
    assert "leases is forbidden" in caplog.text


def test_a_bug_ends_the_process_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    assert lived({"list others": ZeroDivisionError("a bug")}) == (1, [*BEGINNING[:3], *END])
    errors: list[Any] = [record.exc_info for record in caplog.records if record.exc_info]
    assert [error[0] for error in errors] == [ZeroDivisionError]


def test_a_dead_task_behind_the_workers_ends_the_process() -> None:
    assert lived({"watch": RuntimeError("the task 'informer Secret' has ended")}) == (
        1,
        [*BEGINNING, "keep", "no longer kept", "drain", *END],
    )


@pytest.mark.usefixtures("restored_logging")
def test_without_a_cluster_it_says_what_to_do_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert startup.run(Settings(log_format="text")) == 1

    assert "Set KUBECONFIG, or run in a pod with a service account." in capsys.readouterr().err
