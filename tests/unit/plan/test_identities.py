from __future__ import annotations

from typing import Any, Final

import pytest

from fiddler_kong_operator.plan.providers import check_providers
from tests.unit.plan.plans import EXPOSED, spec_of

_KEY: Final = {"name": "cloud", "key": "secret"}
_AZURE: Final = {"provider": "azure", "azure": {"instance": "acme", "deploymentId": "d"}}
_BEDROCK: Final = {"provider": "bedrock", "bedrock": {"region": "eu-central-1"}}
_VERTEX: Final = {"provider": "gemini", "gemini": {"projectId": "acme-1", "locationId": "us-central1"}}
_ELSEWHERE: Final = "https://tokens.example.com/call"


def _problem(url: str | None, **llm: Any) -> str:
    options = {"options": {"upstreamUrl": url}} if url else {}
    found = check_providers(spec_of({**EXPOSED, "llm": {"model": "m", **llm, **options}}))
    return found.message if found else ""


@pytest.mark.parametrize(
    ("llm", "identity", "host"),
    [
        (_AZURE | {"auth": {"azure": {}}}, "azure", "acme.openai.azure.com"),
        (_AZURE | {"auth": {"azure": {"clientId": "c", "tenantId": "t"}}}, "azure", "acme.openai.azure.com"),
        (_BEDROCK | {"auth": {"aws": {}}}, "aws", "bedrock-runtime.eu-central-1.amazonaws.com"),
        (
            _BEDROCK | {"auth": {"aws": {"assumeRoleArn": "arn:aws:iam::1:role/r", "roleSessionName": "s"}}},
            "aws",
            "bedrock-runtime.eu-central-1.amazonaws.com",
        ),
        (_VERTEX | {"auth": {"gcp": {}}}, "gcp", "us-central1-aiplatform.googleapis.com"),
    ],
)
@pytest.mark.parametrize(
    "url",
    [
        _ELSEWHERE,
        "https://evil.cloudapp.azure.com/call",
        "https://ec2-1-2-3-4.eu-central-1.compute.amazonaws.com/call",
        "https://storage.googleapis.com/bucket/object",
        "https://amazonaws.com.example.com/call",
        "http://proxy.ai.svc:80/call",
    ],
)
def test_the_identity_of_the_gateway_s_pods_goes_to_its_cloud_only(llm: dict[str, Any], identity: str, host: str, url: str) -> None:
    found = _problem(url, **llm)

    assert f"llm.options.upstreamUrl: must be a host such as {host}" in found
    assert f"where auth.{identity} names no Secret" in found


@pytest.mark.parametrize(
    ("llm", "url"),
    [
        (_AZURE | {"auth": {"azure": {}}}, "https://acme.cognitiveservices.azure.com/openai/deployments/d/chat/completions"),
        (_AZURE | {"auth": {"azure": {}}}, "https://acme.openai.azure.us/openai/deployments/d/chat/completions"),
        (_BEDROCK | {"auth": {"aws": {}}}, "https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com/call"),
        (_BEDROCK | {"auth": {"aws": {}}}, "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/call"),
        (_VERTEX | {"auth": {"gcp": {}}}, "https://us-central1-aiplatform.googleapis.com/call"),
        (_VERTEX | {"auth": {"gcp": {}}}, "https://aiplatform.us-central1.rep.googleapis.com/call"),
        (_AZURE | {"auth": {"azure": {}}}, None),
    ],
)
def test_hosts_of_the_cloud_are_accepted(llm: dict[str, Any], url: str | None) -> None:
    assert _problem(url, **llm) == ""


@pytest.mark.parametrize(
    "llm",
    [
        _AZURE | {"auth": {"azure": {"clientId": "c", "tenantId": "t", "clientSecretRef": _KEY}}},
        _BEDROCK | {"auth": {"aws": {"accessKeyIdRef": _KEY, "secretAccessKeyRef": _KEY}}},
        _VERTEX | {"auth": {"gcp": {"serviceAccountRef": _KEY}}},
        _AZURE | {"auth": {"secretRef": _KEY}},
    ],
)
def test_an_identity_from_a_secret_may_go_anywhere(llm: dict[str, Any]) -> None:
    assert _problem(_ELSEWHERE, **llm) == ""


def test_a_target_is_named() -> None:
    target = {"model": "m", **_AZURE, "auth": {"azure": {}}, "options": {"upstreamUrl": _ELSEWHERE}}
    found = check_providers(spec_of({**EXPOSED, "llm": {"targets": [target]}}))

    assert found is not None
    assert found.message.startswith("spec.routes[0].llm.targets[0].options.upstreamUrl: must be a host such as acme.openai.azure.com")
