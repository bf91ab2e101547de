from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from fiddler_kong_operator.errors import CannotTrust
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.settings import ProbeSettings
from tests.unit.probe.asking import CANARY, LOCAL, ask, reason, resolve_locally, target
from tests.unit.probe.servers import Fiddler, serving


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return str(path)


def server_context(
    ca: trustme.CA, *hosts: str, not_before: datetime | None = None, not_after: datetime | None = None, intermediates: int = 0
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for _ in range(intermediates):
        ca = ca.create_child_ca()
    past = not_before or datetime.now(UTC) - timedelta(days=30)
    ca.issue_cert(*(hosts or ("fiddler.example",)), not_before=past, not_after=not_after).configure_cert(context)
    return context


async def ask_by_tls(tls: ssl.SSLContext, ca_file: str, fiddler: Fiddler | None = None, verify_depth: int | None = 5) -> ProbeResult:
    """Probe https://fiddler.example with a trusted CA."""
    settings = LOCAL.model_copy(update={"ca_file": ca_file, "timeout": 30})
    async with serving(fiddler or Fiddler(), tls) as server:
        return (await ask(target(server.port, scheme="https", host="fiddler.example", verify_depth=verify_depth), settings)).result


async def test_a_trusted_certificate(ca: trustme.CA, ca_file: str) -> None:
    settings = LOCAL.model_copy(update={"ca_file": ca_file})
    async with serving(Fiddler(), server_context(ca)) as fiddler:
        assert await reason(target(fiddler.port, scheme="https", host="fiddler.example"), settings) == "Reachable"


async def test_an_unknown_authority(ca: trustme.CA) -> None:
    async with serving(Fiddler(), server_context(ca)) as fiddler:
        result = (await ask(target(fiddler.port, scheme="https", host="fiddler.example"))).result
    assert result.reason == "TlsUntrusted"
    assert "unknown authority" in result.message
    assert "KONG_LUA_SSL_TRUSTED_CERTIFICATE" in result.message
    assert fiddler.requests == []


async def test_an_expired_certificate(ca: trustme.CA, ca_file: str) -> None:
    fiddler = Fiddler()
    result = await ask_by_tls(
        server_context(ca, not_after=datetime(1970, 1, 9, tzinfo=UTC), not_before=datetime(1970, 1, 2, tzinfo=UTC)), ca_file, fiddler
    )
    assert (result.reason, "expired on 1970-01-09. Renew it on the server" in result.message) == ("TlsExpired", True)
    assert "CA" not in result.message
    assert fiddler.requests == []


async def test_a_certificate_of_tomorrow(ca: trustme.CA, ca_file: str) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    result = await ask_by_tls(server_context(ca, not_before=tomorrow), ca_file)
    assert (result.reason, f"is not valid before {tomorrow.date().isoformat()}" in result.message) == ("TlsExpired", True)


async def test_a_certificate_for_other_hosts(ca: trustme.CA, ca_file: str) -> None:
    fiddler = Fiddler()
    result = await ask_by_tls(
        server_context(ca, "a.example", f"{CANARY}.example", "*.b.example", "10.1.2.3", "d.example"), ca_file, fiddler
    )
    assert result.reason == "TlsWrongHost"
    assert "is for a.example, *.b.example, 10.1.2.3 and 2 more, not for fiddler.example. Use in fiddler.url a host" in result.message
    assert "CA" not in result.message
    assert fiddler.requests == []


@pytest.mark.parametrize(
    ("intermediates", "accepted", "reason_", "says"),
    [
        (0, 0, "Reachable", "answered an empty export with 200."),
        (1, 1, "Reachable", "answered an empty export with 200."),
        (2, 5, "Reachable", "answered an empty export with 200."),
        (
            2,
            1,
            "TlsUntrusted",
            "its chain has more intermediate certificates (2) than the gateway's Kong accepts (1). Set KONG_LUA_SSL_VERIFY_DEPTH=2",
        ),
        (1, None, "Reachable", "answered an empty export with 200."),
        (2, None, "Reachable", "has 2 intermediates, which Kong before 3.13.0.7, 3.14.0.7, 3.15.0.1 does not trust by default"),
        (2, None, "Reachable", "check its patch version and KONG_LUA_SSL_VERIFY_DEPTH, which may stand in a ConfigMap or Secret that"),
    ],
)
async def test_the_chain_may_be_as_long_as_the_gateways_kong_accepts(
    ca: trustme.CA, ca_file: str, intermediates: int, accepted: int | None, reason_: str, says: str
) -> None:
    result = await ask_by_tls(server_context(ca, intermediates=intermediates), ca_file, verify_depth=accepted)
    assert (result.reason, says in result.message) == (reason_, True)


async def test_a_chain_that_kong_refuses_decides_before_an_answer_that_kong_would_not_get(ca: trustme.CA, ca_file: str) -> None:
    result = await ask_by_tls(server_context(ca, intermediates=2), ca_file, Fiddler(status=401), verify_depth=1)
    assert (result.reason, "private CA" in result.message) == ("TlsUntrusted", False)


async def test_a_bundle_without_the_root_is_not_enough_as_it_is_not_for_kong(ca: trustme.CA, tmp_path: Path) -> None:
    child = ca.create_child_ca()
    path = tmp_path / "intermediate.pem"
    child.cert_pem.write_to_path(path)
    assert (await ask_by_tls(server_context(child), str(path))).reason == "TlsUntrusted"


async def test_https_to_a_port_that_speaks_http() -> None:
    async with serving(Fiddler()) as fiddler:
        result = (await ask(target(fiddler.port, scheme="https", host="fiddler.example"))).result
    assert (result.reason, "does not speak TLS" in result.message) == ("ConnectionFailed", True)


async def test_a_replaced_ca_bundle_is_used_without_a_restart(ca: trustme.CA, tmp_path: Path) -> None:
    path = tmp_path / "bundle.pem"
    trustme.CA().cert_pem.write_to_path(path)
    prober = TraceProber(LOCAL.model_copy(update={"ca_file": str(path)}), resolve=resolve_locally)
    async with serving(Fiddler(), server_context(ca)) as fiddler:
        wanted = target(fiddler.port, scheme="https", host="fiddler.example")
        assert (await prober.ask(wanted)).result.reason == "TlsUntrusted"
        path.write_text("half of a file")
        assert (await prober.ask(wanted)).result.reason == "TlsUntrusted"
        ca.cert_pem.write_to_path(path)
        assert (await prober.ask(wanted)).result.reason == "Reachable"


def test_a_missing_ca_bundle_is_noticed_at_start() -> None:
    with pytest.raises(CannotTrust, match=r"--probe-ca-file: /nowhere/ca\.pem cannot be read"):
        TraceProber(ProbeSettings(ca_file="/nowhere/ca.pem"))
