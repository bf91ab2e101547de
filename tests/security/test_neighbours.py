"""One tenant's noise: a binding that never stops changing, and hundreds at once. The neighbour's is ready about as soon as without.

MANY_BINDINGS sets how many make a crowd (default 60).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.integration.arena import Arena

CROWD: Final = int(os.environ.get("MANY_BINDINGS", "60"))
MEBIBYTE: Final = 1024**2


def is_ready(arena: Arena, number: int) -> bool:
    """Whether that many bindings are Ready."""
    statuses = (b.get("status", {}).get("conditions", []) for b in arena.all_of("FiddlerKongBinding"))
    return sum(any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) for conditions in statuses) >= number


def put_crowd(arena: Arena, names: list[str]) -> None:
    """Create bindings, four at a time."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: arena.create(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/{name}"}, name)), names))


def seconds_for(arena: Arena, prefix: str) -> float:
    """How long twenty bindings take."""
    before = len(arena.all_of("FiddlerKongBinding"))
    started = time.monotonic()
    put_crowd(arena, [f"{prefix}{number}" for number in range(20)])
    arena.until(lambda: is_ready(arena, before + 20), f"twenty bindings {prefix}")
    return time.monotonic() - started


@contextmanager
def restless(arena: Arena) -> Iterator[None]:
    """A binding whose spec changes as fast as the API server lets it."""
    arena.put(arena.binding(name="restless"))
    over = threading.Event()

    def patch() -> None:
        number = 0
        while not over.is_set():
            number += 1
            arena.patch("FiddlerKongBinding", "restless", {"spec": {"payloads": ("Captured", "Disabled")[number % 2]}})

    thread = threading.Thread(target=patch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_binding_that_never_stops_changing_slows_others_down_little(arena: Arena, neighbour: Arena) -> None:
    alone = seconds_for(neighbour, "alone")

    with restless(arena):
        beside = seconds_for(neighbour, "beside")

    assert beside < 4 * alone + 3


def test_a_crowd_of_one_tenants_bindings_does_not_make_the_neighbour_wait(arena: Arena, neighbour: Arena) -> None:
    """Keys are served in turn by namespace: measured 9.9 s before that with a crowd of 200, 3.4 s since, on a busy machine."""
    names = [f"b{number}" for number in range(CROWD)]
    before = memory(arena)
    with ThreadPoolExecutor(1) as thread:
        crowd = thread.submit(put_crowd, arena, names)
        arena.until(lambda: len(arena.all_of("FiddlerKongBinding")) >= CROWD // 2, "half of the crowd", 300)
        neighbour.put(neighbour.binding())
        started = time.monotonic()
        neighbour.until_ready()
        waited = time.monotonic() - started
        crowd.result()
    arena.until(lambda: is_ready(arena, CROWD), "the crowd", 60 + CROWD)

    assert waited < 10
    assert memory(arena) - before < 20 * MEBIBYTE + CROWD * MEBIBYTE // 10


def memory(arena: Arena) -> int:
    """Bytes of main memory that the operator occupies."""
    process = arena.operator._process
    assert process is not None
    status = Path(f"/proc/{process.record.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024
