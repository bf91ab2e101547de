"""Configurations that Kong refuses for the syntax of a value or for its version, and their good neighbours."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from devcluster.gateway.entities import RefusedConfigurationError, read_configuration
from devcluster.gateway.process_settings import ProcessSettings
from devcluster.gateway.schemas import plugin_schema
from devcluster.gateway.validation import flatten

from .conftest import TRACING, page_config

Config = dict[str, Any]
V313, V314, V315 = (ProcessSettings(version=(3, minor, 0, 7)) for minor in (13, 14, 15))


def _config(plugin: str = "", **changes: Any) -> Config:
    return page_config("https://acme.fiddler.ai/v1/traces", **{plugin.replace("-", "_"): changes} if plugin else {})


def _errors(config: Config, settings: ProcessSettings = V313) -> dict[str, str]:
    """Message by field of all refused entities; the key of an entity's own error is empty."""
    try:
        read_configuration(config, settings)
    except RefusedConfigurationError as error:
        found = [item for problem in error.problems for item in flatten(problem.errors)]
        return {item.get("field", ""): item["message"] for item in found} | error.fields
    return {}


def _service(**changes: Any) -> Config:
    config = _config()
    config["services"][0] |= changes
    return config


def _route(**changes: Any) -> Config:
    config = _config()
    config["services"][0]["routes"][0] |= changes
    return config


def _plugin(**changes: Any) -> Config:
    config = _config()
    config["plugins"][0] |= changes
    return config


def _other_plugin(**changes: Any) -> Config:
    config = _config()
    config["plugins"][-1] |= changes
    return config


def _upstream(name: str, *targets: str) -> Config:
    return _config() | {"upstreams": [{"name": name, "targets": [{"target": target} for target in targets]}]}


NAME = "invalid value 'a b': the only accepted ascii characters are alphanumerics or ., -, _, and ~"
PATH = "invalid path: '/a?b' (characters outside of the reserved list of RFC 3986 found)"
TAG = "invalid tag 'a,b': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"
PROTOCOL = "expected one of: grpc, grpcs, http, https, tcp, tls, tls_passthrough, udp, ws, wss"
HEADER = "bad header name 'a b', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
REFUSED: list[Any] = [
    (_config("opentelemetry", headers={"a b": "x"}), "config.headers.a b", HEADER),
    (_config("opentelemetry", headers={"": "x"}), "config.headers.", "length must be at least 1"),
    (_config("opentelemetry", headers={"a": ""}), "config.headers.a", "length must be at least 1"),
    (_config("opentelemetry", resource_attributes={"": "x"}), "config.resource_attributes.", "length must be at least 1"),
    (_config("opentelemetry", resource_attributes={"x": ""}), "config.resource_attributes.x", "length must be at least 1"),
    (_config("opentelemetry", traces_endpoint="//acme.fiddler.ai/v1"), "config.traces_endpoint", "missing scheme in url"),
    (_config("opentelemetry", traces_endpoint="acme.fiddler.ai/v1"), "config.traces_endpoint", "missing host in url"),
    (_config("opentelemetry", queue={"concurrency_limit": 4}), "config.queue.concurrency_limit", "expected one of: -1, 1"),
    (
        _config("ai-proxy", model={"provider": "openai", "options": {"upstream_url": "llm.example"}}),
        "config.model.options.upstream_url",
        "missing host in url",
    ),
    (_plugin(instance_name="a b"), "instance_name", NAME),
    (_plugin(tags=["good", "a,b"]), "tags.2", TAG),
    (_plugin(protocols=["tcp"]), "protocols.1", "expected one of: grpc, grpcs, http, https, ws, wss"),
    (_plugin(protocols=["http", 7]), "protocols.2", "expected a string"),
    (_plugin(protocols="http"), "protocols", "expected a set"),
    (_other_plugin(protocols=["http", "ftp"]), "protocols.2", PROTOCOL),
    (_route(name="a b"), "name", NAME),
    (_service(tags=["a,b"]), "tags.1", TAG),
    (_service(host="1.2.3"), "host", "invalid value: 1.2.3"),
    (_service(host="a..b"), "host", "invalid value: a..b"),
    (_service(host="a b"), "host", "invalid value: a b"),
    (_service(host="api.openai.com:443"), "host", "must not have a port"),
    (_service(host=None), "host", "required field missing"),
    (_service(path="v1"), "path", "should start with: /"),
    (_service(path="/a//b"), "path", "must not have empty segments"),
    (_service(path="/a?b"), "path", PATH),
    (_service(read_timeout=0), "read_timeout", "value should be between 1 and 2147483646"),
    (_service(protocol="http", tls_verify=True), "tls_verify", "value must be null"),
    (_route(hosts=["1.2.3"]), "hosts.1", "invalid ipv4 address: 1.2.3"),
    (_route(hosts=["good.example", "123"]), "hosts.2", "invalid ipv4 address: 123"),
    (_route(hosts=["a_b-"]), "hosts.1", "invalid hostname: a_b-"),
    (_route(hosts=["a.*.b"]), "hosts.1", "invalid wildcard: must be placed at leftmost or rightmost label"),
    (_route(hosts=["*.a.*"]), "hosts.1", "invalid wildcard: must have at most one wildcard"),
    (_route(paths=["openai"]), "paths.1", "should start with: / (fixed path) or ~/ (regex path)"),
    (_route(paths=["/a//b"]), "paths.1", "must not have empty segments"),
    (_route(paths=["/a?b"]), "paths.1", PATH),
    (_route(paths=["/a%2"]), "paths.1", "invalid url-encoded value: '%2'"),
    (_route(paths=["~/a("]), "paths.1", "invalid regex: '/a(' (PCRE returned: missing ), unterminated subpattern at position 2)"),
    (_route(methods=["post"]), "methods.1", "invalid value: post"),
    (_route(protocols=["ftp"]), "protocols.1", PROTOCOL),
    (_route(protocols=[]), "protocols", "length must be at least 1"),
    (_upstream("1.2.3"), "name", "Invalid name; must be a valid hostname"),
    (_upstream("10.0.0.1"), "name", "Invalid name; must be a valid hostname"),
    (_upstream("a.b", "1.2.3:80"), "target", "Invalid target ('1.2.3:80'); not a valid hostname or ip address"),
    (_config() | {"_format_version": "4.0"}, "_format_version", "expected one of: 1.1, 2.1, 3.0"),
    (_config() | {"_format_version": None}, "_format_version", "required field missing"),
]


