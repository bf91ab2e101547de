"""Signatures of AWS, by the vectors that AWS publishes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from devcluster.sigv4 import AccessKey, Signable, authorization, is_signed

KEY = AccessKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
REQUEST = Signable("GET", "/", {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}, b"")
SCOPE = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature="


def signed(request: Signable = REQUEST, key: AccessKey = KEY) -> Signable:
    return replace(request, headers={**request.headers, "authorization": authorization(request, key), "accept": "*/*"})


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ],
)
def test_the_signature_is_that_of_aws_examples(method: str, signature: str) -> None:
    assert authorization(replace(REQUEST, method=method), KEY) == SCOPE + signature


def test_a_signed_request_is_recognized_with_headers_that_are_not_signed() -> None:
    assert is_signed(signed(), KEY)


@pytest.mark.parametrize(
    "change",
    [{"region": "eu-west-1"}, {"service": "bedrock"}, {"secret": "another"}, {"id": "AKIDOTHER"}],
    ids=["region", "service", "secret", "id"],
)
def test_the_signature_of_another_key_or_scope_is_not(change: dict[str, Any]) -> None:
    assert not is_signed(signed(key=replace(KEY, **change)), KEY)


@pytest.mark.parametrize(
    "change", [{"body": b"x"}, {"path": "/other"}, {"method": "PUT"}, {"headers": {}}], ids=["body", "path", "method", "no headers"]
)
def test_the_signature_of_another_request_is_not(change: dict[str, Any]) -> None:
    assert not is_signed(replace(signed(), **change), KEY)


@pytest.mark.parametrize("names", ["host", "x-amz-date", "host;x-amz-date;missing"])
def test_a_signature_covers_host_and_date_and_only_headers_that_came(names: str) -> None:
    request = signed()
    given = request.headers["authorization"].replace("host;x-amz-date", names)

    assert not is_signed(replace(request, headers={**request.headers, "authorization": given}), KEY)
