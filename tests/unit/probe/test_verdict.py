from __future__ import annotations

import base64

import pytest

from fiddler_kong_operator.plan.acceptance.endpoint import Endpoint
from fiddler_kong_operator.probe.verdict import judge_failure
from tests.unit.probe.asking import CANARY, ask, reason, target
from tests.unit.probe.servers import Fiddler, serving


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("key", "hinted"),
    [
        (CANARY, False),
        (base64.b64encode(b"canary-id.VERY-secret").decode(), True),
        (base64.b64encode(b"canary-id.VERY-secret\n").decode(), True),
        (base64.b64encode(bytes(range(120, 150))).decode(), False),
        ("c2hvcnQ=", False),
        ("0123456789abcdef0123456789abcdef", False),
    ],
)
async def test_a_refused_key_is_found_by_its_secret_and_its_form(status: int, key: str, *, hinted: bool) -> None:
    async with serving(Fiddler(status=status)) as fiddler:
        message = (await ask(target(fiddler.port, key=key))).result.message
    assert "`api-key` in the Secret `fiddler` (fiddler.apiKeySecretRef)" in message
    assert ("base64-encoded twice" in message) == hinted
    assert key not in message


@pytest.mark.parametrize("status", [202, 204])
async def test_another_success_names_what_would_answer_with_200(status: int) -> None:
    async with serving(Fiddler(status=status)) as fiddler:
        message = (await ask(target(fiddler.port))).result.message
    assert f"answers {status} instead of 200" in message
    assert "the OTLP receiver of a collector answer 200" in message


@pytest.mark.parametrize("kind", ["NameNotResolved", "ConnectionRefused", "ProbeTimeout", "ConnectionFailed", "TlsFailed", "NotHttp"])
@pytest.mark.parametrize(("port", "hinted"), [(4317, True), (4318, False)])
def test_a_failure_at_the_port_of_grpc_says_which_otlp_kong_speaks(kind: str, port: int, *, hinted: bool) -> None:
    message = judge_failure(kind, Endpoint("http", "otel-collector.observability.svc", port)).message
    assert ("Kong speaks OTLP/HTTP" in message) == hinted


@pytest.mark.parametrize(("host", "hinted"), [("otel-collector.observability", True), ("no.such.example", False), ("a.b.svc", False)])
def test_a_short_name_that_does_not_resolve_is_told_how_to_be_written(host: str, *, hinted: bool) -> None:
    message = judge_failure("NameNotResolved", Endpoint("https", host, 443)).message
    assert ("otel-collector.observability.svc" in message) == hinted


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "Reachable"),
        (201, "UnexpectedSuccess"),
        (202, "UnexpectedSuccess"),
        (204, "UnexpectedSuccess"),
        (301, "Redirected"),
        (302, "Redirected"),
        (307, "Redirected"),
        (400, "UnexpectedAnswer"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "EndpointNotFound"),
        (405, "UnexpectedAnswer"),
        (413, "UnexpectedAnswer"),
        (415, "UnexpectedAnswer"),
        (429, "RateLimited"),
        (500, "ServerError"),
        (502, "ServerError"),
        (503, "ServerError"),
        (504, "ServerError"),
    ],
)
async def test_every_status_has_its_reason(status: int, expected: str) -> None:
    async with serving(Fiddler(status=status, headers={"Location": "/elsewhere"})) as fiddler:
        answer = await ask(target(fiddler.port))
        again = await ask(target(fiddler.port))
    assert answer.result.reason == expected
    assert answer == again
    assert f"127.0.0.1:{fiddler.port}" in answer.result.message
    asked_for_application = [path for _, path, _, _ in fiddler.requests if path.startswith("/v3")]
    assert len(asked_for_application) == (2 if status == 200 else 0)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/x-protobuf", b"", "Reachable"),
        ("application/x-protobuf", b"\x0a\x00", "Reachable"),
        ("application/x-protobuf", b"\x0a\x06\x08\x00\x12\x02ok", "Reachable"),
        ("application/x-protobuf", b"\x0a" * 70_000, "NotOtlp"),
        ("application/json", b"{}", "Reachable"),
        ("application/json; charset=utf-8", b'{"partialSuccess": {}}', "Reachable"),
        ("application/json", b"[1]", "NotOtlp"),
        ("application/json", b"{", "NotOtlp"),
        ("text/html", b"<html>Sign in</html>", "NotOtlp"),
        ("text/html; charset=utf-8", b"", "NotOtlp"),
        ("text/plain", b"", "Reachable"),
        ("text/plain", b"It works!", "NotOtlp"),
        ("text/plain", b"{}", "Reachable"),
        (None, b"", "Reachable"),
        (None, b"\xff\xfe", "NotOtlp"),
        ("application/octet-stream", b"{" * 70_000, "NotOtlp"),
    ],
)
async def test_a_200_counts_only_from_an_otlp_endpoint(content_type: str | None, body: bytes, expected: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    async with serving(Fiddler(headers=headers, body=body)) as fiddler:
        assert await reason(target(fiddler.port)) == expected