@pytest.mark.parametrize(("config", "field", "message"), REFUSED, ids=[f"{field}: {message}"[:60] for _, field, message in REFUSED])
def test_kong_refuses(config: Config, field: str, message: str) -> None:
    assert {name: text for name, text in _errors(config).items() if name} == {field: message}


ACCEPTED: list[Config] = [
    _config("opentelemetry", headers={"X_a-1": "x"}, resource_attributes={"any key": "x"}, queue={"concurrency_limit": -1}),
    _config("opentelemetry", traces_endpoint="{vault://env/endpoint}"),
    _plugin(instance_name="a.b-c_d~1", tags=["k8s-name:a b", "managed-by-ingress-controller"], protocols=["http", "wss"]),
    _other_plugin(protocols=["tcp", "tls_passthrough", "udp"]),
    _service(host="10.0.0.1", path="/v1/(a)*;x=1:y@z"),
    _service(host="fe80::1"),
    _service(host="a_b.example.", protocol="https", tls_verify=True),
    _route(hosts=["*.example", "example.*", "10.0.0.1", "a.example:8000"], methods=["POST"]),
    _route(paths=["/a%20b", r"~/a/(?<id>\d+)$", "/"]),
    _upstream("llm.team.443.svc", "10.0.0.1:80", "api.openai.com:443", "[fe80::1]:80"),
]


@pytest.mark.parametrize("config", ACCEPTED)
def test_kong_accepts(config: Config) -> None:
    assert _errors(config) == {}


@pytest.mark.parametrize("plugin", ["pre-function", "post-function"])
@pytest.mark.parametrize("code", ["return function()", "x = = 1", "\x1bLJ\x02", "local 1"])
def test_functions_must_parse(plugin: str, code: str) -> None:
    config = _plugin(name=plugin, config={"access": ["local good", code]})
    config["plugins"] = config["plugins"][:1]
    (message,) = _errors(config).values()
    assert message.startswith("Error parsing function: ")


def test_functions_are_not_run_when_they_are_checked() -> None:
    assert _errors(_config("pre-function", access=["error('not now')", "while true do end"])) == {}


@pytest.mark.parametrize(
    ("refused_by", "accepted_by", "config"),
    [
        ([V313], [V314, V315], _config("ai-proxy", model={"provider": "ollama", "name": "llama3"})),
        ([V313], [V314, V315], _config("ai-proxy", model={"provider": "openai", "options": {"cache_read_cost": 1}})),
        ([V313], [V314, V315], _config("opentelemetry", access_logs={"endpoint": "https://logs.example/v1"})),
        ([V314, V315], [V313], _config("opentelemetry", access_logs_endpoint="https://logs.example/v1")),
        ([V313, V314, V315], [], _config("ai-proxy", model={"provider": "openai", "options": {"input_cost": 0}})),
        ([], [V313, V314, V315], _config()),
    ],
    ids=["provider", "option", "record", "dropped field", "cost", "page"],
)
def test_the_schema_is_that_of_the_version(refused_by: list[ProcessSettings], accepted_by: list[ProcessSettings], config: Config) -> None:
    assert [bool(_errors(deepcopy(config), settings)) for settings in refused_by] == [True] * len(refused_by)
    assert [_errors(deepcopy(config), settings) for settings in accepted_by] == [{}] * len(accepted_by)


async def test_the_admin_api_shows_the_schema_of_the_pods_version(make_rig: Callable[..., Any]) -> None:
    rig = await make_rig(replace(TRACING, version=(3, 14, 0, 7)))
    async with rig.client.get(f"{rig.gateway.admin_url}/schemas/plugins/opentelemetry") as response:
        assert await response.json() == plugin_schema("opentelemetry", (3, 14, 0, 7))
    assert plugin_schema("opentelemetry", (3, 14, 0, 7)) != plugin_schema("opentelemetry", (3, 13, 0, 7))


def test_a_plugin_that_the_process_does_not_list_is_refused() -> None:
    settings = replace(V313, plugins=frozenset({"ai-proxy", "opentelemetry", "own"}))
    assert _errors(_config(), settings) == {"name": "plugin 'pre-function' not enabled; add it to the 'plugins' configuration property"}


@pytest.mark.parametrize(("verified", "refused"), [(True, True), (False, False)])
def test_switching_off_verification_is_refused_where_the_process_demands_it(verified: bool, refused: bool) -> None:  # noqa: FBT001 - parameters
    config = _service(protocol="https", tls_verify=False)
    assert bool(_errors(config, replace(V314, verifies_services=verified))) == refused
