from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import seconds_of


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T00:00:02.500000Z", 1767225602.5),
        ("2026-01-01T01:00:00+01:00", 1767225600.0),
        (None, 0.0),
        ("", 0.0),
        ("yesterday", 0.0),
        ("0000-01-01T00:00:00Z", 0.0),
        ("0000-12-31T23:59:59.999999Z", 0.0),
        ("0001-01-01T00:00:00Z", -62135596800.0),
    ],
)
def test_a_time_is_seconds_since_the_epoch_or_0(moment: str | None, expected: float) -> None:
    assert seconds_of(moment) == expected
