from __future__ import annotations

import pytest

from devcluster.gateway.admin import Push
from tests.generated.frozen import longest_freeze


def refused(*times: float) -> list[Push]:
    return [Push(at, refused=True) for at in times]


ACCEPTED = [Push(4.0, refused=False)]


@pytest.mark.parametrize(
    ("pushes", "expected"),
    [
        ([], 0.0),
        (ACCEPTED, 0.0),
        (refused(1.0), 0.0),
        ([*refused(1.0, 2.0, 3.5), *ACCEPTED], 2.5),
        ([*refused(1.0, 3.0), *ACCEPTED, *refused(5.0, 6.0)], 2.0),
        ([*refused(*range(50)), Push(50.0, refused=False)], 49.0),
        (refused(1.0, 2.0, 40.0, 41.5), 1.5),
    ],
    ids=["no push", "accepted", "refused once", "refused until accepted", "the longer one", "most of a minute", "nothing to push between"],
)
def test_a_freeze_lasts_from_the_first_refused_push_to_the_last_in_a_row(pushes: list[Push], expected: float) -> None:
    assert longest_freeze(pushes) == expected
