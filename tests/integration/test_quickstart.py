"""The quick start's binding gives Kong the configuration of the integration page, and becomes Ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devcluster.gateway.entities import Configuration, read_configuration
from devcluster.stage import APPLICATION_ID
from fiddler_kong_operator.plan.plugins.pre_function import build_access, build_stamp
from tests.integration.arena import SETTINGS, Arena
from tests.integration.pushed import Pushed

PAGE: Final = Path(__file__).with_name("page.yaml")


def page(arena: Arena) -> Configuration:
    """The page's file as Kong reads it, with defaults, and with this test's values for the placeholders."""
    text = PAGE.read_text()
    values = {
        "${OPENAI_API_KEY}": arena.stage.keys.provider,
        "${FIDDLER_URL}": arena.stage.sink.url,
        "${FIDDLER_API_KEY}": arena.stage.keys.fiddler,
        "${FIDDLER_APP_ID}": APPLICATION_ID,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return read_configuration(yaml.safe_load(text))


def configs(configuration: Configuration, namespace: str | None = None) -> dict[str, Any]:
    """The config of each plugin by its type."""
    return {p.name: p.config for p in configuration.plugins if namespace is None or f"k8s-namespace:{namespace}" in p.tags}


def is_complete(pushed: Pushed) -> bool:
    return pushed.types() == ["ai-proxy", "opentelemetry", "pre-function"]


@pytest.fixture
def ready(arena: Arena) -> Arena:
    arena.put(arena.binding())
    arena.until_ready()
    return arena


def test_kong_is_given_the_pages_plugins(ready: Arena) -> None:
    pushed = ready.until_pushed(is_complete, "three plugins")

    found = configs(read_configuration(dict(ready.stage.gateway.config or {})), ready.namespace)

    lua = found.pop("pre-function")
    assert found == configs(page(ready))
    assert {phase: code for phase, code in lua.items() if code} == {
        "access": [build_access(["X-Fiddler-Conversation-Id"])],
        "header_filter": [build_stamp()],
        "log": [build_stamp()],
    }
    assert {place for _, place in pushed.attached()} == {f"service {ready.namespace}.assistant-openai.443"}


def test_kong_is_given_the_pages_service_and_route(ready: Arena) -> None:
    pushed = ready.until_pushed(is_complete, "three plugins")
    (service,) = pushed.services
    (route,) = pushed.routes
    (upstream,) = pushed.upstreams

    (expected,) = page(ready).services.values()

    assert (service["protocol"], service["port"]) == (expected.protocol, expected.port)
    assert [target["target"] for target in upstream["targets"]] == [f"{expected.host}:{expected.port}"]
    assert route["paths"] == [f"/{ready.namespace}/", f"~/{ready.namespace}$"]
    assert (route["strip_path"], route["preserve_host"]) == (True, False)
    assert route.get("hosts") is None


def test_the_gateway_gets_the_pages_three_settings(ready: Arena) -> None:
    assert ready.settings() == SETTINGS


def test_columns_tell_the_story(ready: Arena) -> None:
    table = ready.stage.cluster.kubectl("--namespace", ready.namespace, "get", "fkb", "assistant")
    wide = ready.stage.cluster.kubectl("--namespace", ready.namespace, "get", "fkb", "assistant", "--output=wide")

    header, row = (line.split() for line in table.splitlines())
    assert header == ["NAME", "READY", "STATUS", "ROUTES", "GATEWAY", "FIDDLER", "AGE"]
    assert row[:-1] == ["assistant", "True", "Ready", "1/1", "3.13.0.3", "Reachable"]
    for shown in ("APPLICATION", ready.stage.sink.url, "Captured", "Everything is in place for Fiddler to observe these routes."):
        assert shown in wide


def test_kubectl_wait_and_describe_tell_the_same(ready: Arena) -> None:
    waited = ready.stage.cluster.kubectl("-n", ready.namespace, "wait", "--for=condition=Ready", "fkb/assistant", "--timeout=1s")
    described = ready.stage.cluster.kubectl("-n", ready.namespace, "describe", "fkb", "assistant")

    assert waited.strip() == "fiddlerkongbinding.integrations.fiddler.ai/assistant condition met"
    assert "Everything is in place for Fiddler to observe these routes." in described


def test_every_condition_is_true_before_the_first_call_and_none_says_stalled(ready: Arena) -> None:
    conditions = ready.conditions()

    assert conditions.pop("TracesArriving")["reason"] == "NoTracesYet"
    assert {kind: c["status"] for kind, c in conditions.items()} == dict.fromkeys(
        ["Accepted", "SecretsResolved", "GatewayConfigured", "PluginsProgrammed", "TraceEndpointReachable", "Ready"], "True"
    )


def test_the_application_is_named(ready: Arena) -> None:
    status = ready.existing("FiddlerKongBinding", "assistant")["status"]

    assert status["fiddler"] == {"application": "assistant", "tracesEndpoint": f"{ready.stage.sink.url}/v1/traces"}
    assert status["gateway"] == {"version": "3.13.0.3", "image": "kong/kong-gateway:3.13.0.3"}


def test_becoming_ready_is_an_event(ready: Arena) -> None:
    def noted() -> bool:
        return "Ready" in [e["reason"] for e in ready.all_of("Event") if e["involvedObject"]["kind"] == "FiddlerKongBinding"]

    ready.until(noted, "an event of the transition")
