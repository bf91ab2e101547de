from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator

import aiohttp
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from fiddler_kong_operator import __version__
from fiddler_kong_operator.errors import CannotListen
from fiddler_kong_operator.kube.metrics import Metrics, MetricsServer
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.queue import Lane, WorkQueue

HOST = "127.0.0.1"
PREFIX = "fiddler_kong_operator_"
BINDING = ObjectKey("FiddlerKongBinding", "ai", "assistant")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        number: int = free.getsockname()[1]
        return number


async def get(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str, str]:
    """Status, content type and text."""
    async with aiohttp.ClientSession() as session, session.request(method, f"http://{HOST}:{port}{path}") as response:
        return response.status, response.headers["Content-Type"], await response.text()


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by name, without the prefix, and the labels' values in the order of the labels' names."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(s.name.removeprefix(PREFIX), tuple(s.labels[name] for name in sorted(s.labels))): s.value for s in found}


async def scrape(metrics: Metrics, port: int) -> dict[tuple[str, tuple[str, ...]], float]:
    async with MetricsServer(metrics, HOST, port):
        status, content_type, text = await get(port)
    assert (status, content_type.partition(";")[0]) == (200, "text/plain")
    return samples(text)


async def test_reconciliations_are_counted_by_kind_and_result_and_timed(port: int) -> None:
    metrics = Metrics()
    for seconds in (0.02, 0.2):
        metrics.count_reconciliation("FiddlerKongBinding", "success", seconds)
    metrics.count_reconciliation("Deployment", "transient", 1)
    found = await scrape(metrics, port)

    assert found["reconcile_total", ("FiddlerKongBinding", "success")] == 2
    assert found["reconcile_total", ("Deployment", "transient")] == 1
    assert found["reconcile_duration_seconds_sum", ("FiddlerKongBinding",)] == pytest.approx(0.22)
    assert found["reconcile_duration_seconds_bucket", ("FiddlerKongBinding", "0.1")] == 1


async def test_requests_are_counted_by_verb_kind_and_code_and_timed(port: int) -> None:
    metrics = Metrics()
    metrics.count_request("apply", "Secret", 201, 0.5)
    metrics.count_request("apply", "Secret", 0, 30)
    found = await scrape(metrics, port)

    assert found["api_requests_total", ("201", "Secret", "apply")] == found["api_requests_total", ("0", "Secret", "apply")] == 1
    assert found["api_request_duration_seconds_count", ("Secret", "apply")] == 2


async def test_bugs_are_counted_by_kind(port: int) -> None:
    metrics = Metrics()
    for kind in ("FiddlerKongBinding", "FiddlerKongBinding", "probe"):
        metrics.count_bug(kind)

    assert metrics.bugs == 3
    assert (await scrape(metrics, port))["bugs_total", ("FiddlerKongBinding",)] == 2


async def test_the_queue_is_read_at_each_scrape(port: int) -> None:
    metrics, now = Metrics(), 100.0
    queue: WorkQueue[ObjectKey] = WorkQueue(clock=lambda: now)
    metrics.watch_queue(queue)
    empty = await scrape(metrics, port)
    queue.add(BINDING)
    queue.add(BINDING._replace(name="other"), Lane.BACKGROUND)
    queue.add_after(BINDING._replace(name="later"), 60)
    now = 107.0
    filled = await scrape(metrics, port)

    assert (empty["queue_depth", ("urgent",)], empty["queue_oldest_seconds", ()]) == (0, 0)
    assert (filled["queue_depth", ("urgent",)], filled["queue_depth", ("background",)]) == (1, 1)
    assert (filled["queue_oldest_seconds", ()], filled["queue_delayed", ()]) == (7, 1)


async def test_leader_version_and_process_are_shown(port: int) -> None:
    metrics, leading = Metrics(), False
    metrics.watch_leader(lambda: leading)
    before = await scrape(metrics, port)
    leading = True
    after = await scrape(metrics, port)

    assert (before["leader", ()], after["leader", ()]) == (0, 1)
    assert after["build_info", (__version__,)] == 1
    assert ("process_start_time_seconds", ()) in after


