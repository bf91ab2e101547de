from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from devcluster.gateway.entities import read_configuration
from devcluster.gateway.router import find_route, plugins_of

from .conftest import PROVIDER_KEY, page_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Rig

Config = dict[str, Any]
ENDPOINT = "https://acme.fiddler.ai/v1/traces"


def _twice(config: Config) -> None:
    config["plugins"].append(config["plugins"][0] | {"tags": ["k8s-name:second"]})


def _set(plugin: int, *path: str, value: object) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        target = config["plugins"][plugin]
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


def _drop(plugin: int, *path: str) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        target = config["plugins"][plugin]
        for key in path[:-1]:
            target = target[key]
        del target[path[-1]]

    return change


REFUSED: list[Any] = [
    pytest.param(_set(0, "config", "colour", value="red"), "config.colour", "unknown field", id="unknown field"),
    pytest.param(_drop(0, "config", "route_type"), "config.route_type", "required field missing", id="required field"),
    pytest.param(_drop(0, "config", "model", "provider"), "config.model.provider", "required field missing", id="nested required field"),
    pytest.param(
        _set(0, "config", "model", "options", value={"max_tokens": "512"}),
        "config.model.options.max_tokens",
        "expected an integer",
        id="wrong type",
    ),
    pytest.param(
        _set(0, "config", "model", "options", value={"temperature": 9}),
        "config.model.options.temperature",
        "value should be between 0 and 5",
        id="out of range",
    ),
    pytest.param(
        _set(2, "config", "traces_endpoint", value="${FIDDLER_URL}/v1/traces"),
        "config.traces_endpoint",
        "missing host in url",
        id="placeholder",
    ),
    pytest.param(
        _set(2, "config", "headers", value={"Authorization": 1}), "config.headers.Authorization", "expected a string", id="map value"
    ),
    pytest.param(
        _set(0, "name", value="ai-prxy"),
        "name",
        "plugin 'ai-prxy' not enabled; add it to the 'plugins' configuration property",
        id="unknown plugin",
    ),
    pytest.param(
        _set(0, "service", value="nobody"),
        "service",
        "invalid reference 'service: nobody' (no such entity in 'services')",
        id="dangling reference",
    ),
    pytest.param(
        _drop(0, "config", "auth", "header_value"),
        None,
        "all or none of these fields must be set: 'auth.header_name', 'auth.header_value'",
        id="half a credential",
    ),
]


@pytest.mark.parametrize(("change", "field", "message"), REFUSED)
async def test_refusal_names_entity_field_and_reason(rig: Rig, change: Callable[[Config], None], field: str | None, message: str) -> None:
    await rig.accept()
    good = rig.gateway.config
    config = page_config(ENDPOINT)
    for plugin in config["plugins"]:
        plugin["tags"] = ["k8s-name:assistant", "k8s-kind:KongPlugin"]
    change(config)
    status, answer = await rig.push(config)
    assert (status, answer["code"], answer["name"]) == (400, 14, "invalid declarative configuration")
    (entity,) = answer["flattened_errors"]
    assert (entity["entity_type"], entity["entity_tags"]) == ("plugin", ["k8s-name:assistant", "k8s-kind:KongPlugin"])
    kind: Config = {"type": "entity"} if field is None else {"type": "field", "field": field}
    assert entity["errors"] == [kind | {"message": message}]
    assert rig.gateway.config == good, "the last good configuration stays"
    assert len(rig.gateway.refusals) == 1
    assert [push.refused for push in rig.gateway.history] == [False, True]
    assert PROVIDER_KEY not in json.dumps(answer)


async def test_two_plugins_of_one_type_on_a_service_have_one_id(rig: Rig) -> None:
    config = page_config(ENDPOINT)
    _twice(config)
    status, answer = await rig.push(config)
    (entity,) = answer["flattened_errors"]
    assert (status, entity["entity_tags"]) == (400, ["k8s-name:second"])
    assert entity["errors"] == [
        {
            "type": "entity",
            "message": f"uniqueness violation: 'plugins' entity with primary key set to '{entity['entity_id']}' already declared",
        }
    ]


