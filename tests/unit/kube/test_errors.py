from __future__ import annotations

import json
from typing import Any

import pytest

from fiddler_kong_operator.errors import Conflict, Denial, Expired, FiddlerKongError, FieldConflict, Gone, Refused, Stale, Transient
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


def test_a_text_ends_without_the_servers_full_stop_because_sentences_go_on_with_it() -> None:
    assert str(error(403, "the policy says no.")) == "patch KongPlugin ai/x: the policy says no"


def test_without_a_message_the_status_is_said() -> None:
    assert str(error_of(CALL, 502, {})) == "patch KongPlugin ai/x: HTTP 502"


def test_long_messages_are_cut_in_the_middle() -> None:
    text = str(error(422, f"first{'x' * 5000}last"))
    assert (len(text), "first" in text, "last" in text) == (len("patch KongPlugin ai/x: ") + MESSAGE_LIMIT, True, True)


@pytest.mark.parametrize("code", [400, 403, 409, 422, 500, 503])
def test_the_servers_words_about_a_secret_are_kept_without_its_values(code: int) -> None:
    status = failure(code, 'denied: "sk-secret" must carry the label team (GOV-7)')
    text = str(error_of(Call("create", SECRET, "ai", "keys"), code, status, body={"stringData": {"openai": "sk-secret"}}))
    assert text == 'create Secret ai/keys: denied: "[redacted]" must carry the label team (GOV-7)'


def test_a_read_of_a_secret_that_fails_says_why() -> None:
    status = failure(500, 'failed calling webhook "secrets.example.com": connection refused')
    text = str(error_of(Call("get", SECRET, "ai", "keys-2024-production-eu"), 500, status))
    assert text == 'get Secret ai/keys-2024-production-eu: failed calling webhook "secrets.example.com": connection refused'


@pytest.mark.parametrize(
    ("code", "message", "denial"),
    [
        (
            403,
            'secrets "keys" is forbidden: exceeded quota: small, requested: secrets=1, used: secrets=2, limited: secrets=2',
            Denial.QUOTA,
        ),
        (403, 'secrets is forbidden: User "system:serviceaccount:ops:op" cannot create resource "secrets"', Denial.PERMISSION),
        (403, 'secrets "keys" is forbidden: User "op" cannot delete resource "secrets" in API group ""', Denial.PERMISSION),
        (403, 'secrets "keys" is forbidden: ValidatingAdmissionPolicy \'a\' denied request: User "op" cannot do that', Denial.OTHER),
        (403, 'admission webhook "a.example.com" denied the request: no', Denial.OTHER),
        (400, 'admission webhook "a.example.com" does not support dry run', Denial.DRY_RUN),
        (403, 'admission webhook "a.example.com" denied the request: it does not support dry run', Denial.OTHER),
        (400, 'KongPlugin in version "v1" cannot be handled as a KongPlugin: strict decoding error: unknown field "x"', Denial.SCHEMA),
        (422, f'patch: Invalid value: "{"x" * 5000}": strict decoding error: unknown field "x"', Denial.SCHEMA),
        (400, "the body of the request was in an unknown format", Denial.OTHER),
    ],
    ids=[
        "quota",
        "permission",
        "permission for one object",
        "policy",
        "webhook",
        "no dry run",
        "dry run in a denial",
        "unknown field",
        "field in a patch",
        "other",
    ],
)
def test_causes_with_different_remedies_are_told_apart(code: int, message: str, denial: Denial) -> None:
    found = error(code, message)
    assert isinstance(found, Refused)
    assert found.denial is denial


def test_the_fields_that_a_definition_lacks_are_named() -> None:
    found = error(400, 'strict decoding error: unknown field "configPatches", unknown field "spec.more"')
    assert isinstance(found, Refused)
    assert found.fields == {"configPatches", "spec.more"}


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
