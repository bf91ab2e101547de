from __future__ import annotations

from base64 import b64encode

import pytest

from fiddler_kong_operator.api import SecretKeyRef
from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.plan.secrets import ResolvedKeys, resolve_keys
from tests.unit.plan.plans import EXPOSED, LLM, SECRETS, llm_with, spec_of

CANARY = "canary-3141592653"


def test_keys_are_stripped_and_found_by_reference() -> None:
    spec = spec_of()
    keys = resolve_keys(spec, {"fiddler": {"api-key": b" id.secret \r\n\n"}, "openai": {"api-key": b"sk-test\t"}})
    assert isinstance(keys, ResolvedKeys)
    assert keys.fiddler == "id.secret"
    assert keys.by_ref[EXPOSED_REF] == "sk-test"


EXPOSED_REF = SecretKeyRef(name="openai", key="api-key")


def test_keys_never_show() -> None:
    keys = resolve_keys(spec_of(), {"fiddler": {"api-key": CANARY.encode()}, "openai": {"api-key": CANARY.encode()}})
    assert isinstance(keys, ResolvedKeys)
    assert CANARY not in f"{keys!r} {keys!s} {[keys]}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", "SecretValueEmpty"),
        (b" \n", "SecretValueEmpty"),
        (b"${FIDDLER_API_KEY}", "SecretValuePlaceholder"),
        (b"Bearer ${FIDDLER_API_KEY}", "SecretValuePlaceholder"),
        (b"$(FIDDLER_API_KEY)", "SecretValuePlaceholder"),
        (b"{{ .Values.key }}", "SecretValuePlaceholder"),
        (b"<your-api-key>", "SecretValuePlaceholder"),
        (b"{vault://env/pg-password}", "SecretValuePlaceholder"),
        (b"Bearer abc", "SecretValuePrefixed"),
        (b"bearer  abc", "SecretValuePrefixed"),
        (b"Bearer \n", "SecretValuePrefixed"),
        (b"abc\ndef", "SecretValueUnusable"),
        (b'"abc"', "SecretValueUnusable"),
        (b'"x"},{"op":"add","path":"/traces_endpoint","value":"http://evil/"', "SecretValueUnusable"),
        (b"abc\r\nX-Evil: 1", "SecretValueUnusable"),
        (b"abc def", "SecretValueUnusable"),
        (b"abc\x00", "SecretValueUnusable"),
        ("schlüssel".encode(), "SecretValueUnusable"),
        (b"\xff\xfe", "SecretValueUnusable"),
        (b"\xef\xbb\xbfabc", "SecretValueUnusable"),
        (b"a" * 8001, "SecretValueTooLong"),
    ],
)
def test_unusable_values_get_their_reason(value: bytes, expected: str) -> None:
    found = resolve_keys(spec_of(), {**SECRETS, "fiddler": {"api-key": value}})
    assert isinstance(found, Finding)
    assert found.reason.name == expected
    assert found.message.startswith("spec.fiddler.apiKeySecretRef: the value of `api-key` in the Secret `fiddler` ")


@pytest.mark.parametrize("value", ["${%s}", "Bearer %s", "%s\nx", "%s x", "%sé"])
def test_messages_never_hold_a_value(value: str) -> None:
    found = resolve_keys(spec_of(), {**SECRETS, "fiddler": {"api-key": (value % CANARY).encode()}})
    assert isinstance(found, Finding)
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    ("value", "hinted"),
    [
        (b64encode(b"fdl_demo.f0e1d2c3b4a5"), True),
        (b64encode(b"sk-proj-0123456789abcdef\n"), True),
        (b"sk-proj-0123456789abcdef", False),
        (b"f0e1d2c3b4a5968778695a4b3c2d1e0f", False),
        (b64encode(bytes(range(100, 132))), False),
        (b64encode(b"short"), False),
        (b"a" * 8000, False),
    ],
)
def test_a_key_that_looks_encoded_is_used_with_a_hint(value: bytes, hinted: bool) -> None:  # noqa: FBT001
    keys = resolve_keys(spec_of(), {**SECRETS, "fiddler": {"api-key": value}})

    assert isinstance(keys, ResolvedKeys)
    assert keys.fiddler == value.decode()
    assert [
        text.startswith("spec.fiddler.apiKeySecretRef: the value of `api-key` in the Secret `fiddler` looks like") for text in keys.advice
    ] == ([True] if hinted else [])


