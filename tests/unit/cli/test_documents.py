from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.cli.documents import Document, DocumentError, read_documents

KEY = "sk-canary-0123456789"


def only(text: str) -> Document:
    (document,) = read_documents(text)
    return document


def test_a_document_knows_its_kind_and_name() -> None:
    document = only("kind: Secret\nmetadata: {name: fiddler, namespace: ai}\n")

    assert (document.kind, document.name, document.metadata["namespace"]) == ("Secret", "fiddler", "ai")


@pytest.mark.parametrize("text", ["{}", "kind:\nmetadata:\n", "metadata: 3", "metadata: {name: }"])
def test_a_document_without_them_is_no_reason_to_stumble(text: str) -> None:
    document = only(text)

    assert (document.kind, document.name) == ("", "")


def test_documents_and_lists_within_lists_come_in_their_order_and_empty_ones_not_at_all() -> None:
    text = "---\n---\nkind: A\n---\nkind: List\nitems:\n- kind: B\n-\n- {kind: List, items: [{kind: C}]}\n---\nkind: D\n"

    assert [document.kind for document in read_documents(text)] == ["A", "B", "C", "D"]


def test_json_is_read_too() -> None:
    assert only('{"kind": "Secret", "data": {"a": "b"}}').manifest == {"kind": "Secret", "data": {"a": "b"}}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("NO", "NO"),
        ("y", "y"),
        ("2026-01-01", "2026-01-01"),
        ("0.7", 0.7),
        ("1e-06", 1e-06),
        ("-2E+3", -2000.0),
        ("1e", "1e"),
        ("1.2.3", "1.2.3"),
        ("12", 12),
        ("~", None),
        ("'true'", "true"),
    ],
)
def test_a_scalar_is_what_it_looks_like(written: str, read: object) -> None:
    assert only(f"value: {written}").manifest == {"value": read}


def test_words_that_kubectl_takes_for_booleans_are_told_with_their_lines() -> None:
    document = only('a: on\nb: "on"\nc:\n  - no\n  - nothing\n')

    assert document.legacy_booleans == ((1, "on"), (4, "no"))


def test_each_document_has_only_its_own_of_them() -> None:
    first, second = read_documents("a: on\n---\na: off\n")

    assert (first.legacy_booleans, second.legacy_booleans) == (((1, "on"),), ((3, "off"),))


def test_merged_mappings_are_read_as_kubectl_does() -> None:
    assert only("a: &x {one: 1, two: 2}\nb:\n  <<: *x\n  two: 3\n").manifest["b"] == {"one": 1, "two": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"key: {KEY}\nother: [1\n", "line 3, column 1: this is not YAML"),
        (f"key: {KEY}\nkey: {KEY}\n", "line 2: a field is given twice in the same object"),
        (f"a:\n  - key: {KEY}\n    key: x\n", "line 3: a field is given twice in the same object"),
        (f"? [{KEY}]\n: 1\n", "line 1: the name of a field must be text"),
        (f"- {KEY}\n", "each document must be a Kubernetes object"),
        (KEY, "each document must be a Kubernetes object"),
        (f"kind: List\nitems: [{KEY}]\n", "each document must be a Kubernetes object"),
        (f"a: !!binary {KEY}=\n", "this is not YAML"),
        ("a: !!binary aGk=\n", "a value cannot be written as JSON"),
        ("a: .nan\n", "a value cannot be written as JSON"),
        ("a: -.inf\n", "a value cannot be written as JSON"),
        ("a: &x\n  b: *x\n", "this is not YAML"),
        (f"a: !!python/object/apply:os.system [{KEY}]\n", "this is not YAML"),
        (f"a: {KEY}\x00\n", "a character that YAML does not allow"),
        ("[" * 3000, "nested too deeply"),
    ],
    ids=range(15),
)
def test_what_cannot_be_read_is_said_without_what_the_file_holds(text: str, says: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        read_documents(text)

    assert says in str(refusal.value)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_document_s_repr_does_not_show_its_content() -> None:
    assert "canary" not in repr(only(f"data: {KEY}"))


def test_what_is_read_is_plain_json() -> None:
    found: Any = only("a: {12: x, true: y, 1: z}").manifest

    assert found == {"a": {"12": "x", "true": "y", "1": "z"}}


def test_aliases_are_what_they_stand_for() -> None:
    assert only("a: &a [1]\nb: *a\nc: {<<: {d: *a}}\n").manifest == {"a": [1], "b": [1], "c": {"d": [1]}}


MANY = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a0: &a0 {{x: 1}}\n{MANY}", "the aliases of the file stand for too many values; write them out"),
        ("a: " + "[" * 5000, "the file is nested too deeply"),
        ("a: !!int x", "line 1: a value is not what its tag says, or a number is too long"),
        ("a: !!bool x", "line 1: a value is not what its tag says, or a number is too long"),
        (f"a: {'9' * 5000}", "line 1: a value is not what its tag says, or a number is too long"),
        ("a: !!timestamp 2026-99-99", "this is not YAML"),
        ('a: "\\ud800"', "a value cannot be written as JSON"),
    ],
    ids=["aliases", "brackets", "int", "bool", "digits", "timestamp", "half a character"],
)
def test_a_file_that_only_looks_small_or_right_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(DocumentError) as found:
        read_documents(text)

    assert words in str(found.value)
