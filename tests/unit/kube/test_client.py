from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yaml

from fiddler_kong_operator.errors import Conflict, Expired, FiddlerKongError, FieldConflict, Gone, NotLeader, Refused, Stale, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.errors import Call
from fiddler_kong_operator.kube.objects import LEASE, Manifest
from fiddler_kong_operator.plan.kinds import BINDING, KONG_PLUGIN, SECRET, SERVICE
from tests.unit.kube.api_server import NEXT_TOKEN, TOKEN, Answer, ApiServer, answer, connected, hang_up, refusal, stream
from tests.unit.observe.objects import binding, plugin, secret

Request = Callable[[Client], Awaitable[Any]]


async def pages(client: Client, **options: Any) -> list[tuple[list[Manifest], str]]:
    return [(page.items, page.resource_version) async for page in client.list_pages(SERVICE, "ai", **options)]


LEASE_OBJECT = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": {"name": "operator", "namespace": "ai"}}
WRITES: dict[str, Request] = {
    "create": lambda client: client.create(KONG_PLUGIN, plugin()),
    "apply": lambda client: client.apply(KONG_PLUGIN, plugin()),
    "patch": lambda client: client.merge_patch(KONG_PLUGIN, "ai", "rate-limit", {}),
    "update": lambda client: client.replace(KONG_PLUGIN, plugin()),
    "delete": lambda client: client.delete(KONG_PLUGIN, "ai", "rate-limit", uid="u"),
}
BY_US = {"fieldManager": "fiddler-kong-operator", "fieldValidation": "Strict"}
FENCELESS: dict[str, Request] = {
    "get": lambda client: client.get(KONG_PLUGIN, "ai", "rate-limit"),
    "list": pages,
    "create a Lease": lambda client: client.create(LEASE, LEASE_OBJECT),
    "update a Lease": lambda client: client.replace(LEASE, LEASE_OBJECT),
}
EMPTY = answer({"metadata": {}})


async def asked(request: Request, *answers: Answer) -> ApiServer:
    async with connected(*(answers or (EMPTY,))) as (server, client):
        await request(client)
    return server


async def failed(request: Request, *answers: Answer, **options: Any) -> FiddlerKongError:
    """The error a request ends with. It never shows a token, not even in its traceback."""
    async with connected(*answers, **options) as (_, client):
        with pytest.raises(FiddlerKongError) as caught:
            await request(client)
    shown = "".join(traceback.format_exception(caught.value))
    assert [token for token in (TOKEN, NEXT_TOKEN) if token in shown] == []
    return caught.value


def closed() -> None:
    raise NotLeader("the lease is lost")


# Requests


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (lambda c: c.get(SECRET, "ai", "fiddler"), ("GET", "/api/v1/namespaces/ai/secrets/fiddler", {})),
        (
            lambda c: c.create(KONG_PLUGIN, plugin()),
            ("POST", "/apis/configuration.konghq.com/v1/namespaces/ai/kongplugins", BY_US),
        ),
        (
            lambda c: c.replace(LEASE, LEASE_OBJECT),
            ("PUT", "/apis/coordination.k8s.io/v1/namespaces/ai/leases/operator", BY_US),
        ),
        (
            lambda c: c.apply(BINDING, binding(), force=True, status=True),
            (
                "PATCH",
                "/apis/integrations.fiddler.ai/v1alpha1/namespaces/ai/fiddlerkongbindings/assistant/status",
                {**BY_US, "force": "true"},
            ),
        ),
        (
            lambda c: c.merge_patch(SERVICE, "ai", "chat", {}, manager="other"),
            ("PATCH", "/api/v1/namespaces/ai/services/chat", {**BY_US, "fieldManager": "other"}),
        ),
        (lambda c: c.delete(SERVICE, "ai", "chat", uid="u"), ("DELETE", "/api/v1/namespaces/ai/services/chat", {})),
    ],
    ids=["get", "create", "replace", "apply status", "patch", "delete"],
)
async def test_requests_go_where_the_object_is(request_: Request, expected: tuple[str, str, dict[str, str]]) -> None:
    (sent,) = (await asked(request_)).asked
    assert (sent.method, sent.path, sent.query) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (lambda c: c.create(KONG_PLUGIN, plugin()), "application/json"),
        (lambda c: c.apply(KONG_PLUGIN, plugin()), "application/apply-patch+yaml"),
        (lambda c: c.merge_patch(SERVICE, "ai", "chat", {}), "application/merge-patch+json"),
        (lambda c: c.merge_patch(SERVICE, "ai", "chat", {}, strategic=True), "application/strategic-merge-patch+json"),
    ],
    ids=["create", "apply", "merge patch", "strategic merge patch"],
)
async def test_the_content_type_says_what_kind_of_write_it_is(request_: Request, expected: str) -> None:
    assert (await asked(request_)).asked[0].headers["content-type"] == expected