async def test_a_metric_that_cannot_be_read_is_a_bug_and_hides_no_other(port: int, caplog: pytest.LogCaptureFixture) -> None:
    def read() -> Iterator[Metric]:
        yield Metric("partial", "Read before the bug.", "gauge")
        raise ZeroDivisionError

    metrics = Metrics()
    metrics.collect(read)
    metrics.watch_leader(lambda: True)
    found = await scrape(metrics, port)

    assert found["leader", ()] == 1
    assert metrics.bugs == 1
    assert "ZeroDivisionError" in caplog.text


async def test_the_event_loop_goes_on_while_a_page_is_made(port: int) -> None:
    going, asked = threading.Event(), threading.Event()
    waited: list[bool] = []

    def read() -> Iterator[Metric]:
        asked.set()
        waited.append(going.wait(10))
        yield Metric("slow", "Read while others work.", "gauge")

    metrics = Metrics()
    metrics.collect(read)
    scraping = asyncio.create_task(scrape(metrics, port))
    await asyncio.to_thread(asked.wait, 10)
    going.set()
    await scraping

    assert waited == [True]


async def test_a_crowd_of_scrapes_makes_one_page_at_a_time(port: int) -> None:
    under_way, most = 0, 0

    def read() -> Iterator[Metric]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        yield Metric("counted", "How many at once.", "gauge")
        under_way -= 1

    metrics = Metrics()
    metrics.collect(read)
    async with MetricsServer(metrics, HOST, port):
        answers = await asyncio.gather(*(get(port) for _ in range(20)))

    assert ({status for status, _, _ in answers}, most) == ({200}, 1)


def test_names_follow_the_conventions() -> None:
    metrics = Metrics()
    metrics.watch_queue(WorkQueue())
    metrics.watch_leader(lambda: True)
    metrics.count_reconciliation("Deployment", "success", 1)
    metrics.count_request("get", "Lease", 200, 1)
    metrics.count_bug("probe")
    families = list(text_string_to_metric_families(metrics.take()().decode()))
    ours = [family for family in families if not family.name.startswith("process_")]

    assert len(ours) == 10
    assert [family.name for family in ours if not re.fullmatch(f"{PREFIX}[a-z_]+", family.name)] == []
    assert [family.name for family in families if not family.documentation.endswith(".")] == []
    assert {s.name for family in ours if family.type == "counter" for s in family.samples if not s.name.endswith("_total")} == set()
    assert [family.name for family in ours if family.type == "histogram" and not family.name.endswith("_seconds")] == []


def test_two_operators_in_one_process_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.count_bug("probe")

    assert (one.bugs, other.bugs) == (1, 0)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/metrics", 405)])
async def test_nothing_else_is_served(port: int, method: str, path: str, status: int) -> None:
    async with MetricsServer(Metrics(), HOST, port):
        assert (await get(port, path, method))[0] == status


async def test_a_taken_port_is_an_error_that_names_the_port_and_the_flag(port: int) -> None:
    async with MetricsServer(Metrics(), HOST, port):
        with pytest.raises(CannotListen, match=rf"{HOST}:{port} \(address already in use\); .*--metrics-port"):
            await MetricsServer(Metrics(), HOST, port).__aenter__()
        assert (await get(port))[0] == 200


async def test_an_address_of_another_machine_is_an_error_of_ours(port: int) -> None:
    with pytest.raises(CannotListen, match=rf"192\.0\.2\.1:{port} \(.*\); .*--metrics-port"):
        await MetricsServer(Metrics(), "192.0.2.1", port).__aenter__()


async def test_a_server_that_ended_does_not_listen(port: int) -> None:
    async with MetricsServer(Metrics(), HOST, port):
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(port)


@pytest.mark.parametrize("host", [HOST, "no.such.host.invalid"])
async def test_port_0_switches_it_off(host: str) -> None:
    async with MetricsServer(Metrics(), host, 0) as server:
        assert server is not None
