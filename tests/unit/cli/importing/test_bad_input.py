"""Whatever the file is, the command ends in sentences: no traceback, no key, no binding that would be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiddler_kong_operator.cli.documents import Document
from fiddler_kong_operator.cli.importing import Choices, Given, import_kong
from fiddler_kong_operator.cli.strict import parse_binding
from tests.unit.cli.importing.command import run_import
from tests.unit.cli.importing.kong_files import FIDDLER_KEY, PROVIDER_KEY, page
from tests.unit.cli.importing.shapes import SHAPES

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

FILES: list[tuple[str, str | bytes, str]] = [
    ("nothing", "", "must hold one declarative Kong file, and holds no documents."),
    ("several documents", "_format_version: '3.0'\n---\n_format_version: '3.0'\n", "and holds 2 documents."),
    ("a binding", yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "plugins": []}), "is no declarative Kong file"),
    ("another object", "services: {web: {image: nginx}}", "is no declarative Kong file"),
    ("a list", "- a\n- b\n", "each document must be a Kubernetes object"),
    ("text", "hello", "each document must be a Kubernetes object"),
    ("no YAML", "a: [", "this is not YAML"),
    ("no UTF-8", b"\xff\xfe\x00", "is not UTF-8 text."),
    ("a bomb of aliases", BOMB, "the aliases of the file stand for too many values"),
    ("too many brackets", "a: " + "[" * 5000, "the file is nested too deeply"),
    ("a value within itself", "_format_version: &a [*a]", "this is not YAML"),
    ("half a character", '{"_format_version": "\\ud800"}', "a value cannot be written as JSON"),
    ("a tag that is not true", "_format_version: !!int x", "a value is not what its tag says"),
    ("an endless number", f"_format_version: {'9' * 5000}", "a number is too long"),
]


@pytest.mark.parametrize(("text", "sentence"), [(text, sentence) for _, text, sentence in FILES], ids=[name for name, _, _ in FILES])
def test_a_file_that_is_no_kong_file_is_refused_in_a_sentence(text: str | bytes, sentence: str) -> None:
    outcome = run_import(text)

    assert (outcome.code, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr


@pytest.mark.parametrize("file", [{"_format_version": "3.0"}, {"services": []}, {"_format_version": "3.0", "plugins": None}])
def test_a_file_with_nothing_to_import_is_said(file: dict[str, Any]) -> None:
    outcome = run_import(file)

    assert (outcome.code, outcome.stdout) == (1, "")
    assert "Nothing to import" in outcome.stderr


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from([FIDDLER_KEY, f"Bearer {PROVIDER_KEY}", "${X}", "{vault://env/x}", "/", "~", "a/b", "", "Bearer ", "\x00", "-"]),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers(), st.dictionaries(st.text(max_size=3), st.none())), max_size=3),
    st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.text(max_size=8), st.lists(st.integers(), max_size=2)), max_size=3),
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every place of a file, as its container and its name or number there."""
    items = list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ())
    return [place for name, item in items for place in ((node, name), *places(item))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The file of a shape, some of whose values are others, gone, or under another name."""
    file: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from([page(), *(shape.file for shape in SHAPES)]))))
    for _ in range(draw(st.integers(1, 4))):
        if not file:
            break
        container, name = draw(st.sampled_from(places(file)))
        change = draw(st.sampled_from(["replace", "remove", "rename"]))
        if change == "replace":
            container[name] = draw(ODD)
        elif change == "rename" and isinstance(container, dict):
            container[draw(st.one_of(st.text(max_size=12), st.sampled_from(["config", "service", PROVIDER_KEY, "name"])))] = container.pop(
                name
            )
        else:
            del container[name]
    return file


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_no_change_of_a_file_brings_a_traceback_a_key_or_a_binding_that_would_be_refused(file: dict[str, Any]) -> None:
    choices = Choices("ai", {"name": "kong"}, "kong", Given("https://acme.fiddler.ai", None))

    imported = import_kong(file, choices)

    shown = json.dumps(imported.bindings, ensure_ascii=False) + "".join(map(str, imported.remarks)) + repr(imported)
    assert FIDDLER_KEY not in shown
    assert PROVIDER_KEY not in shown
    for binding in imported.bindings:
        parse_binding(Document(binding), "ai")


@pytest.mark.parametrize("number", range(20))
def test_the_command_takes_any_of_them(number: int) -> None:
    file = page()
    container, name = places(file)[number * 2]
    container[name] = [{"a": number}]

    assert run_import(file).code in (0, 1, 2)
