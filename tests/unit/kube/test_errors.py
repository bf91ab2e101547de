from __future__ import annotations

import json
from typing import Any

import pytest

from fiddler_kong_operator.errors import Conflict, Expired, FiddlerKongError, FieldConflict, Gone, Refused, Stale, Transient
from fiddler_kong_operator.kube.errors import MESSAGE_LIMIT, Call, error_of, parse_status, unreachable
from fiddler_kong_operator.plan.kinds import KONG_CLUSTER_PLUGIN, KONG_PLUGIN, SECRET, SERVICE
from tests.unit.kube.api_server import failure

CALL = Call("patch", KONG_PLUGIN, "ai", "x")
FIELD = {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using apps/v1', "field": ".spec.replicas"}
OTHER_UID = {"reason": "FieldValueInvalid", "field": "metadata.uid"}
UNTYPED = "failed to create typed patch object (ai/x; Kind=X): .spec: unknown field"


def error(code: int, message: str = "", retry_after: str | None = None, **details: Any) -> FiddlerKongError:
    return error_of(CALL, code, failure(code, message, **details), retry_after)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (304, Refused),
        (400, Refused),
        (401, Transient),
        (403, Refused),
        (404, Gone),
        (405, Refused),
        (408, Transient),
        (409, Stale),
        (410, Expired),
        (413, Refused),
        (415, Refused),
        (422, Refused),
        (429, Transient),
        (500, Transient),
        (502, Transient),
        (503, Transient),
        (504, Transient),
    ],
)
def test_each_status_says_who_must_act(code: int, expected: type[FiddlerKongError]) -> None:
    assert type(error(code)) is expected


@pytest.mark.parametrize(
    ("code", "message", "causes", "expected"),
    [
        (409, "", [FIELD], Conflict),
        (422, "", [OTHER_UID], Stale),
        (422, "", [{"field": "spec.routes"}], Refused),
        (500, UNTYPED, [], Refused),
        (500, "etcdserver: request timed out", [], Transient),
    ],
    ids=["field conflict", "another incarnation", "invalid", "does not fit the schema", "server's own fault"],
)
def test_causes_and_messages_tell_more(code: int, message: str, causes: list[Any], expected: type[FiddlerKongError]) -> None:
    assert type(error(code, message, causes=causes)) is expected


def test_a_refusal_keeps_its_status() -> None:
    refused = error(413)
    assert isinstance(refused, Refused)
    assert refused.status == 413


def test_a_conflict_names_every_manager_and_field() -> None:
    more = {"reason": "FieldManagerConflict", "message": "conflicts with somebody", "field": ".spec.paused"}
    found = error(409, causes=[FIELD, {"reason": "Other"}, more])
    assert isinstance(found, Conflict)
    assert found.conflicts == (FieldConflict("kubectl", ".spec.replicas"), FieldConflict("an unknown manager", ".spec.paused"))


def test_several_conflicts_with_one_manager_name_it() -> None:
    found = error(409, causes=[{**FIELD, "message": 'conflicts with "helm" with subresource "scale"'}])
    assert isinstance(found, Conflict)
    assert [conflict.manager for conflict in found.conflicts] == ["helm"]


@pytest.mark.parametrize(
    ("header", "details", "expected"),
    [
        ("7", {}, 7.0),
        ("7", {"retryAfterSeconds": 3}, 7.0),
        (None, {"retryAfterSeconds": 3}, 3.0),
        (None, {}, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", {}, None),
    ],
)
def test_patience_is_taken_from_header_or_details(header: str | None, details: dict[str, Any], expected: float | None) -> None:
    found = error(429, "", header, **details)
    assert isinstance(found, Transient)
    assert found.retry_after == expected


def test_the_text_says_what_was_asked_and_what_the_server_said() -> None:
    assert str(error(422, "plugin is not known")) == "patch KongPlugin ai/x: plugin is not known"


def test_without_a_message_the_status_is_said() -> None:
    assert str(error_of(CALL, 502, {})) == "patch KongPlugin ai/x: HTTP 502"


def test_long_messages_are_cut() -> None:
    assert len(str(error(422, "x" * 5000))) == len("patch KongPlugin ai/x: ") + MESSAGE_LIMIT


@pytest.mark.parametrize("code", [400, 403, 409, 422, 500, 503])
def test_words_about_a_secret_are_not_repeated(code: int) -> None:
    causes = [{"field": "data[b]", "message": "sk-secret"}, {"field": "data[a]", "message": "sk-secret"}, {"message": "sk-secret"}]
    status = failure(code, 'denied: "sk-secret"', "Invalid", causes=causes, name="sk-secret")
    text = str(error_of(Call("create", SECRET, "ai", "keys"), code, status))
    assert text == f"create Secret ai/keys: HTTP {code} Invalid (data[a], data[b])"


def test_a_reason_that_is_no_word_is_not_repeated_of_a_secret() -> None:
    status = failure(422, "denied", "the key sk-secret is weak")
    assert str(error_of(Call("create", SECRET, "ai", "keys"), 422, status)) == "create Secret ai/keys: HTTP 422"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (CALL, "patch KongPlugin ai/x"),
        (Call("list", SERVICE), "list Service"),
        (Call("list", SERVICE, "ai"), "list Service ai"),
        (Call("get", KONG_CLUSTER_PLUGIN, None, "x"), "get KongClusterPlugin x"),
    ],
)
def test_a_call_reads_as_a_sentence(call: Call, expected: str) -> None:
    assert str(call) == expected


def test_a_status_is_read() -> None:
    assert parse_status(json.dumps(failure(404, "gone")).encode())["message"] == "gone"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"\xff", b'{"code": 14, "message": "sk-secret", "details": [{"@type": "x"}]}']
)
def test_what_a_proxy_says_is_no_status(body: bytes) -> None:
    assert parse_status(body) == {}


def test_no_answer_is_said_by_the_kind_of_its_cause_only() -> None:
    assert str(unreachable(CALL, OSError("Bearer sk-secret"))) == "patch KongPlugin ai/x: no answer from the API server (OSError)"
