"""/healthz: finds watches and workers that are stuck, and answers before kopf does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import web

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.page import PageServer

__all__ = ["SILENCE", "STUCK", "StartingServer", "find_stuck"]

SILENCE: Final = 660.0
"""Seconds without any sign of a watch (an event, a bookmark, a list) after which it counts as stuck: more than twice its longest life."""

STUCK: Final = 300.0
"""Seconds one reconciliation may take before the worker counts as stuck; every request inside has a far shorter limit."""


def find_stuck(watches: Iterable[tuple[str, float]], working_since: Mapping[ObjectKey, float], now: float) -> list[str]:
    """One sentence for each watch (name, last activity) or reconciliation (start) that is stuck at `now`; times of one clock."""
    silent = [f"the watch of {name} has been silent for {now - seen:.0f} s" for name, seen in watches if now - seen > SILENCE]
    return silent + [f"{key} has been in work for {now - since:.0f} s" for key, since in working_since.items() if now - since > STUCK]


class StartingServer(PageServer):
    """Answers /healthz while the operator waits for the bindings' definition or the API server: no reason for the kubelet to restart it."""

    def __init__(self, host: str, port: int) -> None:
        """Port 0 switches it off."""
        super().__init__("/healthz", _starting, host, port, "--health-port")


async def _starting() -> web.Response:
    return web.json_response({"operator": {"starting": "the bindings cannot be listed yet"}})
