from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import socket

import pytest

from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.settings import ProbeSettings
from tests.unit.probe.asking import APPLICATION, BRIEF, CANARY, LOCAL, ask, probe, reason, resolve_locally, target
from tests.unit.probe.servers import Fiddler, raw_server, serving


async def test_the_request_is_an_empty_export_with_both_headers() -> None:
    async with serving(Fiddler()) as fiddler:
        result = await probe(target(fiddler.port), LOCAL)
    method, path, headers, body = fiddler.requests[0]
    assert (result.reason, result.application) == ("Reachable", "assistant")
    assert (method, path, body, headers["content-length"]) == ("POST", "/v1/traces", b"", "0")
    assert headers["authorization"] == f"Bearer {CANARY}"
    assert headers["fiddler-application-id"] == APPLICATION
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-fiddler-client-name"] == "fiddler-kong-operator"
    assert {"x-fiddler-client-version", "user-agent"} <= headers.keys()
    assert "cookie" not in headers


async def test_a_compressed_answer_is_not_unpacked() -> None:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    async with serving(Fiddler(headers=headers, body=b"not even gzip")) as fiddler:
        assert await reason(target(fiddler.port)) == "Reachable"


async def test_a_redirect_is_not_followed() -> None:
    async with serving(Fiddler()) as elsewhere:
        location = f"http://127.0.0.1:{elsewhere.port}/v1/traces?{CANARY}"
        async with serving(Fiddler(status=307, headers={"Location": location})) as fiddler:
            assert await reason(target(fiddler.port)) == "Redirected"
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        ("0", 0.0),
        ("999999999999999", 3600.0),
        ("-5", None),
        ("soon", None),
        (email.utils.formatdate(1_000_090.0, usegmt=True), 90.0),
        (email.utils.formatdate(900_000.0, usegmt=True), 0.0),
    ],
)
async def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    async with serving(Fiddler(status=429, headers={"Retry-After": value})) as fiddler:
        answer = await ask(target(fiddler.port))
    assert answer.retry_after == seconds
    assert "Retry" not in answer.result.message
    assert f" {value}" not in answer.result.message


async def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert await reason(target(unused.getsockname()[1])) == "ConnectionRefused"


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
async def test_a_name_that_does_not_resolve(error: Exception) -> None:
    async def fail(_host: str, _port: int) -> list[str]:
        raise error

    answer = await TraceProber(LOCAL, resolve=fail).ask(target(443, scheme="https", host="nowhere.example"))
    assert answer.result.reason == "NameNotResolved"
    assert "nowhere.example" in answer.result.message


async def test_the_real_resolver_knows_literals_and_reports_unknown_names() -> None:
    async with serving(Fiddler()) as fiddler:
        assert (await probe(target(fiddler.port), LOCAL)).reason == "Reachable"
    assert (await probe(target(443, scheme="https", host="does-not-exist.invalid"), LOCAL)).reason in {"NameNotResolved", "ProbeTimeout"}


async def test_a_hanging_resolver_is_not_waited_for() -> None:
    async def hang(host: str, port: int) -> list[str]:
        del host, port
        await asyncio.sleep(3600)
        return []

    answer = await TraceProber(BRIEF, resolve=hang).ask(target(443))
    assert answer.result.reason == "ProbeTimeout"


async def test_a_silent_server_is_not_waited_for() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read(100_000)
        await asyncio.sleep(3600)

    async with raw_server(silent) as port, asyncio.timeout(60):
        assert await reason(target(port), BRIEF) == "ProbeTimeout"


