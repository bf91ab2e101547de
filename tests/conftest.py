"""Selection, order and distribution of tests, and the fixtures of the one control plane.

Tests marked `exhaustive` run only with FAULTS=all, as in `make test-faults`, or with `-m exhaustive`. Tests without a control plane run
first. Of those with one, the modules that need it without an operator run before those that share an operator. The one marked `longest`
is the head of a worker's share: were it begun late, two workers would wait for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.staging import cluster, namespace, stage  # noqa: F401 - fixtures, found by their names

_HERE: Final = Path(__file__).parent
_ORDER: Final = ("generated", "faults", "devcluster", "crd", "soak", "integration", "security")
"""The folders whose tests need a control plane, those that take longest first."""

_TOGETHER: Final = frozenset({"faults", "generated"})
"""Folders that one worker runs whole, because each worker would make their costly fixtures again."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in order, and deselect the exhaustive ones unless they were requested."""
    items.sort(key=_position)
    if os.environ.get("FAULTS") == "all" or "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)


class _ByFolder(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.split("/")[1]
        return folder if folder in _TOGETHER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """With `--dist=loadfile`, give a worker a whole file, or a whole folder."""
    return _ByFolder(config, log) if config.getoption("dist") == "loadfile" else None


def _position(item: pytest.Item) -> tuple[int, bool, bool]:
    folder = item.path.relative_to(_HERE).parts[0]
    rank = _ORDER.index(folder) if folder in _ORDER else -1
    return rank, "backstage" not in getattr(item, "fixturenames", ()), item.get_closest_marker("longest") is None
