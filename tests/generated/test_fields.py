"""Every field of the API is generated and has an oracle; a new field without one fails here, not in production."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fiddler_kong_operator.api import BindingSpec
from tests.generated.fields import LEAVES, present
from tests.generated.models import VARIANTS
from tests.generated.oracles import ORACLES
from tests.generated.pool import STOCK
from tests.generated.valid import Spec

pytestmark = pytest.mark.usefixtures("stock")


@pytest.fixture(scope="module")
def given() -> dict[str, list[Any]]:
    """All values that are generated for each field. A spec draws its models from the variants, which are too many for a small stock."""
    values: dict[str, list[Any]] = {}
    for spec in ({"routes": [{"llm": variant} for variant in VARIANTS]}, *(STOCK[number] for number in range(len(STOCK)))):
        for path, value in present(spec):
            values.setdefault(path, []).append(value)
    return values


def test_every_field_has_an_oracle() -> None:
    assert sorted(ORACLES) == sorted(LEAVES)


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_every_field_is_generated(given: dict[str, list[Any]], path: str) -> None:
    assert given.get(path, []) != []


@pytest.mark.parametrize("path", sorted(path for path, node in LEAVES.items() if "enum" in node and path != "overrides[].plugin"))
def test_every_choice_is_generated(given: dict[str, list[Any]], path: str) -> None:
    assert set(given[path]) == set(LEAVES[path]["enum"])


def test_what_is_generated_is_valid() -> None:
    assert [error for number in range(len(STOCK)) if (error := invalid(STOCK[number]))] == []


def test_much_is_generated() -> None:
    assert len(STOCK) > 300


def invalid(spec: Spec) -> str | None:
    try:
        BindingSpec.model_validate(spec)
    except ValidationError as error:
        return str(error)
    return None