@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OK\r\nContent-Type: x/y\r\n\r\n{}", b"HTTP/1.1 401 Unauthorized\r\nX: " + b"y" * 4000])
async def test_a_server_that_sends_byte_by_byte_is_not_waited_for(text: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        for number in range(len(text)):
            writer.write(text[number : number + 1])
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_server(drip) as port:
        assert await reason(target(port), BRIEF) == "ProbeTimeout"


async def test_of_an_endless_body_only_the_beginning_is_read() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    async with raw_server(flood) as port:
        assert await reason(target(port)) == "NotOtlp"
    assert sent < 20_000_000


async def test_an_endless_header_is_not_read() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Filler: " + b"y" * 1000 + b"\r\n")
            await writer.drain()

    async with raw_server(flood) as port:
        assert await reason(target(port)) in {"NotOtlp", "ConnectionFailed"}


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"])
async def test_a_cut_connection(text: bytes) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        await writer.drain()

    async with raw_server(cut) as port:
        assert await reason(target(port)) == "ConnectionFailed"


async def test_a_server_of_another_protocol() -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        await reader.read(1000)

    async with raw_server(ssh) as port:
        assert await reason(target(port)) == "NotOtlp"


async def test_loopback_is_refused_by_default() -> None:
    async with serving(Fiddler()) as fiddler:
        settings = ProbeSettings(allow_http=True)
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1"):
            assert (await probe(target(fiddler.port, host=host), settings)).reason == "AddressRefused"
    assert fiddler.requests == []


async def test_an_address_in_an_unusual_form_is_refused_even_where_loopback_is_allowed() -> None:
    async with serving(Fiddler()) as fiddler:
        assert (await probe(target(fiddler.port, host="2130706433"), LOCAL)).reason == "AddressRefused"


async def test_http_outside_the_cluster_is_refused_by_default() -> None:
    answer = await TraceProber(ProbeSettings(), resolve=resolve_locally).ask(target(80, host="acme.example"))
    assert answer.result.reason == "AddressRefused"


async def test_a_name_that_changes_its_address_after_the_check_reaches_nothing() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"]])
    asked = []

    async def rebind(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return next(answers)

    async with serving(Fiddler()) as fiddler:
        prober = TraceProber(LOCAL.model_copy(update={"allowed_addresses": ("127.0.0.1/32",)}), resolve=rebind)
        wanted = target(fiddler.port, host="rebinding.example")
        assert (await prober.ask(wanted)).result.reason == "Reachable"
        assert len(asked) == 1
        assert [path for _, path, _, _ in fiddler.requests] == ["/v1/traces", f"/v3/applications/{APPLICATION}"]
        assert (await prober.ask(wanted)).result.reason == "AddressRefused"
        assert (await prober.ask(wanted)).result.reason == "AddressRefused"
        assert len(fiddler.requests) == 2


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Fiddler()) as proxy, serving(Fiddler()) as fiddler:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await reason(target(fiddler.port)) == "Reachable"
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("status", "body", "reason_", "application", "unsure"),
    [
        (200, b'{"data": {"name": "assistant"}}', "Reachable", "assistant", False),
        (200, b'{"name": "  assistant "}', "Reachable", "assistant", False),
        (200, json.dumps({"data": {"name": "x" * 1000}}).encode(), "Reachable", "x" * 256, False),
        (200, b'{"data": {"name": "two\\nlines"}}', "Reachable", None, False),
        (200, json.dumps({"data": {"name": f"echo {CANARY}"}}).encode(), "Reachable", None, False),
        (200, b"<html>", "Reachable", None, False),
        (200, b"[" * 60_000, "Reachable", None, False),
        (404, b'{"error": {"code": 404, "errors": [{"reason": "ObjectNotFound"}]}}', "ApplicationNotFound", None, False),
        (404, b'{"detail": "Not Found"}', "Reachable", None, False),
        (401, b"{}", "Reachable", None, False),
        (403, b"{}", "Reachable", None, False),
        (429, b"{}", "Reachable", None, True),
        (500, b"{}", "Reachable", None, True),
    ],
)
async def test_the_application_is_advice(status: int, body: bytes, reason_: str, application: str | None, *, unsure: bool) -> None:
    async with serving(Fiddler(application_status=status, application_body=body)) as fiddler:
        answer = await ask(target(fiddler.port))
    assert (answer.result.reason, answer.result.application, answer.unsure) == (reason_, application, unsure)


async def test_a_hanging_application_look_up_does_no_harm() -> None:
    async with serving(Fiddler(application_hangs=True)) as fiddler:
        answer = await ask(target(fiddler.port), BRIEF)
    assert (answer.result.reason, answer.unsure) == ("Reachable", True)


async def test_the_key_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"data": {"name": CANARY}, "reason": CANARY}).encode()
    for status in (200, 302, 401, 500):
        async with serving(Fiddler(status=status, body=echo, headers={"Location": f"/{CANARY}"}, application_body=echo)) as fiddler:
            wanted = target(fiddler.port)
            shown = [repr(wanted), str(wanted), repr(await ask(wanted))]
            assert not [text for text in shown if CANARY in text]
    assert CANARY not in caplog.text


@pytest.mark.parametrize("key", ["", "two\nlines", "with blank", "caf\u00e9", "x\r\nX-Evil: 1", "tab\t"])
def test_a_key_that_would_break_the_request_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as error:
        target(443, key=key)
    assert not key or key not in str(error.value)


def test_targets_are_the_same_if_url_application_and_key_are() -> None:
    assert len({target(443), target(443), target(443, key=CANARY + "x")}) == 2
