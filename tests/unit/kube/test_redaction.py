from __future__ import annotations

import base64
import json
import string
import time
from urllib.parse import quote, quote_plus

import pytest

from fiddler_kong_operator.kube.redaction import CUT, redact, redact_secret, shorten

KEY = 'sk-"a/b+c&d'
STORED = json.dumps(f"Bearer {KEY}").encode()
"""A value of a derived Secret."""


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        f"Bearer {KEY}",
        STORED.decode(),
        encoded(STORED),
        encoded(STORED).rstrip("="),
        encoded(KEY.encode()),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("&", "\\u0026"),
        json.dumps(json.dumps(KEY))[1:-1],
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
    ],
)
def test_a_value_is_redacted_in_every_encoding(form: str) -> None:
    shown = redact(f"the value <{form}> is bad", [STORED])
    assert [part for part in (form, "sk-", "c&d", "c%26d") if part in shown] == []
    assert shown.startswith("the value <")
    assert shown.endswith("> is bad")


def test_both_parts_of_a_value_that_was_cut_are_redacted() -> None:
    text = f"begin sk-secr{CUT}et-key-of-acme end"
    assert redact(text, [b"sk-secret-key-of-acme"]) == f"begin [redacted]{CUT}[redacted] end"


def test_a_value_of_a_megabyte_is_looked_for_in_no_time() -> None:
    value = (string.ascii_lowercase * 40_000).encode()
    started = time.process_time()

    found = redact(f"create Secret ai/keys: {value[:99].decode()}", [value])

    assert found == "create Secret ai/keys: [redacted]"
    assert time.process_time() - started < 5  # seconds; it grew with the square of the length


def test_a_text_without_values_stays() -> None:
    assert redact("nothing to hide", [b"sk-secret", b""]) == "nothing to hide"


@pytest.mark.parametrize("body", [None, {}, {"data": None}, {"data": {"a": None, "b": "not base64!"}}, "text"])
def test_a_request_may_hold_no_values(body: object) -> None:
    assert redact_secret("denied", body) == "denied"


@pytest.mark.parametrize(
    "former", ["fdl_demo.f0e1d2c3b4a5", "sk-proj-AbCdEf0123456789", encoded(b'"Bearer sk-former-key"'), "AKIAIOSFODNN7EXAMPLE"]
)
def test_what_may_be_a_former_value_of_a_secret_is_redacted(former: str) -> None:
    assert redact_secret(f"cannot change {former}: it is in use", {}) == "cannot change [redacted]: it is in use"


def test_the_value_that_validation_quotes_is_redacted() -> None:
    text = r'Secret "keys" is invalid: patch: Invalid value: "{\"data\":{\"a\":\"weak\"}}": strict decoding error: unknown field "x"'
    shown = redact_secret(text, {})
    assert shown == 'Secret "keys" is invalid: patch: Invalid value: [redacted]: strict decoding error: unknown field "x"'


@pytest.mark.parametrize(
    "text",
    [
        'secrets "keys-1" is forbidden: exceeded quota: small, requested: secrets=1, used: secrets=2, limited: secrets=2',
        "secrets \"keys-1\" is forbidden: ValidatingAdmissionPolicy 'gov-7' with binding 'gov-7' denied request: label team (GOV-7)",
        'failed calling webhook "a.b": Post "https://kong-validation-webhook.kong.svc:443/v1?timeout=2s": dial tcp 10.96.31.7:443: refused',
    ],
)
def test_the_words_of_the_server_stay(text: str) -> None:
    assert redact_secret(text, {"stringData": {"openai": "sk-secret-key"}}, "keys-1", "ai") == text


def test_a_short_text_is_not_cut() -> None:
    assert shorten("short", 5) == "short"
