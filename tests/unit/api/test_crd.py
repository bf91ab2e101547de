"""The generated definition, without an API server: it is structural, closed, bounded, and says the same as the Python types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fiddler_kong_operator import api
from fiddler_kong_operator.api import Attribute, AwsAuth, AzureAuth, Balancer, BindingSpec, Expose, Llm, LlmAuth, Route, Target
from fiddler_kong_operator.api.crd import COLUMNS, NAME_RULES, build_crd, build_schema
from fiddler_kong_operator.api.rules import Rule
from fiddler_kong_operator.api.status import BindingStatus
from fiddler_kong_operator.api.types import ApiModel
from tests.crd.cases import RULED
from tests.generated.fields import fits, form_of

Node = dict[str, Any]

CRD = build_crd()
ROOT: Node = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
FORBIDDEN = {
    "$ref", "$defs", "title", "const", "discriminator", "anyOf", "oneOf", "allOf", "not", "nullable", "additionalProperties",
    "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "definitions",
}  # fmt: skip
HOSTILE = ["$(os.exit())", "${KEY}", 'a"b', "a'b", "a\nb", "a\rb", "a\0b", "a`b", "a{b}", "a\\b"]
OPEN = {"spec.overrides[].patch[].value"}
"""Any JSON: it goes into a plugin's config as a value, after `plan.overrides` has looked at it."""

SPECIFIED_RULES: list[tuple[str, type[ApiModel]]] = [
    ("spec", BindingSpec),
    ("spec.routes[]", Route),
    ("spec.routes[].expose", Expose),
    ("spec.routes[].llm", Llm),
    ("spec.routes[].llm.auth", LlmAuth),
    ("spec.routes[].llm.auth.aws", AwsAuth),
    ("spec.routes[].llm.auth.azure", AzureAuth),
    ("spec.attributes[]", Attribute),
    ("spec.routes[].llm.targets[]", Target),
    ("spec.routes[].llm.targets[].auth", LlmAuth),
    ("spec.routes[].llm.targets[].auth.aws", AwsAuth),
    ("spec.routes[].llm.targets[].auth.azure", AzureAuth),
    ("spec.routes[].llm.balancer", Balancer),
]


