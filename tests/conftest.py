"""Fixtures for every test.

`cluster`    one real control plane for the whole run (devcluster), with Kong's resource definitions and ours, without Kong's controller.
`namespace`  the name of a fresh namespace in it for one test, deleted afterwards without waiting.

Tests marked `exhaustive` run only with FAULTS=all, as in `make test-faults`, or with `-m exhaustive`.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from devcluster import Cluster
from tests.staging import start_visibly

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the exhaustive tests unless they were requested."""
    if os.environ.get("FAULTS") == "all" or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    with start_visibly(pytestconfig) as started:
        yield started


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")
