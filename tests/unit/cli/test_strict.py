from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.cli.documents import Document
from fiddler_kong_operator.cli.strict import UNKNOWN_UID, InvalidBindingError, parse_binding
from fiddler_kong_operator.kube.objects import ObjectKey
from tests.crd.bindings import EXPOSED, ROUTE, binding

KEY = "sk-canary-0123456789"


def document(changes: dict[str, Any] | None = None, **top: Any) -> Document:
    """A binding's document; None removes a top-level field."""
    manifest = {**binding(changes or {}), **top}
    return Document({name: value for name, value in manifest.items() if value is not None})


def problems(found: Document) -> list[str]:
    with pytest.raises(InvalidBindingError) as refusal:
        parse_binding(found, "default")
    return refusal.value.problems


def test_a_valid_document_becomes_a_fresh_binding() -> None:
    found = parse_binding(document(), "elsewhere")

    assert found.key == ObjectKey("FiddlerKongBinding", "default", "sample")
    assert (found.uid, found.generation, found.status, found.deleting) == (UNKNOWN_UID, 1, {}, False)
    assert found.spec is not None
    assert found.spec.fiddler.url == "https://acme.fiddler.ai"


def test_the_namespace_is_the_given_one_where_the_document_names_none() -> None:
    assert parse_binding(document(metadata={"name": "sample"}), "elsewhere").namespace == "elsewhere"


@pytest.mark.parametrize("path", ["payloads", "sessions", "sessions.headers", "gateway.container", "routes.0.llm"])
def test_null_means_left_out_as_to_the_api_server(path: str) -> None:
    found = document()
    *parents, leaf = path.split(".")
    node: Any = found.manifest["spec"]
    for step in parents:
        node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
    node[leaf] = None

    assert parse_binding(found, "default").spec == parse_binding(document(), "default").spec


def test_null_is_not_enough_where_a_value_must_be_given() -> None:
    assert problems(document({"fiddler": {"url": None, "applicationId": None}})) != []


def test_a_field_that_is_unknown_is_refused_even_where_it_is_null() -> None:
    found = document()
    found.manifest["spec"]["payload"] = None

    assert problems(found) == ["spec.payload is not a field; did you mean payloads?"]


def test_null_inside_a_patch_s_value_stays_and_is_refused_by_the_rules_of_overrides() -> None:
    patch = {"op": "add", "path": "/queue", "value": {"max_batch_size": None}}
    spec = parse_binding(document({"overrides": [{"plugin": "opentelemetry", "patch": [patch]}]}), "default").spec

    assert spec is not None
    assert spec.overrides[0].patch[0].value == {"max_batch_size": None}


def test_a_status_in_the_file_is_no_fault_and_not_believed() -> None:
    assert parse_binding(document(status={"conditions": []}), "default").status == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"gateway.managment": "Verify"}, "spec.gateway.managment is not a field; did you mean management?"),
        ({"fiddler.application_id": "x"}, "spec.fiddler.application_id is not a field; did you mean applicationId?"),
        ({"routes.0.attachto": {}}, "spec.routes[0].attachto is not a field; did you mean attachTo?"),
        ({"sessions.zzz": 1}, "spec.sessions.zzz is not a field; known are mode, headers"),
        ({"suspended": True}, "spec.suspended is not a field; did you mean suspend?"),
        (
            {"fiddler.apiKeySecretRef.namespace": "ai"},
            "spec.fiddler.apiKeySecretRef.namespace is not a field; leave it out: the object must be in the namespace of the binding",
        ),
        ({"gateway.namespace": "kong"}, "spec.gateway.namespace is not a field; known are "),
    ],
)
def test_a_typo_is_refused_with_what_was_probably_meant(changes: dict[str, Any], expected: str) -> None:
    assert [problem[: len(expected)] for problem in problems(document(changes))] == [expected]


