"""A collector between Kong and Fiddler: both are asked, each as it will be asked, and the message names the one that fails."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from fiddler_kong_operator.api import Fiddler as FiddlerSpec
from fiddler_kong_operator.plan.snapshot import ProbeResult
from fiddler_kong_operator.probe.target import Answer, ProbeTarget
from fiddler_kong_operator.settings import ProbeSettings
from tests.unit.probe.asking import APPLICATION, CANARY, LOCAL, ask, probe, target
from tests.unit.probe.servers import Fiddler, serving

FIRST, SECOND = "First hop, the collector: ", "Second hop, Fiddler: "
MISSING = b'{"errors": [{"reason": "ObjectNotFound"}]}'


def through(collector: int, fiddler: int, *, key_sent: bool = True) -> ProbeTarget:
    return replace(target(fiddler), collector=f"http://127.0.0.1:{collector}", key_sent=key_sent)


async def asked(collector: Fiddler, fiddler: Fiddler, *, key_sent: bool = True) -> Answer[ProbeResult]:
    async with serving(collector), serving(fiddler):
        return await ask(through(collector.port, fiddler.port, key_sent=key_sent))


@pytest.mark.parametrize("key_sent", [True, False])
async def test_each_hop_gets_what_it_will_get(key_sent: bool) -> None:  # noqa: FBT001
    collector, fiddler = Fiddler(), Fiddler()
    answer = await asked(collector, fiddler, key_sent=key_sent)

    assert (answer.result.reason, answer.result.application) == ("Reachable", "assistant")
    assert answer.result.message.count("answered an empty export with 200.") == 2
    assert [(method, path) for method, path, _, _ in collector.requests] == [("POST", "/v1/traces")]
    assert [headers.get("authorization") for _, _, headers, _ in collector.requests] == [f"Bearer {CANARY}" if key_sent else None]
    assert {headers["fiddler-application-id"] for _, _, headers, _ in (*collector.requests, *fiddler.requests)} == {APPLICATION}
    assert {headers["authorization"] for _, _, headers, _ in fiddler.requests} == {f"Bearer {CANARY}"}


@pytest.mark.parametrize(
    ("collector", "fiddler", "reason", "words"),
    [
        (Fiddler(status=401), Fiddler(), "Unauthorized", f"{FIRST}http://127.0.0.1:"),
        (Fiddler(status=403), Fiddler(), "Forbidden", "take traces without credentials of its own"),
        (Fiddler(status=404), Fiddler(), "EndpointNotFound", "fiddler.export.endpoint must be your collector"),
        (Fiddler(status=202), Fiddler(), "UnexpectedSuccess", FIRST),
        (Fiddler(status=415), Fiddler(), "UnexpectedAnswer", "Check that fiddler.export.endpoint is your collector"),
        (
            Fiddler(headers={"Content-Type": "text/html"}, body=b"<html>"),
            Fiddler(),
            "NotOtlp",
            "fiddler.export.endpoint must be the address",
        ),
        (Fiddler(), Fiddler(status=401), "Unauthorized", f"{SECOND}http://127.0.0.1:"),
        (Fiddler(), Fiddler(status=403), "Forbidden", "`api-key` in the Secret `fiddler`"),
        (Fiddler(), Fiddler(status=404), "EndpointNotFound", "fiddler.url must be your Fiddler instance"),
        (Fiddler(), Fiddler(application_status=404, application_body=MISSING), "ApplicationNotFound", SECOND),
        (Fiddler(status=500), Fiddler(status=401), "ServerError", FIRST),
    ],
    ids=lambda value: "" if isinstance(value, Fiddler) else None,
)
async def test_the_first_hop_that_fails_is_named(collector: Fiddler, fiddler: Fiddler, reason: str, words: str) -> None:
    result = (await asked(collector, fiddler)).result

    assert result.reason == reason
    assert words in result.message
    assert result.message.startswith((FIRST, SECOND))


async def test_fiddler_is_not_asked_while_the_collector_fails() -> None:
    fiddler = Fiddler()
    await asked(Fiddler(status=503), fiddler)

    assert fiddler.requests == []


async def test_a_collector_that_does_not_listen_is_named_with_its_field() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = (await ask(through(unused.getsockname()[1], 9))).result

    assert result.reason == "ConnectionRefused"
    assert result.message.startswith(FIRST)
    assert "fiddler.export.endpoint" in result.message


@pytest.mark.parametrize(
    ("collector", "url", "words"),
    [
        ("https://169.254.169.254", "http://127.0.0.1:1", f"{FIRST}169.254.169.254 is "),
        ("http://collector.example", "http://127.0.0.1:1", "fiddler.export.endpoint uses http for collector.example"),
        ("https://[::1]", "http://127.0.0.1:1", "fiddler.export.endpoint must be your collector"),
    ],
)
async def test_the_rules_for_addresses_hold_for_the_collector(collector: str, url: str, words: str) -> None:
    result = await probe(ProbeTarget(url, APPLICATION, CANARY, "", collector=collector), ProbeSettings(timeout=5))

    assert result.reason == "AddressRefused"
    assert words in result.message


async def test_the_rules_for_addresses_hold_for_fiddler_behind_it() -> None:
    async with serving(Fiddler()) as collector:
        result = await probe(replace(through(collector.port, 1), url="https://169.254.169.254"), LOCAL)

    assert result.reason == "AddressRefused"
    assert result.message.startswith(SECOND)


@pytest.mark.parametrize(("export", "collector", "key_sent"), [
    (None, None, True),
    ({"endpoint": "http://otel.ai.svc:4318"}, "http://otel.ai.svc:4318", True),
    ({"endpoint": "http://otel.ai.svc:4318", "credentials": "Omit"}, "http://otel.ai.svc:4318", False),
])  # fmt: skip
def test_the_target_of_a_binding(export: dict[str, str] | None, collector: str | None, key_sent: bool) -> None:  # noqa: FBT001
    raw = {"url": "https://acme.fiddler.ai", "applicationId": APPLICATION, "apiKeySecretRef": {"name": "a", "key": "b"}, "export": export}
    found = ProbeTarget.of(FiddlerSpec.model_validate(raw), CANARY, 5)

    assert (found.url, found.collector, found.key_sent) == ("https://acme.fiddler.ai", collector, key_sent)
