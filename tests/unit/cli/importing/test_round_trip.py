from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from devcluster.gateway.schemas import config_schema
from devcluster.gateway.validation import with_defaults
from fiddler_kong_operator.cli import main
from fiddler_kong_operator.cli.documents import Document
from fiddler_kong_operator.cli.strict import parse_binding
from fiddler_kong_operator.plan.objects.declarative import placeholders
from fiddler_kong_operator.plan.plugins.pre_function import build_access
from tests.unit.cli.importing.command import Outcome, run_import
from tests.unit.cli.importing.kong_files import Json
from tests.unit.cli.importing.models import Shape
from tests.unit.cli.importing.shapes import SHAPES


def rendered(outcome: Outcome, binding: Json) -> list[Json]:
    """The plugins of `render --format kong`, with the imported keys in place of its placeholders."""
    text = CliRunner().invoke(main, ["render", "--format", "kong", "-"], input=yaml.safe_dump(binding))
    assert text.exit_code == 0, text.stderr
    spec = parse_binding(Document(binding), "default").spec
    assert spec
    keys = {shown: outcome.keys[ref.name, ref.key] for ref, shown in placeholders(spec).items()}
    plugins: list[Json] = replaced(yaml.safe_load(text.stdout), keys)["plugins"]
    return plugins


def replaced(node: Any, keys: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: replaced(item, keys) for name, item in node.items()}
    if isinstance(node, list):
        return [replaced(item, keys) for item in node]
    for shown, key in keys.items():
        node = node.replace(shown, key) if isinstance(node, str) else node
    return node


def full(name: str, config: Json) -> Json:
    """The config as Kong 3.14 stores it; headers have no case."""
    schema = config_schema(name, (3, 14))
    assert schema
    stored = with_defaults(schema, {"metrics": {}, **config} if name == "opentelemetry" else config)
    if "headers" in stored:
        stored["headers"] = {header.lower(): value for header, value in stored["headers"].items()}
    return stored


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_what_was_imported_renders_to_the_plugins_of_the_file(shape: Shape) -> None:
    outcome = run_import(shape.file, *shape.arguments)

    plugins = [plugin for binding in outcome.bindings for plugin in rendered(outcome, binding)]

    kinds = ["ai-proxy-advanced" if "targets" in config else "ai-proxy" for config in shape.ai]
    expected = [full(kind, config) for kind, config in zip(kinds, shape.ai, strict=True)]
    expected += [full("opentelemetry", config) for config in shape.traces]
    expected_access = [[build_access(shape.headers)]] * len(shape.traces) if shape.headers else []
    found = [full(plugin["name"], plugin["config"]) for plugin in plugins if plugin["name"] != "pre-function"]
    assert in_order(expected) == in_order(found)
    assert expected_access == [plugin["config"]["access"] for plugin in plugins if plugin["name"] == "pre-function"]
    assert outcome.code == int(shape.lossy), outcome.stderr


def in_order(configs: list[Json]) -> list[str]:
    return sorted(json.dumps(config, sort_keys=True) for config in configs)


def test_the_services_and_routes_of_the_integration_page_come_back_too() -> None:
    page = SHAPES[0].file
    outcome = run_import(page)

    result = CliRunner().invoke(main, ["render", "--format", "kong", "-"], input=outcome.stdout)

    assert yaml.safe_load(result.stdout)["services"] == page["services"]


def test_a_file_is_read_as_json_and_as_yaml_alike() -> None:
    shape = SHAPES[0]

    assert run_import(shape.file).bindings == run_import(yaml.safe_dump(shape.file)).bindings


def test_what_render_makes_of_an_imported_file_can_be_imported_again() -> None:
    once = run_import(SHAPES[0].file)
    (binding,) = once.bindings
    spec = parse_binding(Document(binding), "default").spec
    assert spec
    keys = {shown: once.keys[ref.name, ref.key] for ref, shown in placeholders(spec).items()}
    result = CliRunner().invoke(main, ["render", "--format", "kong", "-"], input=once.stdout)

    again = run_import(replaced(yaml.safe_load(result.stdout), keys))

    assert (again.code, again.bindings, again.keys) == (0, once.bindings, once.keys)


ATTRIBUTES: list[Json] = [
    {"name": "gen_ai.agent.name", "value": "support - bot #1 (a|b)"},
    {"name": "fiddler.session.user.team", "fromHeader": "X-Team"},
    {"name": "fiddler.span.user.tier_2", "value": "--gold"},
]


def attributed(*, sessions: str) -> tuple[Outcome, Json]:
    """The import of the integration page, with attributes; and the file that is rendered from it."""
    once = run_import(SHAPES[0].file)
    (binding,) = once.bindings
    binding["spec"] |= {"attributes": ATTRIBUTES, "sessions": {"mode": sessions}}
    text = CliRunner().invoke(main, ["render", "--format", "kong", "-"], input=yaml.safe_dump(binding))
    spec = parse_binding(Document(binding), "default").spec
    assert spec
    keys = {shown: once.keys[ref.name, ref.key] for ref, shown in placeholders(spec).items()}
    return once, replaced(yaml.safe_load(text.stdout), keys)


@pytest.mark.parametrize("sessions", ["Header", "Disabled"])
def test_attributes_come_back_from_the_operators_own_lua(sessions: str) -> None:
    _, file = attributed(sessions=sessions)

    outcome = run_import(file)

    assert (outcome.code, outcome.spec["attributes"], outcome.spec["sessions"]["mode"]) == (0, ATTRIBUTES, sessions), outcome.stderr
    (binding,) = outcome.bindings
    assert rendered(outcome, binding) == file["plugins"]


@pytest.mark.parametrize(
    ("phase", "old", "new"),
    [
        ("access", "return function()", "os.execute() return function()"),
        ("access", '"--gold",', '"--gold", os.execute(),'),
        ("log", "pcall(stamp_all)", "pcall(os.execute)"),
    ],
)
def test_lua_that_was_changed_is_never_carried_over_and_always_reported(phase: str, old: str, new: str) -> None:
    _, file = attributed(sessions="Header")
    (function,) = [plugin for plugin in file["plugins"] if plugin["name"] == "pre-function"]
    assert old in function["config"][phase][1]
    function["config"][phase][1] = function["config"][phase][1].replace(old, new)

    outcome = run_import(file)

    assert outcome.code == 1
    assert f"config.{phase}[1]: is Lua" in outcome.stderr
    assert "os.execute" not in outcome.stdout
