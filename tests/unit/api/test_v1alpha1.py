from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.status import BindingStatus
from fiddler_kong_operator.api.violations import violations
from tests.crd.bindings import EXPOSED, ROUTE, spec


def parsed(**changes: Any) -> BindingSpec:
    return BindingSpec.model_validate(spec({path.replace("__", "."): value for path, value in changes.items()}))


def test_what_is_left_out_is_safe_in_production() -> None:
    found = parsed()

    assert (found.payloads, found.suspend, found.overrides) == ("Disabled", False, ())
    assert (found.sessions.mode, found.sessions.headers) == ("Header", ("X-Fiddler-Conversation-Id",))
    gateway = found.gateway
    assert (gateway.management, gateway.conflicts, gateway.untrusted_lua) == ("Apply", "Refuse", "on")
    assert (gateway.container, gateway.ingress_class_name) == ("proxy", "kong")
    assert (gateway.target_ref.kind, gateway.target_ref.namespace) == ("Deployment", None)


def test_a_model_s_options_are_left_to_kong_where_they_are_left_out() -> None:
    (route,) = parsed(routes=[EXPOSED]).routes

    assert route.llm is not None
    assert route.llm.route_type == "llm/v1/chat"
    assert route.llm.options.model_dump(exclude_none=True) == {}


def test_a_spec_survives_the_wire() -> None:
    found = parsed(routes=[EXPOSED, ROUTE])

    assert BindingSpec.model_validate_json(found.model_dump_json(by_alias=True)) == found


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parsed().suspend = True  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.fiddler.ai",
        "https://acme.fiddler.ai/",
        "http://sink.fiddler.svc:4318",
        "https://[2001:db8::1]:8443",
        "https://10.0.0.1",
    ],
)
def test_urls_of_an_instance(url: str) -> None:
    assert parsed(fiddler__url=url).fiddler.url == url


@pytest.mark.parametrize(
    "url",
    [
        "acme.fiddler.ai", "HTTPS://acme.fiddler.ai", "https://", "https://-acme", "https://acme.fiddler.ai//", "https://acme.fiddler.ai?x=1",
        "https://acme.fiddler.ai#x", "https://acme fiddler", "https://acme.fiddler.ai:80/v1", "https://user@acme.fiddler.ai", "file:///etc",
    ],
)  # fmt: skip
def test_what_is_no_url_of_an_instance(url: str) -> None:
    with pytest.raises(ValidationError, match=r"must be http:// or https:// and a host"):
        parsed(fiddler__url=url)


@pytest.mark.parametrize("path", ["/openai", "/v1/chat", "/a_c-e"])
def test_paths_to_expose(path: str) -> None:
    (route,) = parsed(routes=[EXPOSED | {"expose": {"path": path}}]).routes

    assert route.expose is not None
    assert route.expose.path == path


@pytest.mark.parametrize(
    "path", ["/", "openai", "/a/", "//a", "/a b", "/a?b", "/~^/a", "/~......", "/a.b", "/..", "/a%20b", "/(a|b)", "/" + "a" * 256]
)
def test_what_is_no_path_to_expose(path: str) -> None:
    with pytest.raises(ValidationError, match=r"expose\.path"):
        parsed(routes=[EXPOSED | {"expose": {"path": path}}])


@pytest.mark.parametrize("prefix", ["", "Bearer ", "Api-Key "])
def test_prefixes_of_a_key(prefix: str) -> None:
    auth = {"secretRef": {"name": "openai", "key": "api-key"}, "headerPrefix": prefix}
    (route,) = parsed(routes=[EXPOSED | {"llm": EXPOSED["llm"] | {"auth": auth}}]).routes

    assert route.llm is not None
    assert route.llm.auth is not None
    assert route.llm.auth.header_prefix == prefix


@pytest.mark.parametrize("prefix", ["Bearer", " ", 'Bea"rer ', "Bearer\n", "a" * 32 + " "])
def test_what_is_no_prefix_of_a_key(prefix: str) -> None:
    auth = {"secretRef": {"name": "openai", "key": "api-key"}, "headerPrefix": prefix}

    with pytest.raises(ValidationError, match="headerPrefix"):
        parsed(routes=[EXPOSED | {"llm": EXPOSED["llm"] | {"auth": auth}}])


@pytest.mark.parametrize("path", ["", "/", "queue", "/a//b", "/a~2", "/a b", "/$(x)"])
def test_what_is_no_pointer_into_a_plugin_s_config(path: str) -> None:
    with pytest.raises(ValidationError, match=r"overrides\.0\.patch\.0\.path"):
        parsed(overrides=[{"plugin": "opentelemetry", "patch": [{"op": "remove", "path": path}]}])


def test_an_application_id_goes_out_in_lower_case() -> None:
    found = parsed(fiddler__applicationId="3F0C9A54-8A5E-4C1C-9D53-6D1F6D1B7C11")

    assert found.fiddler.application_id == "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"


def test_routes_have_names_that_differ() -> None:
    with pytest.raises(ValidationError) as refusal:
        parsed(routes=[ROUTE, ROUTE | {"attachTo": {"kind": "Service", "name": "other"}}])

    assert violations(refusal.value) == ["spec.routes: must have names that differ from each other"]


def test_two_routes_may_share_a_path_on_different_hosts_and_a_name_of_different_kinds() -> None:
    hosts = [EXPOSED, EXPOSED | {"name": "two", "expose": {"path": "/openai", "host": "a.example"}}]
    kinds = [ROUTE, ROUTE | {"name": "two", "attachTo": {"kind": "Ingress", "name": "chat"}}]

    assert [len(parsed(routes=routes).routes) for routes in (hosts, kinds)] == [2, 2]


def test_an_empty_status_is_valid() -> None:
    assert BindingStatus().conditions == ()