async def test_an_apply_is_yaml_too_whatever_its_texts_hold() -> None:
    """YAML has no surrogate pairs, as which Python's JSON writes an emoji: the API server refused a status with an application's name."""
    manifest = {**plugin(), "config": {"name": "\U0001f680 \u00e9\u2028\x7f"}}

    arrived = (await asked(lambda c: c.apply(KONG_PLUGIN, manifest))).asked[0]

    assert arrived.body == manifest
    assert yaml.safe_load(arrived.text) == manifest


async def test_half_a_surrogate_pair_does_not_keep_an_apply_back() -> None:
    arrived = (await asked(lambda c: c.apply(KONG_PLUGIN, {**plugin(), "config": {"name": "\ud83d!"}}))).asked[0]

    assert arrived.body["config"] == {"name": "\ufffd!"}


async def test_an_apply_does_not_force_unless_told() -> None:
    assert (await asked(lambda c: c.apply(KONG_PLUGIN, plugin()))).asked[0].query["force"] == "false"


async def test_a_manifest_is_sent_as_it_is() -> None:
    assert (await asked(lambda c: c.create(KONG_PLUGIN, plugin()))).asked[0].body == plugin()


async def test_a_deletion_names_what_it_means() -> None:
    server = await asked(lambda c: c.delete(SERVICE, "ai", "chat", uid="u"))
    assert (server.asked[0].body["preconditions"], server.asked[0].body["propagationPolicy"]) == ({"uid": "u"}, "Background")


async def test_a_trial_of_a_creation_stores_nothing() -> None:
    server = await asked(lambda c: c.dry_run_create(KONG_PLUGIN, plugin()))
    assert (server.asked[0].query["dryRun"], server.asked[0].body) == ("All", plugin())


async def test_an_answer_is_given_back_as_it_is() -> None:
    async with connected(answer(plugin())) as (_, client):
        assert await client.get(KONG_PLUGIN, "ai", "rate-limit") == plugin()


# Lists


async def test_an_answer_that_is_no_object_is_read_up_to_its_limit() -> None:
    call = Call("get", SERVICE, "ai", "chat")

    async with connected(stream(b"one line\n", b"another\n"), stream(b"0123", b"456789")) as (server, client):
        assert await client.read(call, "/logs", {"tailLines": 2}) == b"one line\nanother\n"
        assert await client.read(call, "/logs", limit=6) == b"012345"

    assert [(asked.path, asked.query) for asked in server.asked] == [("/logs", {"tailLines": "2"}), ("/logs", {})]


async def test_an_answer_that_is_an_error_is_not_read() -> None:
    assert isinstance(await failed(lambda client: client.read(Call("get", SERVICE), "/logs"), refusal(403)), Refused)


async def test_a_list_goes_on_page_by_page() -> None:
    first = {"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [{"a": 1}]}
    last = {"metadata": {"resourceVersion": "9"}, "items": None}
    async with connected(answer(first), answer(last)) as (server, client):
        found = await pages(client, limit=1)
    assert found == [([{"a": 1}], "9"), ([], "9")]
    assert [sent.query for sent in server.asked] == [{"limit": "1"}, {"limit": "1", "continue": "more"}]


async def test_a_list_is_narrowed_by_the_kinds_selectors() -> None:
    async with connected(EMPTY) as (server, client):
        assert [page.items async for page in client.list_pages(SECRET, None)] == [[]]
    assert (server.asked[0].path, server.asked[0].query["fieldSelector"]) == ("/api/v1/secrets", "type!=helm.sh/release.v1")


async def test_a_continue_token_that_is_too_old_says_so() -> None:
    first = {"metadata": {"resourceVersion": "9", "continue": "more"}, "items": []}
    assert isinstance(await failed(pages, answer(first), refusal(410, "too old")), Expired)


# Errors


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, Refused), (403, Refused), (404, Gone), (409, Stale), (410, Expired), (422, Refused), (429, Transient), (503, Transient)],
)
@pytest.mark.parametrize("request_", [WRITES["patch"], FENCELESS["get"]], ids=["write", "read"])
async def test_each_status_becomes_its_error(request_: Request, code: int, expected: type[FiddlerKongError]) -> None:
    error = await failed(request_, refusal(code, "because"))
    assert type(error) is expected
    assert str(error).endswith("KongPlugin ai/rate-limit: because")


async def test_a_conflict_names_managers_and_fields() -> None:
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".spec.x"}
    error = await failed(WRITES["apply"], refusal(409, "conflict", causes=[cause]))
    assert isinstance(error, Conflict)
    assert error.conflicts == (FieldConflict("helm", ".spec.x"),)


async def test_a_busy_server_is_given_the_time_it_asks_for() -> None:
    error = await failed(WRITES["patch"], answer("Too many requests, please try again later.", 429, Retry_After="3"))
    assert isinstance(error, Transient)
    assert error.retry_after == 3.0


async def test_what_a_proxy_answers_is_not_repeated() -> None:
    error = await failed(WRITES["patch"], answer("<html>upstream</html>", 502))
    assert str(error) == "patch KongPlugin ai/rate-limit: HTTP 502"


