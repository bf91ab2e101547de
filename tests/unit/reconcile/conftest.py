"""Every test of this folder runs on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.virtual_time import VirtualLoop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> dict[str, Callable[[], VirtualLoop]]:
    """Time passes at once where a test would wait."""
    del config, item
    return {"virtual": VirtualLoop}
