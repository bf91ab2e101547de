from __future__ import annotations

from typing import Any, Final, get_args

import pytest

from fiddler_kong_operator.api import Llm, Override
from fiddler_kong_operator.plan.objects.manifest import canonical
from fiddler_kong_operator.plan.plugins import PLUGINS, needs_lua, plugin_instances, plugin_types, required_keys
from fiddler_kong_operator.plan.plugins.pre_function import build_access
from fiddler_kong_operator.plan.references import wanted_children
from tests.unit.plan.plans import LLM, llm_with, manifests, plan_of, spec_of
from tests.unit.plan.situations import AGENT, ATTACHED, EXPOSED, make_binding, make_spec


def test_every_plugin_but_the_one_that_runs_lua_can_be_overridden() -> None:
    assert set(get_args(Override.model_fields["plugin"].annotation)) == {kind.type for kind in PLUGINS.values() if not kind.runs_lua}


@pytest.mark.parametrize("route", [EXPOSED, ATTACHED], ids=["with a model", "without"])
@pytest.mark.parametrize("sessions", ["Header", "Disabled"])
@pytest.mark.parametrize("attributes", [[], [AGENT]], ids=["no attributes", "attributes"])
def test_the_types_that_are_wanted_are_those_of_the_instances(
    route: dict[str, Any], sessions: str, attributes: list[dict[str, Any]]
) -> None:
    spec = make_spec(route, sessions=sessions, attributes=attributes)

    assert list(plugin_types(spec)) == [instance.plugin for instance in plugin_instances(spec)]
    assert needs_lua(spec) == ("pre-function" in plugin_types(spec)) == (sessions == "Header" or attributes != [])


def test_a_trailing_slash_of_the_url_is_dropped() -> None:
    url = "https://acme.fiddler.ai/"
    spec = spec_of().model_copy(update={"fiddler": spec_of().fiddler.model_copy(update={"url": url})})
    (config,) = [i.config for i in plugin_instances(spec) if i.plugin == "opentelemetry"]
    assert config["traces_endpoint"] == "https://acme.fiddler.ai/v1/traces"


@pytest.mark.parametrize(("credentials", "sent"), [("Forward", True), ("Omit", False)])
def test_a_collector_gets_the_traces_and_the_key_only_where_it_is_to_forward_it(credentials: str, sent: bool) -> None:  # noqa: FBT001
    spec = make_spec(ATTACHED, export={"endpoint": "http://otel.kong.svc:4318/", "credentials": credentials})
    (traces,) = (instance for instance in plugin_instances(spec) if instance.plugin == "opentelemetry")

    assert traces.config["traces_endpoint"] == "http://otel.kong.svc:4318/v1/traces"
    assert [key.pointer for key in traces.keys] == (["/headers/Authorization"] if sent else [])
    assert [key.field for key in required_keys(spec)] == ["spec.fiddler.apiKeySecretRef"]  # the operator asks Fiddler with it
    assert ("Secret" in {key.kind for key in wanted_children(make_binding(spec))}) == sent


def test_header_and_prefix_of_the_provider_can_be_replaced() -> None:
    auth = {"secretRef": {"name": "openai", "key": "api-key"}, "headerName": "api-key", "headerPrefix": ""}
    made = manifests(plan_of(spec_of(llm_with(auth=auth))))
    assert made["KongPlugin/assistant-openai-ai-proxy"]["config"]["auth"] == {"header_name": "api-key"}
    assert made["Secret/assistant-kong-keys"]["data"]["ai-proxy.openai"] == "InNrLXRlc3Qi"


CATEGORIES: Final = {
    **{f"llm/v1/{call}": "text/generation" for call in ("chat", "completions", "responses", "assistants", "batches", "files")},
    "llm/v1/embeddings": "text/embeddings",
    "audio/v1/audio/speech": "audio/speech",
    "audio/v1/audio/transcriptions": "audio/transcription",
    "audio/v1/audio/translations": "audio/transcription",
    "image/v1/images/generations": "image/generation",
    "image/v1/images/edits": "image/generation",
    "video/v1/videos/generations": "video/generation",
    "realtime/v1/realtime": "realtime/generation",
}
REALTIME: Final = "realtime/v1/realtime"
"""Only targets may have it."""


@pytest.mark.parametrize("route_type", get_args(Llm.model_fields["route_type"].annotation))
def test_each_kind_of_call_has_its_category(route_type: str) -> None:
    plugins: dict[str, dict[str, Any]] = {"ai-proxy": LLM, "ai-proxy-advanced": {"targets": [LLM]}}
    specs = [spec_of({**EXPOSED, "llm": {**llm, "routeType": route_type}}) for llm in plugins.values()]
    found = {i.plugin: i.config.get("genai_category", "text/generation") for spec in specs for i in plugin_instances(spec) if i.route}
    made = set(plugins) - ({"ai-proxy"} if route_type == REALTIME else set())

    assert {plugin: found[plugin] for plugin in made} == dict.fromkeys(made, CATEGORIES[route_type])


def test_a_model_without_options_has_none() -> None:
    made = manifests(plan_of(spec_of(llm_with(options={}))))
    assert made["KongPlugin/assistant-openai-ai-proxy"]["config"]["model"] == {"provider": "openai", "name": "gpt-4o-mini"}


@pytest.mark.parametrize("header", ["", "X Y", 'X"]] os.exit()', "X-Ü", "X\n", "1X", "X" * 65, "X_Y"])
def test_nothing_but_a_plain_header_name_reaches_the_lua(header: str) -> None:
    with pytest.raises(ValueError, match="name of a header"):
        build_access([header])


def test_the_lua_holds_no_placeholder_any_more() -> None:
    lua = build_access(["X-My-Session"])
    assert "@" not in lua
    assert 'get_header("X-My-Session")' in lua


def test_numbers_are_written_as_the_api_server_writes_them() -> None:
    value = canonical({"a": 1.0, "b": [2.0, 0.5, True, "1.0"], "c": 512})
    assert value == {"a": 1, "b": [2, 0.5, True, "1.0"], "c": 512}
    assert [type(x) for x in (value["a"], *value["b"])] == [int, int, float, bool, str]


@pytest.mark.parametrize(("plugin", "route"), [("ai-proxy", None), ("opentelemetry", "openai")])
def test_a_name_that_two_plugins_would_share_is_never_made(plugin: str, route: str | None) -> None:
    with pytest.raises(ValueError, match=plugin):
        PLUGINS[plugin].object_name("assistant", route)
