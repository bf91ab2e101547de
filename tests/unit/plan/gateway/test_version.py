from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.plan.gateway.version import (
    DEFECTS,
    KEY_ELSEWHERE,
    KongVersion,
    known_defects,
    parse_image,
    sessions_verified,
    topics_of,
)
from fiddler_kong_operator.plan.own_models import OwnModel
from tests.unit.plan.plans import EXPOSED, spec_of

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "repository", "version"),
    [
        ("kong/kong-gateway:3.13.0.3", "kong/kong-gateway", "3.13.0.3"),
        ("kong/kong-gateway:3.13", "kong/kong-gateway", "3.13"),
        ("kong/kong-gateway:3.13.0.3-ubuntu", "kong/kong-gateway", "3.13.0.3"),
        ("kong/kong-gateway:3.13-20260101-rhel", "kong/kong-gateway", "3.13"),
        ("kong/kong-gateway:v3.13", "kong/kong-gateway", "3.13"),
        ("localhost:5000/kong-gateway:3.14.0.1", "localhost:5000/kong-gateway", "3.14.0.1"),
        ("localhost:5000/kong-gateway", "localhost:5000/kong-gateway", None),
        (f"kong/kong-gateway:3.13@{DIGEST}", "kong/kong-gateway", "3.13"),
        (f"localhost:5000/kong-gateway@{DIGEST}", "localhost:5000/kong-gateway", None),
        ("kong/kong-gateway", "kong/kong-gateway", None),
        ("kong/kong-gateway:latest", "kong/kong-gateway", None),
        ("kong/kong-gateway:3", "kong/kong-gateway", None),
        ("kong/kong-gateway:2026.01.15", "kong/kong-gateway", None),
        ("kong/kong-gateway:nightly-3.13", "kong/kong-gateway", None),
        ("kong/kong-gateway:3.13.0", "kong/kong-gateway", None),
        ("kong:3.9.1", "kong", "3.9.1"),
        ("registry.example.net/edge/ai-gateway:1.4.2", "registry.example.net/edge/ai-gateway", None),
        ("registry.example.net/edge/ai-gateway:3.13.0.7", "registry.example.net/edge/ai-gateway", None),
        ("registry.example.net/edge/acme-kong-gateway:3.13.0.7", "registry.example.net/edge/acme-kong-gateway", "3.13.0.7"),
        ("registry.example.net/edge/kong-gateway:1.4.2", "registry.example.net/edge/kong-gateway", None),
        ("registry.example.net/edge/kong-gateway:1.4", "registry.example.net/edge/kong-gateway", None),
        ("registry.example.net/edge/kong-gateway:4.2", "registry.example.net/edge/kong-gateway", None),
        ("registry.example.net/edge/kong:1.4.2", "registry.example.net/edge/kong", None),
    ],
)
def test_image_reference(reference: str, repository: str, version: str | None) -> None:
    image = parse_image(reference)

    assert (repository, version) == (image.repository, str(image.version) if image.version else None)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("kong:3.9", True),
        ("docker.io/library/kong:3.9", True),
        ("kong/kong:3.9", True),
        ("mirror.example.com:5000/library/kong", True),
        ("mirror.example.com:5000/edge/kong", False),
        ("kong/kong-gateway:3.13", False),
        ("example.com/kong/gateway:3.13", False),
    ],
)
def test_open_source_image(reference: str, expected: bool) -> None:  # noqa: FBT001 - the expectation
    assert expected == parse_image(reference).open_source


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((3, 13, 0, 2), (3, 13, 0, 3), True),
        ((3, 13, 0, 3), (3, 13, 0, 3), False),
        ((3, 13, 0, 10), (3, 13, 0, 3), False),
        ((3, 9), (3, 13), True),
        ((3, 13), (3, 13, 0, 3), False),
        ((3, 12), (3, 13, 0, 3), True),
        ((4, 0), (3, 13, 0, 3), False),
    ],
)
def test_before_compares_what_both_state(one: tuple[int, ...], other: tuple[int, ...], expected: bool) -> None:  # noqa: FBT001
    assert expected == KongVersion(one).before(KongVersion(other))


@pytest.mark.parametrize(
    ("reference", "stated", "expected"),
    [
        ("registry.example.net/edge/ai-gateway:1.4.2", "3.13.0.7", "3.13.0.7"),
        (f"kong/kong-gateway@{DIGEST}", "3.14", "3.14"),
        ("registry.example.net/edge/kong-gateway:3.2", "3.13.0.7", "3.13.0.7"),
        ("kong/kong-gateway:3.12", "3.13.0.7", "3.12"),
        ("kong:3.9", "3.13", "3.9"),
        ("docker.io/kong/kong-gateway:3.12", "3.13.0.7", "3.12"),
        ("registry.example.net/kong/kong:1.4.2", "3.13.0.7", "3.13.0.7"),
        ("registry.example.net/kong/kong-gateway:1.4", "3.14", "3.14"),
        ("registry.example.net/kong/kong-gateway:3.14.0.7", "3.13", "3.14.0.7"),
    ],
)
def test_the_stated_version_counts_where_the_image_is_not_kongs_own_with_a_tag(reference: str, stated: str, expected: str) -> None:
    assert expected == str(parse_image(reference, stated).version)