async def test_same_type_on_service_and_globally_is_no_clash(rig: Rig) -> None:
    config = page_config(ENDPOINT)
    config["plugins"].append({"name": "opentelemetry", "config": {"traces_endpoint": ENDPOINT}})
    assert (await rig.push(config))[0] == 201


async def test_unknown_section_is_refused(rig: Rig) -> None:
    status, answer = await rig.push(page_config(ENDPOINT) | {"serivces": []})
    assert (status, answer["fields"], answer["flattened_errors"]) == (400, {"serivces": "unknown field"}, [])


async def test_syntax_error_in_the_body_is_refused(rig: Rig) -> None:
    async with rig.client.post(f"{rig.gateway.admin_url}/config", data=b"{") as response:
        assert response.status == 400


async def test_push_may_be_gzipped_and_an_equal_one_is_not_modified(rig: Rig) -> None:
    url, config = f"{rig.gateway.admin_url}/config?check_hash=1&flatten_errors=1", page_config(ENDPOINT)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with rig.client.post(url, data=gzip.compress(json.dumps(config).encode()), headers=headers) as response:
        assert response.status == 201
    assert (await rig.push(config))[0] == 304
    assert rig.gateway.config == config


async def test_the_status_hash_shows_whether_there_is_a_configuration(rig: Rig) -> None:
    async def digest() -> str:
        async with rig.client.get(f"{rig.gateway.admin_url}/status") as response:
            return str((await response.json())["configuration_hash"])

    assert await digest() == "0" * 32
    await rig.accept()
    assert await digest() != "0" * 32


async def test_it_is_not_ready_before_its_first_configuration(rig: Rig) -> None:
    async with rig.client.get(f"{rig.gateway.admin_url}/status/ready") as response:
        before = response.status

    await rig.accept()

    async with rig.client.get(f"{rig.gateway.admin_url}/status/ready") as response:
        assert (before, response.status) == (503, 200)


async def test_root_is_a_kong_without_database(rig: Rig) -> None:
    async with rig.client.get(rig.gateway.admin_url) as response:
        root = await response.json()
    assert (root["version"], root["configuration"]["database"]) == ("3.13.0.3", "off")


async def test_plugins_are_found_by_tag(rig: Rig) -> None:
    config = page_config(ENDPOINT)
    config["plugins"][0]["tags"] = ["k8s-uid:1", "k8s-kind:KongPlugin"]
    await rig.push(config)
    assert [plugin["name"] for plugin in await _listed(rig, "plugins?tags=k8s-uid:1,k8s-kind:KongPlugin")] == ["ai-proxy"]
    assert await _listed(rig, "plugins?tags=k8s-uid:2") == []


async def test_lists_show_the_push_with_defaults(rig: Rig) -> None:
    """KIC reads these lists at its start for a configuration to fall back to."""
    await rig.push(page_config(ENDPOINT))
    (service,) = await _listed(rig, "services")
    assert [route["name"] for route in await _listed(rig, f"services/{service['id']}/routes")] == ["openai-chat-route"]
    otel = next(plugin for plugin in await _listed(rig, "plugins") if plugin["name"] == "opentelemetry")
    assert otel["config"]["queue"]["max_batch_size"] == 200
    assert await _listed(rig, "certificates") == []


async def test_unknown_list_is_404(rig: Rig) -> None:
    async with rig.client.get(f"{rig.gateway.admin_url}/unicorns") as response:
        assert response.status == 404


async def _listed(rig: Rig, path: str) -> list[Config]:
    async with rig.client.get(f"{rig.gateway.admin_url}/{path}") as response:
        data: list[Config] = (await response.json())["data"]
    return data