VERTEX = {"provider": "gemini", "model": "m", "gemini": {"projectId": "p", "locationId": "global"}}
ACCOUNT = b'{"type": "service_account",\n "client_email": "llm@p.example", "private_key": "-----BEGIN PRIVATE KEY-----\\nAA=="}\n'


def _account(value: bytes) -> ResolvedKeys | Finding:
    auth = {"gcp": {"serviceAccountRef": {"name": "openai", "key": "api-key"}}}
    return resolve_keys(spec_of({**EXPOSED, "llm": {**VERTEX, "auth": auth}}), {**SECRETS, "openai": {"api-key": value}})


def test_a_service_account_is_taken_as_the_file_is() -> None:
    keys = _account(ACCOUNT)
    assert isinstance(keys, ResolvedKeys)
    assert ACCOUNT.decode().strip() in keys.by_ref.values()


@pytest.mark.parametrize(
    "value", [b"", b"sk-1234", b"{", b"[]", b'{"type": "authorized_user"}', b'{"client_email": 1, "private_key": "x"}']
)
def test_what_is_no_service_account_is_refused_and_not_shown(value: bytes) -> None:
    found = _account(value)
    assert isinstance(found, Finding)
    assert found.reason.name == "SecretValueUnusable"
    assert "is not the JSON key of a Google service account" in found.message


def test_missing_secret_is_told_from_missing_key() -> None:
    absent = resolve_keys(spec_of(), {**SECRETS, "openai": None})
    keyless = resolve_keys(spec_of(), {**SECRETS, "openai": {"other": b"x"}})
    assert isinstance(absent, Finding)
    assert isinstance(keyless, Finding)
    assert (absent.reason.name, keyless.reason.name) == ("SecretNotFound", "SecretKeyNotFound")
    assert absent.message == (
        "spec.routes[0].llm.auth.secretRef: the Secret `openai` does not exist in this namespace. Create it with the key `api-key`."
    )


def test_all_problems_are_told_and_the_first_decides() -> None:
    found = resolve_keys(spec_of(), {"openai": {"api-key": b""}})
    assert isinstance(found, Finding)
    assert found.reason.name == "SecretNotFound"
    assert "`fiddler`" in found.message
    assert "spec.routes[0].llm.auth.secretRef: the value of `api-key` in the Secret `openai` is empty" in found.message


def test_one_problem_of_a_shared_key_is_told_once_with_every_field() -> None:
    second = {**EXPOSED, "name": "two", "expose": {"path": "/two"}}
    found = resolve_keys(spec_of(EXPOSED, second), {**SECRETS, "openai": None})
    assert isinstance(found, Finding)
    assert found.message.count("does not exist") == 1
    assert "spec.routes[0].llm.auth.secretRef, spec.routes[1].llm.auth.secretRef: " in found.message


def test_message_stays_within_a_condition() -> None:
    name = "n" * 253
    routes = [
        {"name": f"r{i}", "expose": {"path": f"/r{i}"}, "llm": {**LLM, "auth": {"secretRef": {"name": name, "key": f"{i:0253}"}}}}
        for i in range(16)
    ]
    found = resolve_keys(spec_of(*routes), {})
    assert isinstance(found, Finding)
    assert len(found.message) <= 4096
    assert found.message.endswith("And 12 more.")


def test_a_pasted_bearer_is_found_where_another_header_takes_the_key() -> None:
    auth = {"secretRef": {"name": "openai", "key": "api-key"}, "headerName": "api-key", "headerPrefix": ""}
    found = resolve_keys(spec_of(llm_with(auth=auth)), {**SECRETS, "openai": {"api-key": b"Bearer abc"}})
    assert isinstance(found, Finding)
    assert found.reason.name == "SecretValuePrefixed"


def test_the_bindings_own_prefix_must_not_be_in_the_value() -> None:
    auth = {"secretRef": {"name": "openai", "key": "api-key"}, "headerPrefix": "Token "}
    found = resolve_keys(spec_of(llm_with(auth=auth)), {**SECRETS, "openai": {"api-key": b"token abc"}})
    assert isinstance(found, Finding)
    assert found.reason.name == "SecretValuePrefixed"