def test_unknown_fields_are_found_at_any_depth_with_their_place() -> None:
    llm = EXPOSED["llm"] | {"options": {"max_tokens": 5}}

    assert problems(document({"routes": [ROUTE, EXPOSED | {"llm": llm}]})) == [
        "spec.routes[1].llm.options.max_tokens is not a field; did you mean maxTokens?"
    ]


def test_the_names_inside_of_a_patch_s_value_are_free() -> None:
    patch = {"op": "add", "path": "/queue", "value": {"anything": {"goes": 1}}}

    assert parse_binding(document({"overrides": [{"plugin": "opentelemetry", "patch": [patch]}]}), "default").spec


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ({"apiVersion": "integrations.fiddler.ai/v1"}, "apiVersion must be integrations.fiddler.ai/v1alpha1"),
        ({"metadata": {"namespace": "ai"}}, "metadata.name must be given"),
        ({"metadata": None}, "metadata.name must be given"),
        (
            {"metadata": {"name": "a" * 41}},
            "metadata.name must have at most 40 characters: the names of Services and plugins are made from it",
        ),
        (
            {"metadata": {"name": "team.assistant"}},
            "metadata.name must be lower-case letters, digits and '-', and begin with a letter: Services are named after it",
        ),
        ({"specs": {}}, "specs is not a field; did you mean spec?"),
        ({"spec": None}, "spec must be an object"),
        ({"spec": [KEY]}, "spec must be an object"),
    ],
)
def test_what_is_wrong_around_the_spec(top: dict[str, Any], expected: str) -> None:
    assert problems(document(**top)) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fiddler.url": None}, "spec.fiddler.url: must be given"),
        ({"gateway.management": "Look"}, "spec.gateway.management: must be 'Apply' or 'Verify'"),
        ({"suspend": "yes"}, "spec.suspend: must be true or false, without quotes"),
        ({"gateway.kongVersion": 3.13}, "spec.gateway.kongVersion: must be text: put a number, true or false in quotes"),
        ({"gateway.untrustedLua": True}, "spec.gateway.untrustedLua: must be 'on', 'sandbox', 'strict', 'lax' or 'Unmanaged'"),
        ({"routes.0.name": "Chat"}, "spec.routes[0].name: must be lower-case letters, digits and '-'"),
        ({"fiddler.applicationId": "x"}, "spec.fiddler.applicationId: must be the UUID in the application's settings, such as "),
    ],
)
def test_a_wrong_value_is_refused_in_the_words_of_the_api(changes: dict[str, Any], expected: str) -> None:
    assert problems(document(changes))[0].startswith(expected)


def test_numbers_in_quotes_are_refused_as_the_api_server_does() -> None:
    llm = EXPOSED["llm"] | {"options": {"maxTokens": "512"}}

    assert problems(document({"routes": [EXPOSED | {"llm": llm}]})) == [
        "spec.routes[0].llm.options.maxTokens: must be a whole number, without quotes"
    ]


def test_a_list_without_items_is_too_short() -> None:
    assert problems(document({"routes": []})) == ["spec.routes: must have at least 1 item"]


def test_every_fault_is_told_at_once() -> None:
    found = problems(document({"fiddler.url": None, "gateway.managment": "Verify", "suspend": 1}, apiVersion="v1"))

    assert [text.partition(" ")[0] for text in found] == ["apiVersion", "spec.gateway.managment", "spec.fiddler.url:", "spec.suspend:"]


@pytest.mark.parametrize(
    "changes",
    [
        {"fiddler.url": KEY},
        {"fiddler.applicationId": KEY},
        {"fiddler.apiKeySecretRef": KEY},
        {"fiddler.apiKeySecretRef.key": f"{KEY} "},
        {"gateway.management": KEY},
        {"routes": KEY},
    ],
    ids=str,
)
def test_no_problem_repeats_a_value(changes: dict[str, Any]) -> None:
    assert [text for text in problems(document(changes)) if "canary" in text] == []
