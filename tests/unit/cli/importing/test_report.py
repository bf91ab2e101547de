"""Each thing that a binding cannot carry is one line of the report, with its place and what to do."""

from __future__ import annotations

import copy

import pytest

from tests.unit.cli.importing.command import run_import
from tests.unit.cli.importing.kong_files import (
    APPLICATION,
    FIDDLER,
    SESSIONS,
    Json,
    ai_proxy,
    kong_file,
    of_application,
    opentelemetry,
    page,
    plugin,
    service,
)
from tests.unit.cli.importing.report_lines import LINES, NOTES, ROUTE, changed

OPENAI = ai_proxy()


@pytest.mark.parametrize(("file", "line"), LINES, ids=[line[:70] for _, line in LINES])
def test_what_is_not_carried_over_is_reported_with_its_place_and_advice(file: Json, line: str) -> None:
    outcome = run_import(file, "--name", "kong")

    assert line in outcome.stderr
    assert outcome.code == 1


@pytest.mark.parametrize(("file", "line"), NOTES, ids=[line[:50] for _, line in NOTES])
def test_what_loses_nothing_is_a_note(file: Json, line: str) -> None:
    outcome = run_import(file)

    assert line in outcome.stderr
    assert outcome.code == 0


def test_a_route_that_only_an_ingress_of_the_users_can_express_is_attached_to_one_and_keeps_its_model() -> None:
    outcome = run_import(changed(f"{ROUTE}.methods", ["POST"]))

    (route,) = outcome.spec["routes"]
    assert route["attachTo"] == {"kind": "Ingress", "name": "openai-chat-route"}
    assert route["llm"]["model"] == "gpt-4o-mini"
    assert "The binding attaches to an Ingress `openai-chat-route`: create it that way." in outcome.stderr


def test_a_model_that_no_binding_has_stays_in_a_plugin_of_the_users() -> None:
    file = kong_file(
        [service()], [plugin("ai-proxy-advanced", {"balancer": {"algorithm": "semantic"}, "targets": [OPENAI]}), SESSIONS, FIDDLER]
    )

    outcome = run_import(file)

    assert outcome.spec["routes"] == [{"name": "openai", "attachTo": {"kind": "Ingress", "name": "openai-service-route"}}]
    assert "create it, with this plugin as a KongPlugin of your own" in outcome.stderr
    assert [secret["metadata"]["name"] for secret in outcome.secrets] == ["kong-fiddler"]


def test_the_integration_pages_file_with_its_placeholders_needs_only_the_two_options_and_the_keys() -> None:
    file = changed("plugins.2.config", of_application("${FIDDLER_APP_ID}", traces_endpoint="${FIDDLER_URL}/v1/traces"))
    file["plugins"][2]["config"]["headers"]["Authorization"] = "Bearer ${FIDDLER_API_KEY}"
    file["plugins"][0]["config"]["auth"]["header_value"] = "Bearer ${OPENAI_API_KEY}"

    outcome = run_import(file, "--fiddler-url", "https://acme.fiddler.ai", "--application-id", APPLICATION)

    assert outcome.bindings == run_import(page()).bindings
    assert (outcome.code, outcome.secrets) == (1, [])


def test_a_file_without_fiddler_gets_the_destination_that_is_given() -> None:
    file = kong_file([service()], [plugin("ai-proxy", OPENAI)])

    outcome = run_import(file, "--fiddler-url", "https://acme.fiddler.ai", "--application-id", APPLICATION)

    assert outcome.spec["fiddler"]["applicationId"] == APPLICATION
    assert outcome.spec["sessions"] == {"mode": "Disabled"}
    assert "Create the Secret `kong-fiddler`" in outcome.stderr


def test_a_collector_that_holds_the_key_gets_none() -> None:
    config = opentelemetry(traces_endpoint="http://otel.observability.svc:4318/v1/traces", headers={})
    file = kong_file([service()], [plugin("ai-proxy", OPENAI), plugin("opentelemetry", config)])

    outcome = run_import(file, "--fiddler-url", "https://acme.fiddler.ai")

    assert outcome.spec["fiddler"]["export"] == {"endpoint": "http://otel.observability.svc:4318", "credentials": "Omit"}


def test_one_bad_route_does_not_keep_the_others_back() -> None:
    bad = ai_proxy(name="no model has this name")
    file = kong_file([service("good"), service("bad", plugins=[plugin("ai-proxy", bad)])], [plugin("ai-proxy", OPENAI), FIDDLER])

    outcome = run_import(file)

    assert [route["name"] for route in outcome.spec["routes"]] == ["good"]
    assert "services[1].routes[0]: was left out, because the binding would be refused: llm.model" in outcome.stderr


def test_more_routes_than_a_binding_can_have_are_several_bindings() -> None:
    file = kong_file([service(f"s{letter}") for letter in "abcdefghijklmnopqr"], [plugin("ai-proxy", OPENAI), FIDDLER])

    outcome = run_import(file, "--name", "llm")

    assert [(b["metadata"]["name"], len(b["spec"]["routes"])) for b in outcome.bindings] == [("llm", 16), ("llm-2", 2)]
    assert outcome.code == 0


@pytest.mark.parametrize("name", ["A Service_With.Much in its Name", "123", "-", "ünïcode", "openai-gpt-4o-2024-08-06-production-eu"])
def test_every_name_becomes_a_valid_one(name: str) -> None:
    file = kong_file([service(name), service(f"{name} ", {"name": name, "paths": ["/b"]})], [plugin("ai-proxy", OPENAI), FIDDLER])
    file["services"][0]["routes"][0]["paths"] = ["/a"]

    outcome = run_import(file)

    assert outcome.code == 0
    assert len({route["name"] for route in outcome.spec["routes"]}) == 2


def test_payloads_of_most_routes_are_the_bindings_and_others_say_so() -> None:
    logging = {"log_statistics": True, "log_payloads": True}
    file = kong_file(
        [service("a", plugins=[plugin("ai-proxy", ai_proxy(logging=logging))]), service("b")], [plugin("ai-proxy", OPENAI), FIDDLER]
    )

    outcome = run_import(copy.deepcopy(file))

    assert outcome.spec["payloads"] == "Captured"
    assert [route.get("payloads") for route in outcome.spec["routes"]] == [None, "Disabled"]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("kong-gateway", {"name": "kong-gateway"}),
        ("kong/kong-gateway", {"namespace": "kong", "name": "kong-gateway"}),
        ("daemonset/kong/gw", {"kind": "DaemonSet", "namespace": "kong", "name": "gw"}),
    ],
)
def test_the_gateway_is_the_one_that_is_named(text: str, target: Json) -> None:
    assert run_import(page(), "--gateway", text).spec["gateway"]["targetRef"] == target


@pytest.mark.parametrize("text", ["", "a/b/c", "Pod/kong/gw", "Kong", "a b"])
def test_a_gateway_that_cannot_be_is_a_wrong_command(text: str) -> None:
    outcome = run_import(page(), "--gateway", text)

    assert outcome.code == 2
    assert "must be name, namespace/name or kind/namespace/name" in outcome.stderr