@pytest.mark.parametrize("body", ["", "{", "<html>", "[]", "null"])
async def test_an_answer_that_is_no_json_object_is_no_answer(body: str) -> None:
    assert isinstance(await failed(FENCELESS["get"], answer(body)), Transient)


@pytest.mark.parametrize(
    "broken", [hang_up, stream(b'{"metadata": ', cut=True), refusal(503)], ids=["no answer", "half an answer", "unavailable"]
)
@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_may_or_may_not_have_arrived_is_transient(name: str, broken: Answer) -> None:
    assert isinstance(await failed(WRITES[name], broken, broken), Transient)


async def test_a_server_that_is_away_is_transient() -> None:
    async with connected() as (server, client):
        pass
    with pytest.raises(Transient, match="no answer from the API server"):
        await client.get(SERVICE, "ai", "chat")
    await client.close()
    assert server.asked == []


async def test_what_a_secret_holds_is_not_in_its_errors() -> None:
    raw = secret(value=b"the-key")
    echo = refusal(422, f"the-key is weak: {raw['data']}", "Invalid", causes=[{"field": "data[api-key]", "message": str(raw["data"])}])
    error = await failed(lambda client: client.create(SECRET, raw), echo)
    assert str(error) == "create Secret ai/fiddler: [redacted] is weak: {'api-key': '[redacted]'}"


async def test_what_a_patch_puts_into_a_secret_is_not_in_its_errors() -> None:
    body = {"data": {"openai": base64.b64encode(b'"Bearer the-key"').decode(), "gone": None}}
    echo = refusal(403, "header Bearer the-key is too short")
    error = await failed(lambda client: client.merge_patch(SECRET, "ai", "keys", body), echo)
    assert str(error) == "patch Secret ai/keys: header [redacted] is too short"


# Credentials


async def test_credentials_are_renewed_once_after_a_401() -> None:
    async with connected(refusal(401), answer(plugin()), answer(plugin())) as (server, client):
        await client.create(KONG_PLUGIN, plugin())
        await client.create(KONG_PLUGIN, plugin())
    assert [sent.token for sent in server.asked] == [TOKEN, NEXT_TOKEN, NEXT_TOKEN]
    assert server.asked[0].body == server.asked[1].body == plugin()


async def test_a_second_401_is_transient() -> None:
    assert isinstance(await failed(FENCELESS["get"], refusal(401, "no"), refusal(401, "no")), Transient)


async def test_credentials_that_cannot_be_renewed_are_transient_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = await failed(FENCELESS["get"], refusal(401, "Unauthorized"), refusal(401, "Unauthorized"), next_token=None)
    assert (type(error), str(error).endswith("Unauthorized")) == (Transient, True)
    assert "the API server does not accept the credentials, and they cannot be loaded again: nothing newer" in caplog.text


# The fence


@pytest.mark.parametrize("name", WRITES)
async def test_no_write_passes_a_closed_fence(name: str) -> None:
    async with connected(fence=closed) as (server, client):
        with pytest.raises(NotLeader):
            await WRITES[name](client)
    assert server.asked == []


@pytest.mark.parametrize("name", FENCELESS)
async def test_reads_and_leases_need_no_fence(name: str) -> None:
    async with connected(EMPTY, fence=closed) as (server, client):
        await FENCELESS[name](client)
    assert len(server.asked) == 1


async def test_a_write_repeated_after_a_401_passes_the_fence_again() -> None:
    passed: list[None] = []

    def closing() -> None:
        passed.append(None)
        if len(passed) > 1:
            closed()

    async with connected(refusal(401), EMPTY, fence=closing) as (server, client):
        with pytest.raises(NotLeader):
            await client.create(KONG_PLUGIN, plugin())
    assert len(server.asked) == 1


async def test_a_write_whose_connection_comes_too_late_is_not_sent() -> None:
    """Seen: a leader was frozen while it connected, and wrote when it woke, after its lease had been taken."""
    lost = asyncio.Event()

    def closing() -> None:
        if lost.is_set():
            closed()

    async with connected(EMPTY, fence=closing) as (server, client):
        asyncio.get_running_loop().call_soon(lost.set)  # runs as soon as the write has to wait: for its connection
        with pytest.raises(NotLeader):
            await client.create(KONG_PLUGIN, plugin())
    assert server.asked == []


# Counting


async def test_every_request_is_counted_with_its_status() -> None:
    counted: list[tuple[str, str, int]] = []

    def count(verb: str, kind: str, status: int, _: float) -> None:
        counted.append((verb, kind, status))

    async with connected(EMPTY, refusal(404), hang_up, hang_up, on_request=count) as (_, client):
        await client.create(KONG_PLUGIN, plugin())
        for request in (WRITES["delete"], WRITES["update"]):
            try:
                await request(client)
            except FiddlerKongError:
                continue
    assert counted == [("create", "KongPlugin", 200), ("delete", "KongPlugin", 404), ("update", "KongPlugin", 0)]
