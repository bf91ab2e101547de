from __future__ import annotations

import pytest

from fiddler_kong_operator import errors
from fiddler_kong_operator.errors import Conflict, FiddlerKongError, FieldConflict, Refused, Stalled, Transient

CLASSES = [getattr(errors, name) for name in errors.__all__ if name not in {"Denial", "FieldConflict"}]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_ours_and_is_drawn_in_the_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, FiddlerKongError)
    assert kind.__name__ in str(errors.__doc__)


def test_no_error_is_caught_in_place_of_another() -> None:
    branches = [kind for kind in CLASSES if kind is not FiddlerKongError]

    assert {kind.__mro__[1] for kind in branches} == {FiddlerKongError}


def test_errors_say_what_they_were_told_and_carry_what_decides_about_the_retry() -> None:
    conflict = Conflict("409", (FieldConflict("helm", ".spec.replicas"),))

    assert [str(error) for error in (Stalled("NameTaken", "taken"), conflict)] == ["taken", "409"]
    assert Stalled("NameTaken", "").reason == "NameTaken"
    assert (Transient("").retry_after, Transient("", 7.0).retry_after, Refused("", 403).status) == (None, 7.0, 403)
    assert [(found.manager, found.field) for found in conflict.conflicts] == [("helm", ".spec.replicas")]
