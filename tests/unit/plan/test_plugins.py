from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from fiddler_kong_operator.api import Llm, Override
from fiddler_kong_operator.plan.keys import PluginKey
from fiddler_kong_operator.plan.objects.manifest import canonical
from fiddler_kong_operator.plan.plugins import PLUGINS, PluginInstance, plugin_instances, plugin_types
from fiddler_kong_operator.plan.plugins.ai_proxy import build_ai_proxy
from fiddler_kong_operator.plan.plugins.pre_function import build_access
from fiddler_kong_operator.plan.providers import Auth, Provider, Upstream, header_auth
from tests.unit.plan.plans import llm_with, manifests, plan_of, spec_of
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_spec


def test_every_plugin_but_the_one_that_runs_lua_can_be_overridden() -> None:
    assert set(get_args(Override.model_fields["plugin"].annotation)) == {kind.type for kind in PLUGINS.values() if not kind.runs_lua}


@pytest.mark.parametrize("route", [EXPOSED, ATTACHED], ids=["with a model", "without"])
@pytest.mark.parametrize("sessions", ["Header", "Disabled"])
def test_the_types_that_are_wanted_are_those_of_the_instances(route: dict[str, Any], sessions: str) -> None:
    spec = make_spec(route, sessions=sessions)

    assert list(plugin_types(spec)) == [instance.plugin for instance in plugin_instances(spec)]


def test_a_trailing_slash_of_the_url_is_dropped() -> None:
    url = "https://acme.fiddler.ai/"
    spec = spec_of().model_copy(update={"fiddler": spec_of().fiddler.model_copy(update={"url": url})})
    (config,) = [i.config for i in plugin_instances(spec) if i.plugin == "opentelemetry"]
    assert config["traces_endpoint"] == "https://acme.fiddler.ai/v1/traces"


def test_header_and_prefix_of_the_provider_can_be_replaced() -> None:
    auth = {"secretRef": {"name": "openai", "key": "api-key"}, "headerName": "api-key", "headerPrefix": ""}
    made = manifests(plan_of(spec_of(llm_with(auth=auth))))
    assert made["KongPlugin/assistant-openai-ai-proxy"]["config"]["auth"] == {"header_name": "api-key"}
    assert made["Secret/assistant-kong-keys"]["data"]["ai-proxy.openai"] == "InNrLXRlc3Qi"


def test_a_model_without_options_has_none() -> None:
    made = manifests(plan_of(spec_of(llm_with(options={}))))
    assert made["KongPlugin/assistant-openai-ai-proxy"]["config"]["model"] == {"provider": "openai", "name": "gpt-4o-mini"}


@pytest.mark.parametrize("header", ["", "X Y", 'X"]] os.exit()', "X-Ü", "X\n", "1X", "X" * 65, "X_Y"])
def test_nothing_but_a_plain_header_name_reaches_the_lua(header: str) -> None:
    with pytest.raises(ValueError, match="session header"):
        build_access(header)


def test_the_lua_holds_no_placeholder_any_more() -> None:
    lua = build_access("X-My-Session")
    assert "@" not in lua
    assert 'get_header("X-My-Session")' in lua


def test_numbers_are_written_as_the_api_server_writes_them() -> None:
    value = canonical({"a": 1.0, "b": [2.0, 0.5, True, "1.0"], "c": 512})
    assert value == {"a": 1, "b": [2, 0.5, True, "1.0"], "c": 512}
    assert [type(x) for x in (value["a"], *value["b"])] == [int, int, float, bool, str]


def _two_keys(llm: Llm) -> Auth:
    parts = [("access", "AWS_ACCESS_KEY_ID"), ("secret", "AWS_SECRET_ACCESS_KEY")]
    ref = llm.auth.secret_ref
    return {"allow_override": False}, tuple(PluginKey(f"auth.{p}", ref, "", f"/aws_{p}_key", p, variable) for p, variable in parts)


def _query_parameter(llm: Llm) -> Auth:
    key = PluginKey("auth.secretRef", llm.auth.secret_ref, "", "/param_value", "", "GEMINI_API_KEY")
    return {"param_name": "key", "param_location": "query"}, (key,)


def instance_of(auth: Callable[[Llm], Auth]) -> PluginInstance:
    """The quickstart's route, as if its provider identified itself so."""
    spec = spec_of()
    route = spec.routes[0]
    assert route.llm is not None
    return build_ai_proxy(spec, 0, route, route.llm, Provider("openai", lambda _: Upstream("llm.example"), auth))


@pytest.mark.parametrize(
    ("auth", "config", "keys"),
    [
        (
            header_auth("x-api-key", ""),
            {"header_name": "x-api-key"},
            [("spec.routes[0].llm.auth.secretRef", "", "/auth/header_value", "ai-proxy.openai")],
        ),
        (
            _query_parameter,
            {"param_name": "key", "param_location": "query"},
            [("spec.routes[0].llm.auth.secretRef", "", "/auth/param_value", "ai-proxy.openai")],
        ),
        (
            _two_keys,
            {"allow_override": False},
            [
                ("spec.routes[0].llm.auth.access", "", "/auth/aws_access_key", "ai-proxy.openai.access"),
                ("spec.routes[0].llm.auth.secret", "", "/auth/aws_secret_key", "ai-proxy.openai.secret"),
            ],
        ),
    ],
    ids=["header", "query", "two"],
)
def test_a_provider_says_where_its_keys_go(auth: Callable[[Llm], Auth], config: dict[str, Any], keys: list[Any]) -> None:
    made = instance_of(auth)
    assert made.config["auth"] == config
    assert [(key.field, key.prefix, key.pointer, key.entry) for key in made.keys] == keys


def test_a_provider_without_keys_leaves_no_trace_of_them() -> None:
    made = instance_of(lambda _: ({}, ()))
    assert (made.keys, "auth" in made.config) == ((), False)


@pytest.mark.parametrize(("plugin", "route"), [("ai-proxy", None), ("opentelemetry", "openai")])
def test_a_name_that_two_plugins_would_share_is_never_made(plugin: str, route: str | None) -> None:
    with pytest.raises(ValueError, match=plugin):
        PLUGINS[plugin].object_name("assistant", route)