@pytest.mark.parametrize(("name", "more"), [("ai-proxy", ["ws", "wss"]), ("pre-function", []), ("opentelemetry", []), ("key-auth", [])])
async def test_schema_has_kongs_form(rig: Rig, name: str, more: list[str]) -> None:
    async with rig.client.get(f"{rig.gateway.admin_url}/schemas/plugins/{name}") as response:
        fields = {key: value for entry in (await response.json())["fields"] for key, value in entry.items()}
    assert fields["protocols"]["default"] == ["grpc", "grpcs", "http", "https", *more]
    assert fields["config"]["type"] == "record"


async def test_unknown_schema_is_404(rig: Rig) -> None:
    async with rig.client.get(f"{rig.gateway.admin_url}/schemas/plugins/nope") as response:
        assert response.status == 404


def _routes(*routes: Config) -> Config:
    return {"_format_version": "3.0", "services": [{"name": "s", "host": "h", "path": "/base", "routes": list(routes)}]}


ROUTING: list[Any] = [
    pytest.param({"paths": ["/openai"], "strip_path": True}, "/openai/v1/x", "/base/v1/x", id="prefix stripped"),
    pytest.param({"paths": ["/openai"], "strip_path": False}, "/openai/v1", "/base/openai/v1", id="prefix kept"),
    pytest.param({"paths": ["~/openai$", "/openai/"], "strip_path": True}, "/openai", "/base", id="exact by regex"),
    pytest.param({"paths": ["~/openai$", "/openai/"], "strip_path": True}, "/openai/a", "/base/a", id="prefix beside regex"),
    pytest.param({"paths": ["~/openai$", "/openai/"], "strip_path": True}, "/openaix", None, id="neither"),
    pytest.param({"paths": ["/"], "hosts": ["a.example"]}, "/x", None, id="other host"),
    pytest.param({"paths": ["/"], "methods": ["GET"]}, "/x", None, id="other method"),
]


@pytest.mark.parametrize(("route", "path", "upstream"), ROUTING)
def test_routing(route: Config, path: str, upstream: str | None) -> None:
    found = find_route(read_configuration(_routes({"name": "r"} | route)), "POST", "b.example:8000", path)
    assert (found.upstream_path if found else None) == upstream


def test_longest_prefix_and_host_win() -> None:
    routes = [
        {"name": "short", "paths": ["/a"]},
        {"name": "long", "paths": ["/a/b"]},
        {"name": "host", "paths": ["/"], "hosts": ["h.example"]},
    ]
    configuration = read_configuration(_routes(*routes))
    for host, path, name in [("x", "/a/b/c", "long"), ("x", "/a/c", "short"), ("h.example", "/a/b", "host")]:
        found = find_route(configuration, "GET", host, path)
        assert found is not None
        assert found.route.name == name


def test_most_specific_plugin_of_a_type_runs() -> None:
    config = _routes({"name": "r", "paths": ["/"], "plugins": [{"name": "key-auth", "config": {"at": "route"}}]})
    config["plugins"] = [
        {"name": "key-auth", "config": {"at": "global"}},
        {"name": "key-auth", "service": "s", "config": {"at": "service"}},
        {"name": "cors", "config": {"at": "global"}},
        {"name": "cors", "service": {"name": "s"}, "config": {"at": "service"}, "enabled": False},
    ]
    configuration = read_configuration(config)
    chosen = plugins_of(configuration, find_route(configuration, "GET", "x", "/"))
    assert {name: plugin.config["at"] for name, plugin in chosen.items()} == {"key-auth": "route", "cors": "global"}


async def test_a_fault_of_a_test_is_a_refusal_in_kongs_form(rig: Rig) -> None:
    rig.gateway.set_fault(lambda _, entity: {"config": {"name": "not today"}} if entity["name"] == "opentelemetry" else {})
    status, answer = await rig.push(page_config(ENDPOINT))
    assert (status, rig.gateway.refused_pushes) == (400, 1)
    assert [problem["errors"] for problem in answer["flattened_errors"]] == [
        [{"type": "field", "field": "config.name", "message": "not today"}]
    ]

    rig.gateway.set_fault(lambda *_: {})
    assert (await rig.push(page_config(ENDPOINT)))[0] == 201
