"""The order of beginning and ending. What needs kopf and a cluster is tested with a real one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fiddler_kong_operator.errors import NotLeader, Refused
from fiddler_kong_operator.kube.election import LeaseElector
from fiddler_kong_operator.runtime import startup
from fiddler_kong_operator.runtime.operator import Operator
from fiddler_kong_operator.settings import Settings
from tests.unit.virtual_time import run

BEGINNING = ["list", "acquire", "start"]
END = ["release", "kopf stops"]


class Play:
    """Operator and elector in one; each scene is noted, and may be made to fail."""

    def __init__(self, failures: dict[str, Exception]) -> None:
        self.scenes: list[str] = []
        self.failures = failures
        self.kopf_stop = asyncio.Event()

    async def _scene(self, name: str) -> None:
        self.scenes.append(name)
        await asyncio.sleep(1)
        if name in self.failures:
            raise self.failures[name]

    async def list_everything(self, _head_start: float) -> None:
        await self._scene("list")

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
        self.scenes.append("stop")
        if "start" in self.scenes:
            await asyncio.sleep(3)
            self.scenes.append("drained")

    async def release(self) -> None:
        await self._scene("release")
        assert not self.kopf_stop.is_set()

    async def live(self, signal_after: float) -> int:
        """Run from the start to the end; a signal comes after so many seconds."""
        operator, elector, stop = cast("Operator", self), cast("LeaseElector", self), asyncio.Event()
        asyncio.get_running_loop().call_later(signal_after, stop.set)
        work = asyncio.create_task(startup._work(operator, elector))
        code = await startup._end(operator, elector, work, stop, self.kopf_stop)
        if work.done() and self.kopf_stop.is_set():
            self.scenes.append("kopf stops")
        return code


def lived(signal_after: float = 100.0, **failures: Exception) -> tuple[int, list[str]]:
    """The exit code and the scenes."""

    async def scenario() -> tuple[int, list[str]]:
        play = Play(failures)
        return await play.live(signal_after), play.scenes

    return run(scenario())


def test_on_a_signal_workers_drain_then_the_lease_is_given_up_then_kopf_stops() -> None:
    assert lived() == (0, [*BEGINNING, "keep", "stop", "drained", "no longer kept", *END])


def test_the_end_of_the_first_look_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lived()
    assert [record.message for record in caplog.records if "looked at" in record.message] == ["all bindings looked at: 3, in 0.5 s"]


@pytest.mark.parametrize(("signal_after", "scenes"), [(0.5, ["list"]), (1.5, ["list", "acquire"])], ids=["while listing", "as a standby"])
def test_a_signal_before_the_start_ends_in_order_too(signal_after: float, scenes: list[str]) -> None:
    assert lived(signal_after) == (0, [*scenes, "stop", *END])


def test_a_lost_lease_ends_the_process_with_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    assert lived(keep=NotLeader("the lease ops/fiddler-kong-operator is lost")) == (
        1,
        [*BEGINNING, "keep", "no longer kept", "stop", "drained", *END],
    )
    assert [(record.levelname, record.exc_info) for record in caplog.records if record.levelno >= logging.ERROR] == [("ERROR", None)]


def test_a_missing_permission_ends_the_process_with_its_words(caplog: pytest.LogCaptureFixture) -> None:
    assert lived(acquire=Refused("create Lease ops/fiddler-kong-operator: leases is forbidden", 403))[0] == 1
    assert "leases is forbidden" in caplog.text


def test_a_bug_ends_the_process_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    assert lived(list=ZeroDivisionError("a bug")) == (1, ["list", "stop", *END])
    errors: list[Any] = [record.exc_info for record in caplog.records if record.exc_info]
    assert [error[0] for error in errors] == [ZeroDivisionError]


def test_a_dead_task_behind_the_workers_ends_the_process() -> None:
    assert lived(watch=RuntimeError("the task 'reflector Secret' has ended")) == (
        1,
        [*BEGINNING, "keep", "no longer kept", "stop", "drained", *END],
    )


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("restored_logging")
def test_without_a_cluster_it_says_what_to_do_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert startup.run(Settings(log_format="text")) == 1

    assert "Set KUBECONFIG, or run in a pod with a service account." in capsys.readouterr().err
