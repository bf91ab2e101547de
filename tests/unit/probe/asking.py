"""Probes of servers on loopback."""

from __future__ import annotations

from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.probe.target import Answer, ProbeTarget
from fiddler_kong_operator.settings import ProbeSettings

CANARY = "canary-id.VERY-secret-0123456789"
APPLICATION = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
SECRET = "`api-key` in the Secret `fiddler`"
LOCAL = ProbeSettings(allow_http=True, allowed_addresses=("127.0.0.0/8",), timeout=5)
BRIEF = LOCAL.model_copy(update={"timeout": 0.3})


def target(port: int, *, scheme: str = "http", host: str = "127.0.0.1", key: str = CANARY, verify_depth: int | None = 5) -> ProbeTarget:
    return ProbeTarget(f"{scheme}://{host}:{port}", APPLICATION, key, SECRET, verify_depth)


async def resolve_locally(host: str, port: int) -> list[str]:
    del host, port
    return ["127.0.0.1"]


async def ask(wanted: ProbeTarget, settings: ProbeSettings = LOCAL) -> Answer[ProbeResult]:
    """Probe, and check what holds for every answer."""
    answer = await TraceProber(settings, resolve=resolve_locally, wall_clock=lambda: 1_000_000.0).ask(wanted)
    assert REASONS[answer.result.reason].type is ConditionType.TRACE_ENDPOINT_REACHABLE
    assert CANARY not in repr(answer)
    assert answer.result.message.endswith(".")
    assert len(answer.result.message) < 400
    return answer


async def probe(wanted: ProbeTarget, settings: ProbeSettings = LOCAL) -> ProbeResult:
    """Probe with the system's own resolver."""
    prober = TraceProber(settings)
    try:
        return (await prober.ask(wanted)).result
    finally:
        prober.close()


async def reason(wanted: ProbeTarget, settings: ProbeSettings = LOCAL) -> str:
    return (await ask(wanted, settings)).result.reason
