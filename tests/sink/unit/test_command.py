"""`fiddler-kong-sink` as a process of its own, as a user runs it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from fiddler_kong_sink.cli import sink
from tests.sink.exports import APPLICATION, HEADERS, KEY, OTHER_APPLICATION, call, export

LIMIT = 30
Start = Callable[..., Coroutine[Any, Any, Process]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts sinks; whatever is still running at the end is stopped."""
    processes: list[Process] = []

    async def launch(*arguments: str, key: str | None = None) -> Process:
        environment = {**os.environ, **({"FIDDLER_API_KEY": key} if key else {})}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fiddler_kong_sink", "--port", "0", *arguments, stdout=PIPE, stderr=PIPE, env=environment
        )
        processes.append(process)
        return process

    yield launch
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), LIMIT)).decode()


async def finish(process: Process, number: signal.Signals) -> tuple[str, str]:
    process.send_signal(number)
    out, error = await asyncio.wait_for(process.communicate(), LIMIT)
    return out.decode(), error.decode()


async def send(client: aiohttp.ClientSession, url: str, body: bytes) -> int:
    async with client.post(f"{url}/v1/traces", data=body, headers=HEADERS) as response:
        return response.status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_json_output_has_one_object_per_line(start: Start, client: aiohttp.ClientSession, number: signal.Signals) -> None:
    process = await start("-o", "json", "--application-id", APPLICATION, key=KEY)
    started = json.loads(await line_of(process))
    assert (started["event"], started["applications"]) == ("started", [APPLICATION])

    assert await send(client, started["url"], export(call()).SerializeToString()) == 200
    delivery = json.loads(await line_of(process))
    out, error = await finish(process, number)

    assert (delivery["event"], delivery["kept"], delivery["dropped"]) == ("delivery", 1, {"Infrastructure": 5})
    assert json.loads(out) == {"event": "stopped", "sessions": 1, "spans": 1, "dropped": 5}
    assert (process.returncode, error) == (0, "")


async def test_text_output_says_what_a_binding_needs_and_no_key(start: Start, client: aiohttp.ClientSession) -> None:
    process = await start(key=KEY)
    first = await line_of(process)
    url = first.split("open ")[1].split()[0]
    await send(client, url, export(call()).SerializeToString())
    await send(client, url, b"\xff")
    out, error = await finish(process, signal.SIGINT)

    assert f"      url: {url}\n" in out
    assert "200  1 of 6 spans kept (dropped: 5 Infrastructure)" in out
    assert "400  The body must be a protobuf" in out
    assert "Stopped. Kept 1 span in 1 session;" in out
    assert "canary" not in first + out + error
    assert process.returncode == 0


ODD_REQUESTS = {
    "control character": f"Authorization: Bearer {KEY}\x01\r\nContent-Length: 0\r\n\r\n",
    "newline": f"Authorization: Bearer {KEY}\nX\r\nContent-Length: 0\r\n\r\n",
    "too long": f"Authorization: Bearer {KEY}{'x' * 9000}\r\n\r\n",
    "bad length": f"Content-Length: {KEY}\r\n\r\n",
    "bad chunk": f"Transfer-Encoding: chunked\r\n\r\n{KEY}\r\n",
    "wrong headers": f"fiddler-application-id: {KEY}\r\nUser-Agent: {KEY}\r\nContent-Type: {KEY}\r\nContent-Encoding: {KEY}\r\n\r\n",
}


async def answer_to(port: int, request: str) -> str:
    """The status code of the answer to an export with these headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /v1/traces HTTP/1.1\r\nHost: sink\r\n{request}".encode())
    answer = await asyncio.wait_for(reader.readline(), LIMIT)
    writer.close()
    return answer.split()[1].decode()


@pytest.mark.parametrize("output", ["text", "json"])
async def test_no_log_line_has_a_headers_value_even_of_a_request_that_is_not_http(start: Start, output: str) -> None:
    process = await start("--api-key", "another", "-o", output)
    port = re.search(r"http://127\.0\.0\.1:(\d+)", first := await line_of(process))
    assert port

    answers = {name: await answer_to(int(port[1]), request) for name, request in ODD_REQUESTS.items()}
    out, error = await finish(process, signal.SIGINT)

    assert {name: answer[0] for name, answer in answers.items()} == dict.fromkeys(ODD_REQUESTS, "4")
    assert KEY not in first + out + error
    assert "Traceback" not in error


@pytest.mark.parametrize("output", ["text", "json"])
async def test_it_ends_quietly_when_nobody_reads_its_output_any_more(start: Start, client: aiohttp.ClientSession, output: str) -> None:
    process = await start("-o", output)
    url = re.search(r"http://127\.0\.0\.1:\d+", await line_of(process))
    assert url
    assert process.stdout is not None
    transport: Any = process.stdout._transport  # type: ignore[attr-defined]  # asyncio offers no other way to close it
    transport.close()

    with suppress(aiohttp.ClientConnectionError):  # it may end before its answer arrives
        assert await send(client, url[0], b"") == 200
    _, error = await asyncio.wait_for(process.communicate(), LIMIT)

    assert (process.returncode, error) == (1, b"")


async def test_key_file_and_fault_are_used(start: Start, client: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    process = await start("-o", "json", "--api-key-file", str(file), "--fail", "429")
    url = json.loads(await line_of(process))["url"]

    assert await send(client, url, b"") == 429
    async with client.delete(f"{url}/api/faults"):
        assert await send(client, url, b"") == 200
    async with client.post(f"{url}/v1/traces", data=b"", headers={**HEADERS, "Authorization": "Bearer x"}) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--application-id", "nope"], "UUID"),
        (["--application-id", APPLICATION, "--application-id", APPLICATION], "give each id once"),
        (
            ["--application-id", APPLICATION, "--application-id", OTHER_APPLICATION, "--project", "one"],
            "--project must be given once for each",
        ),
        (["--application-name", "x"], "--application-name must be given once for each"),
        (["--fail", "777"], "an HTTP status from 200"),
        (["--api-key", "  "], "The key is empty"),
        (["--tls-key", __file__], "tls_key needs tls_cert"),
        (["--api-key", "canary", "--api-key-file", __file__], "Give the key once"),
        (["--port", "70000"], "70000"),
    ],
)
def test_bad_arguments_are_explained(arguments: list[str], word: str) -> None:
    result = CliRunner().invoke(sink, arguments)

    assert (result.exit_code, word in result.output, "canary" in result.output) == (2, True, False)


def test_port_in_use_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(sink, ["--port", str(taken.getsockname()[1])])

    assert result.exit_code == 1
    assert "The sink cannot listen on 127.0.0.1 port" in result.output


def test_command_loads_protobuf_only_when_it_runs() -> None:
    program = "import sys, fiddler_kong_sink.cli; assert not {'aiohttp', 'google.protobuf'} & sys.modules.keys()"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
