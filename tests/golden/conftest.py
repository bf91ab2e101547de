"""The one switch of the golden tests: `pytest tests/golden --update-golden` writes what is built now; review it with `git diff`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/*/expected.yaml")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    # The option is unknown to a run that did not start in this directory: such a run only compares.
    return bool(request.config.getoption("--update-golden", default=False))