def nodes(schema: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node below a schema, with its path."""
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, child
        yield from nodes(child, here)
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from nodes(schema["items"], f"{path}[]")


NODES = dict(nodes(ROOT))


def test_no_node_uses_what_a_structural_schema_must_not() -> None:
    assert {path: FORBIDDEN & node.keys() for path, node in NODES.items() if FORBIDDEN & node.keys()} == {}


def test_every_node_has_a_type_or_is_open_on_purpose() -> None:
    assert {path for path, node in NODES.items() if "type" not in node} == OPEN
    assert {path for path, node in NODES.items() if node.get("x-kubernetes-preserve-unknown-fields")} == OPEN


def test_every_object_says_what_is_in_it_and_requires_only_that() -> None:
    objects = {path: node for path, node in NODES.items() if node.get("type") == "object" and path != "metadata"}

    assert [path for path, node in objects.items() if not node.get("properties")] == []
    assert [path for path, node in objects.items() if not set(node.get("required", ())) <= node["properties"].keys()] == []


def test_what_has_a_default_is_not_required() -> None:
    clashes = [
        f"{path}.{name}" for path, node in NODES.items() for name in node.get("required", ()) if "default" in node["properties"][name]
    ]

    assert clashes == []


def test_the_default_of_an_object_is_empty_so_that_the_server_fills_in_what_is_inside() -> None:
    defaults = {path: node["default"] for path, node in NODES.items() if node.get("type") == "object" and "default" in node}

    assert defaults == {"spec.sessions": {}, "spec.tracing": {}, "status": {"observedGeneration": -1}}


def test_every_default_is_told_in_words_because_kubectl_explain_shows_no_other() -> None:
    defaults = {path: node for path, node in NODES.items() if node.get("type") != "object" and "default" in node}

    assert "The default is `Apply`." in defaults["spec.gateway.management"]["description"]
    assert [path for path, node in defaults.items() if "The default is `" not in node["description"]] == []


def test_every_number_is_bounded() -> None:
    numbers = {path: node for path, node in NODES.items() if node.get("type") in {"integer", "number"}}

    assert [path for path, node in numbers.items() if "minimum" not in node] == []
    assert [path for path, node in numbers.items() if path.startswith("spec") and "maximum" not in node] == []


def test_conditions_are_a_map_by_type() -> None:
    node = NODES["status.conditions"]

    assert (node["x-kubernetes-list-type"], node["x-kubernetes-list-map-keys"]) == ("map", ["type"])
    assert {"type", "status", "reason", "message", "lastTransitionTime"} <= set(node["items"]["required"])


@pytest.mark.parametrize("path", ["spec.routes", "spec.attributes"])
def test_a_list_of_named_things_is_a_map_by_name(path: str) -> None:
    node = NODES[path]

    assert (node["x-kubernetes-list-type"], node["x-kubernetes-list-map-keys"]) == ("map", ["name"])


def test_no_default_is_filled_into_a_list_that_is_applied_as_a_whole() -> None:
    """Argo CD's comparison of a server-side apply takes such a list as it is in Git: it would be out of sync for ever."""
    whole = [path for path, node in NODES.items() if node.get("type") == "array" and node.get("x-kubernetes-list-type") != "map"]

    assert "spec.routes[].llm.targets" in whole
    assert [path for path, node in NODES.items() if "default" in node and path.startswith(tuple(f"{above}[]" for above in whole))] == []


def test_no_text_is_refused_with_a_regular_expression() -> None:
    assert [path for path, node in NODES.items() if "pattern" in node] == []


def _closed(node: Node) -> bool:
    """Whether the field itself refuses every hostile text."""
    return "enum" in node or (form_of(node) is not None and not any(fits(text, node) for text in HOSTILE))


def test_nothing_a_user_writes_can_be_a_template_a_quote_or_a_line_break() -> None:
    strings = {path: node for path, node in NODES.items() if path.startswith("spec.") and node.get("type") == "string"}

    assert {path for path, node in strings.items() if not _closed(node)} == set()


@pytest.mark.parametrize(("path", "model"), SPECIFIED_RULES, ids=[path for path, _ in SPECIFIED_RULES])
def test_the_rules_of_a_type_stand_where_it_is_used(path: str, model: type[ApiModel]) -> None:
    node = ROOT["properties"]["spec"] if path == "spec" else NODES[path]

    assert node["x-kubernetes-validations"] == [rule.validation for rule in model.RULES]


def test_no_rule_is_lost_or_stands_anywhere_else() -> None:
    ruled = {path for path, node in NODES.items() if "x-kubernetes-validations" in node and node["type"] == "object"}
    with_rules = {
        model for name in api.__all__ if isinstance(model := getattr(api, name), type) and issubclass(model, ApiModel) and model.RULES
    }

    assert ruled == {path for path, _ in SPECIFIED_RULES}
    assert with_rules == {model for _, model in SPECIFIED_RULES}
    assert len(ROOT["x-kubernetes-validations"]) == len(NAME_RULES)


RULES: list[Rule] = [*NAME_RULES, *(rule for _, model in SPECIFIED_RULES for rule in model.RULES)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message[:30])
def test_a_rule_s_message_begins_with_must_and_has_one_line(rule: Rule) -> None:
    assert rule.message.startswith("must ")
    assert "\n" not in rule.message


def test_every_rule_has_a_case_that_both_forms_are_fed() -> None:
    messages = {rule["message"] for node in NODES.values() for rule in node.get("x-kubernetes-validations", ())}
    of_status = {rule["message"] for rule in NODES["status.conditions"]["items"]["properties"]["reason"]["x-kubernetes-validations"]}

    assert {message for message in messages if not any(message.startswith(case.says) for case in RULED)} == of_status


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message[:30])
def test_a_rule_speaks_only_of_fields_that_exist(rule: Rule) -> None:
    code = re.sub(r"r?'[^']*'", "", rule.cel)
    used = set(re.findall(r"\.([a-zA-Z]+)\b(?!\()", code))
    known = {name for _, node in [("", ROOT), *NODES.items()] for name in node.get("properties", {})} | {"name"}

    assert used
    assert used <= known


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("a", [True, True]),
        ("assistant-2", [True, True]),
        ("a" * 40, [True, True]),
        ("a" * 41, [False, True]),
        ("1a", [True, False]),
        ("a-", [True, False]),
        ("a.b", [True, False]),
        ("a\n", [True, False]),
    ],
)
def test_names_of_bindings_in_python(name: str, holds: list[bool]) -> None:
    assert holds == [rule.holds(name) for rule in NAME_RULES]


def test_every_column_shows_a_field_that_exists() -> None:
    paths = {column["jsonPath"].removeprefix(".") for column in COLUMNS}
    condition = re.compile(r'status\.conditions\[\?\(@\.type=="\w+"\)\]')
    fields = {condition.sub("status.conditions[]", path) for path in paths}

    assert fields - NODES.keys() == {"metadata.creationTimestamp"}


def test_the_status_of_a_binding_is_a_subresource_and_the_version_is_stored() -> None:
    (version,) = CRD["spec"]["versions"]

    assert (version["subresources"], version["served"], version["storage"]) == ({"status": {}}, True, True)
    assert CRD["metadata"]["name"] == f"{CRD['spec']['names']['plural']}.{CRD['spec']['group']}"


def test_building_is_repeatable_and_shares_nothing() -> None:
    first = build_schema(BindingStatus)
    first["properties"].clear()

    assert build_schema(BindingStatus)["properties"]
    assert build_crd() == CRD
