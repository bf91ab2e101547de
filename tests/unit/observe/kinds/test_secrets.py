from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.secrets import reduce_secret
from tests.unit.observe.changes import NONE, changed
from tests.unit.observe.objects import ASSISTANT, FIDDLER, binding, secret


def test_values_are_decoded() -> None:
    assert reduce_secret(FIDDLER, secret(value=b"\xff\x00")) == {"api-key": b"\xff\x00"}


@pytest.mark.parametrize("data", [None, {}])
def test_a_secret_without_data_has_no_entries(data: object) -> None:
    assert reduce_secret(FIDDLER, {"data": data}) == {}


@pytest.mark.parametrize("value", ["not base64!", None, ""])
def test_a_value_that_cannot_be_decoded_counts_as_empty(value: str | None) -> None:
    assert reduce_secret(FIDDLER, {"data": {"api-key": value}}) == {"api-key": b""}


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        (None, secret(), {ASSISTANT}),
        (None, {**secret(), "data": {}}, {ASSISTANT}),
        (secret(), secret(version=2), NONE),
        (secret(), secret(version=2, value=b"new"), {ASSISTANT}),
        (None, secret("unrelated"), NONE),
        (None, secret(namespace="other"), NONE),
    ],
    ids=["appears", "appears empty", "same values", "other values", "not referred to", "elsewhere"],
)
def test_a_binding_is_requeued_by_its_secrets(before: Manifest | None, then: Manifest, expected: frozenset[ObjectKey]) -> None:
    assert changed(*(raw for raw in (binding(), before) if raw), then=then) == expected
