"""One tenant's noise does not delay another tenant's bindings: a binding that never stops changing, and hundreds at once.

The crowd has 1,000 bindings, or MANY_BINDINGS.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.integration.arena import Arena

pytestmark = pytest.mark.exhaustive

CROWD: Final = int(os.environ.get("MANY_BINDINGS", "1000"))
MEBIBYTE: Final = 1024**2


def is_ready(arena: Arena, number: int) -> bool:
    """Whether that many bindings are Ready."""
    statuses = (b.get("status", {}).get("conditions", []) for b in arena.all_of("FiddlerKongBinding"))
    return sum(any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) for conditions in statuses) >= number


def put_crowd(arena: Arena, names: list[str]) -> None:
    """Create bindings, eight at a time."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: arena.create(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/{name}"}, name)), names))


@contextmanager
def restless(arena: Arena) -> Iterator[list[int]]:
    """A binding whose spec changes as fast as the API server lets it; yields the generations of its spec so far."""
    arena.put(arena.binding(name="restless"))
    over, generations = threading.Event(), [0]

    def patch() -> None:
        while not over.is_set():
            body = {"spec": {"payloads": ("Captured", "Disabled")[len(generations) % 2]}}
            generations.append(arena.patch("FiddlerKongBinding", "restless", body)["metadata"]["generation"])

    thread = threading.Thread(target=patch)
    thread.start()
    try:
        yield generations
    finally:
        over.set()
        thread.join()


def test_a_binding_that_never_stops_changing_does_not_keep_others_from_being_served(arena: Arena, neighbour: Arena) -> None:
    with restless(arena) as generations:
        put_crowd(neighbour, [f"beside{number}" for number in range(20)])
        neighbour.until(lambda: is_ready(neighbour, 20), "twenty bindings beside the restless one")
        served_at = generations[-1]
        neighbour.until(lambda: generations[-1] > served_at, "a further change of the restless one")


def test_a_crowd_of_one_tenants_bindings_does_not_make_the_neighbour_wait(arena: Arena, neighbour: Arena) -> None:
    """The queue serves namespaces in turn: at most a quarter of the crowd is served while the neighbour waits. With one queue for all, it
    would be nearly half."""
    before, names = memory(arena), [f"b{number}" for number in range(CROWD)]
    put_crowd(arena, names[: CROWD // 2])
    with ThreadPoolExecutor(1) as thread:
        rest = thread.submit(put_crowd, arena, names[CROWD // 2 :])
        served_first = [served_before(arena, neighbour, payloads) for payloads in ("Captured", "Disabled")]
        rest.result()
    served_first += [served_before(arena, neighbour, payloads) for payloads in ("Captured", "Disabled")]
    arena.until(lambda: is_idle(arena), "the end of the work", 60 + CROWD)
    arena.until(lambda: is_ready(arena, CROWD), "the crowd, as Kong's controller confirms it", 60 + CROWD)

    assert max(served_first) <= CROWD // 4
    assert memory(arena) - before < 20 * MEBIBYTE + CROWD * MEBIBYTE // 10


def served_before(crowd: Arena, neighbour: Arena, payloads: str) -> int:
    """Change the neighbour's binding and wait for its status; how many of the crowd's bindings got one meanwhile.

    Not for Ready: Kong's controller confirms a new route when it has pushed the crowd's as well.
    """
    mark = crowd.mark()
    neighbour.put(neighbour.binding({"payloads": payloads}))
    neighbour.until(lambda: is_told(neighbour), "a status of the neighbour's binding", 120)
    statuses = [write for write in crowd.writes(mark) if write.subresource == "status"]
    return len({write.name for write in statuses if write.namespace == crowd.namespace})


def is_told(arena: Arena) -> bool:
    """Whether the binding's status is about its newest spec."""
    (binding,) = arena.all_of("FiddlerKongBinding")
    return bool(binding.get("status", {}).get("observedGeneration") == binding["metadata"]["generation"])


def is_idle(arena: Arena) -> bool:
    """Whether nothing waits in the operator. Listing all conditions repeatedly would itself be a load."""
    figures = arena.operator.figures()
    return bool(figures) and not any(figure for name, figure in figures.items() if name.startswith("waiting_"))


def memory(arena: Arena) -> int:
    """Resident memory of the operator in bytes."""
    status = Path(f"/proc/{arena.operator.process.record.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024
