"""Any behaviour of the server at a binding's URL gives the right reason, takes bounded time and memory, and is recovered from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.endpoints import Endpoint
from tests.faults.ground import Ground, World
from tests.faults.scenarios import ready

TIMEOUT = 2.0
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def endpoint(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with world.portal.wrap_async_context_manager(Endpoint(tmp_path_factory.mktemp("endpoint"))) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def shared(world: World, endpoint: Endpoint) -> Iterator[Ground]:
    """One operator for all tests. It probes often, and also serves a healthy binding with another endpoint."""
    flags = (f"--probe-ca-file={endpoint.bundle}", f"--probe-timeout={TIMEOUT}", "--probe-interval=1", "--probe-retry-interval=1")
    with world.ground(*flags) as ground:
        ready(ground)
        yield ground


@pytest.fixture
def ground(world: World, shared: Ground, endpoint: Endpoint) -> Iterator[Ground]:
    """A second binding whose endpoint works."""
    shared.put(troubled(shared, endpoint))
    shared.until(lambda: shared.is_ready("second"), "the second binding is ready")
    yield shared
    endpoint.mode = "well"
    world.portal.call(endpoint.present)


def troubled(ground: Ground, endpoint: Endpoint, **fiddler: str) -> dict[str, Any]:
    changes = {
        "routes.0.expose.path": f"/{ground.namespace}-2",
        "fiddler.url": endpoint.url,
        **{f"fiddler.{k}": v for k, v in fiddler.items()},
    }
    return ground.binding(changes, name="second")


def resident(ground: Ground) -> float:
    """Peak memory of the operator so far, in MiB."""
    status = Path(f"/proc/{ground.pod.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / MEBIBYTE


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        pytest.param("byte by byte", "ProbeTimeout", marks=pytest.mark.exhaustive),
        ("ten gigabytes", "NotOtlp"),
        pytest.param("an endless head", "NotOtlp", marks=pytest.mark.exhaustive),
        pytest.param("a redirect to itself", "Redirected", marks=pytest.mark.exhaustive),
        pytest.param("silence", "ProbeTimeout", marks=pytest.mark.exhaustive),
        pytest.param("half an answer", "ConnectionFailed", marks=pytest.mark.exhaustive),
    ],
)
def test_an_endpoint_that_misbehaves_is_named_in_time_and_recovers(ground: Ground, endpoint: Endpoint, mode: str, reason: str) -> None:
    memory, asked, begun = resident(ground), endpoint.asked, time.monotonic()
    endpoint.mode = mode
    ground.until(lambda: ground.reason("second") == reason, f"the reason {reason}")
    noticed = time.monotonic() - begun
    ground.until(lambda: endpoint.asked > asked + 3, "further probes")

    assert noticed < 3 * TIMEOUT + 2
    assert resident(ground) < memory + 16
    assert ground.is_ready()
    endpoint.mode = "well"
    ground.until(lambda: ground.is_ready("second"), "recovery")
    assert ground.pod.exit_codes == []


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [({"expired": True}, "TlsExpired"), ({"trusted": False}, "TlsUntrusted")],
    ids=["expired", "another authority's"],
)
def test_a_certificate_that_changes_for_the_worse_while_running_is_noticed_and_its_replacement_too(
    world: World, ground: Ground, endpoint: Endpoint, certificate: dict[str, bool], reason: str
) -> None:
    world.portal.call(lambda: endpoint.present(**certificate))
    ground.until(lambda: ground.reason("second") == reason, "the certificate")

    world.portal.call(endpoint.present)

    ground.until(lambda: ground.is_ready("second"), "the new certificate")
    assert ground.is_ready()


@pytest.mark.exhaustive
def test_a_name_that_does_not_resolve_is_named_and_the_right_one_recovers(ground: Ground, endpoint: Endpoint) -> None:
    ground.put(troubled(ground, endpoint, url="https://fiddler.invalid"))
    ground.until(lambda: ground.reason("second") == "NameNotResolved", "the name")

    ground.put(troubled(ground, endpoint))

    ground.until(lambda: ground.is_ready("second"), "the right name")
    assert ground.is_ready()


@pytest.mark.exhaustive
def test_a_failure_that_repeats_itself_writes_nothing_more(ground: Ground, endpoint: Endpoint) -> None:
    endpoint.mode = "half an answer"
    ground.until(lambda: ground.reason("second") == "ConnectionFailed", "the reason")
    ground.until_quiet(1.0)
    before, asked = ground.audited(), endpoint.asked
    ground.until(lambda: endpoint.asked > asked + 3, "further probes")

    assert ground.audited() == before