@pytest.mark.parametrize(
    ("tag", "topics", "visible", "all_defects"),
    [
        ("3.13", (), 0, 0),
        ("3.13.0.2", (), 1, 3),
        ("3.13.0.3", (), 0, 2),
        ("3.13.0.7", (), 0, 0),
        ("3.13.0.7", ("llm/v1/responses",), 1, 1),
        ("3.13", ("gemini",), 1, 1),
        ("3.14.0.2", (), 1, 3),
        ("3.14.0.2", ("dashscope", "anthropic"), 3, 5),
        ("3.14.0.7", (), 0, 0),
        ("3.15.0.0", (), 0, 2),
        ("3.15.0.1", ("gemini",), 1, 1),
        ("3.15.0.4", ("gemini",), 0, 0),
        ("3.16.0.1", ("gemini",), 0, 0),
        ("3.14.0.4", ("databricks",), 1, 3),
        ("3.14.0.7", ("databricks",), 0, 0),
        ("3.13", (KEY_ELSEWHERE,), 0, 0),
        ("3.13.0.7", (KEY_ELSEWHERE,), 1, 1),
        ("3.13.0.8", (KEY_ELSEWHERE,), 0, 0),
        ("3.14.0.9", (KEY_ELSEWHERE,), 1, 1),
        ("3.14.0.10", (KEY_ELSEWHERE,), 0, 0),
        ("3.15.0.1", (KEY_ELSEWHERE,), 0, 0),
    ],
)
def test_known_defects(tag: str, topics: tuple[str, ...], visible: int, all_defects: int) -> None:
    version = parse_image(f"kong/kong-gateway:{tag}").version
    assert version is not None

    found = known_defects(version, frozenset(topics))

    assert (visible, all_defects) == (sum(d.visible for d in found), len(found))


KEY = {"secretRef": {"name": "openai", "key": "api-key"}}
AZURE = {"instance": "acme", "deploymentId": "d"}


@pytest.mark.parametrize(
    ("model", "elsewhere"),
    [
        ({"provider": "openai", "auth": KEY}, False),
        ({"provider": "openai", "auth": {**KEY, "headerName": "X-Team-Key"}}, True),
        ({"provider": "openai", "auth": {**KEY, "headerName": "authorization"}}, False),
        ({"provider": "anthropic", "auth": KEY}, True),
        ({"provider": "anthropic", "auth": {**KEY, "headerName": "Authorization"}}, False),
        ({"provider": "gemini", "auth": KEY}, True),
        ({"provider": "gemini", "auth": {**KEY, "paramName": "key"}}, False),
        ({"provider": "azure", "auth": KEY, "azure": AZURE}, True),
        ({"provider": "azure", "auth": {"azure": {}}, "azure": AZURE}, False),
        ({"provider": "bedrock", "auth": {"aws": {}}, "bedrock": {"region": "eu-west-1"}}, False),
    ],
    ids=str,
)
def test_a_key_in_another_header_is_a_topic_whichever_model_it_is_for(model: dict[str, Any], elsewhere: bool) -> None:  # noqa: FBT001
    other = {"provider": "openai", "model": "m", "auth": KEY}
    alone, shared = {**model, "model": "m"}, {"targets": [other, {**model, "model": "m"}]}

    assert [KEY_ELSEWHERE in topics_of(spec_of({**EXPOSED, "llm": llm})) for llm in (alone, shared)] == [elsewhere] * 2


def test_the_topics_of_a_plugin_that_is_not_the_bindings_count() -> None:
    spec = spec_of({"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}})
    own = OwnModel("llm/v1/chat", provider="anthropic", key_header="x-api-key")

    assert topics_of(spec) == frozenset()
    assert topics_of(spec, [own]) == {"llm/v1/chat", "anthropic", KEY_ELSEWHERE}


def test_every_defect_is_fixed_by_a_later_version_than_the_first_of_its_minor() -> None:
    assert [d for d in DEFECTS if not KongVersion((*d.minor.parts, 0, 0)).before(d.fixed) and d.minor.parts == d.fixed.minor] == []


@pytest.mark.parametrize(("tag", "expected"), [("3.13", True), ("3.13.0.7", True), ("3.14.0.7", False), ("3.15", False)])
def test_session_grouping_is_verified_per_minor_version(tag: str, expected: bool) -> None:  # noqa: FBT001
    version = parse_image(f"kong/kong-gateway:{tag}").version
    assert version is not None

    assert expected == sessions_verified(version)
