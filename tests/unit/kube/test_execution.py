from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from fiddler_kong_operator.errors import FiddlerKongError, Gone, Refused, Transient
from fiddler_kong_operator.kube.connection import Connection
from fiddler_kong_operator.kube.execution import OUTPUT_LIMIT, Ran, execute
from fiddler_kong_operator.kube.objects import ObjectKey
from tests.unit.kube.api_server import NEXT_TOKEN, TOKEN, Answer, ApiServer, answer, configuration, failure, refusal, running
from tests.unit.kube.kubelet import PROTOCOLS, SUCCESS, ending, speaking

POD = ObjectKey("Pod", "kong", "gateway-1")


async def silent(request: web.Request) -> web.StreamResponse:
    """A command that prints nothing and does not end until the client goes."""
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(request)
    assert (await socket.receive()).type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR}
    return socket


@asynccontextmanager
async def connected(*answers: Answer) -> AsyncIterator[tuple[ApiServer, Connection]]:
    async with running(*answers) as (server, url):

        async def load() -> Any:
            return configuration(url, NEXT_TOKEN)

        yield server, Connection(configuration(url), load)


async def run(*answers: Answer, seconds: float = 20.0) -> Ran:
    async with connected(*answers) as (_, connection):
        return await execute(connection, POD, "proxy", ("sh", "-c", "echo"), seconds)


async def test_a_command_is_sent_word_by_word_with_the_credentials() -> None:
    async with connected(speaking(ending(SUCCESS))) as (server, connection):
        await execute(connection, POD, "proxy", ("sh", "-c", "a b & c=d", "é"), 20)

    [asked] = server.asked
    assert asked.path == "/api/v1/namespaces/kong/pods/gateway-1/exec"
    assert asked.query["container"] == "proxy"
    assert asked.token == TOKEN
    assert asked.headers["sec-websocket-protocol"].startswith("v5.channel.k8s.io")


async def test_both_outputs_are_put_together() -> None:
    ran = await run(speaking((1, b"one "), (2, b"oh"), (1, b""), (1, b"two\n"), ending(SUCCESS)))

    assert ran == Ran("one two\n", "oh", 0)


async def test_an_older_api_server_speaks_the_older_protocol() -> None:
    assert (await run(speaking((1, b"x"), ending(SUCCESS), protocols=("v4.channel.k8s.io",)))).output == "x"


async def test_what_is_no_text_is_replaced_and_what_is_too_long_is_cut() -> None:
    ran = await run(speaking((1, b"\xff"), (1, b"x" * OUTPUT_LIMIT), (1, b"y"), ending(SUCCESS)))

    assert ran == Ran("\ufffd" + "x" * (OUTPUT_LIMIT - 1), "", 0)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (failure(500, "exit code 7", "NonZeroExitCode", causes=[{"reason": "ExitCode", "message": "7"}]), 7, "exit code 7"),
        (failure(500, "no sh in $PATH", "InternalError"), None, "no sh in $PATH"),
        (failure(500, "no kubelet", causes=[{"message": "x" * 2 * OUTPUT_LIMIT}]), None, "no kubelet"),
        (failure(500, "odd", causes=[{"reason": "ExitCode", "message": "many"}]), None, "odd"),
        ({"metadata": {}, "status": "Failure", "message": "no kind"}, None, "no kind"),
        ({"kind": "Pod"}, None, "it ended without a status"),
    ],
)
async def test_the_status_tells_how_a_command_ended(status: dict[str, Any], code: int | None, message: str) -> None:
    assert await run(speaking(ending(status))) == Ran("", "", code, message)


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff"])
async def test_a_status_that_is_none_leaves_no_exit_code(text: bytes) -> None:
    assert await run(speaking((3, text))) == Ran("", "", None, "it ended without a status")


async def test_a_connection_that_ends_early_leaves_no_exit_code() -> None:
    assert await run(speaking((1, b"half"))) == Ran("half", "", None, "it ended without a status")


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([refusal(403, 'pods "gateway-1" is forbidden: no')], Refused, 'exec Pod kong/gateway-1: pods "gateway-1" is forbidden: no'),
        ([refusal(404, 'pods "gateway-1" not found')], Gone, "not found"),
        ([refusal(400, "container absent is not valid")], Refused, "container absent is not valid"),
        ([refusal(500, "dial tcp: refused")], Transient, "dial tcp: refused"),
        ([answer({})], Transient, "no answer from the API server"),
        ([speaking(ending(SUCCESS), protocols=())], Transient, "speaks none of v5.channel.k8s.io"),
        ([speaking("text")], Transient, "not part of the protocol (TEXT)"),
        ([speaking((1, b"x" * (2 << 20)))], Transient, "not part of the protocol (ERROR)"),
    ],
    ids=["forbidden", "no pod", "no container", "no kubelet", "no websocket", "no protocol", "text", "a giant message"],
)
async def test_without_a_conversation_there_is_an_error_in_the_api_servers_words(
    answers: list[Answer], error: type[FiddlerKongError], words: str
) -> None:
    with pytest.raises(error) as found:
        await run(*answers)

    assert words in str(found.value)


async def test_credentials_that_have_expired_are_renewed() -> None:
    async with connected(refusal(401, "Unauthorized"), speaking((1, b"x"), ending(SUCCESS))) as (server, connection):
        ran = await execute(connection, POD, "proxy", ("true",), 20)

    assert ([asked.token for asked in server.asked], ran.output) == ([TOKEN, NEXT_TOKEN], "x")


async def test_a_command_that_does_not_end_is_left() -> None:
    started = asyncio.get_running_loop().time()

    with pytest.raises(Transient, match="TimeoutError"):
        await run(silent, seconds=0.3)

    assert asyncio.get_running_loop().time() - started < 15
