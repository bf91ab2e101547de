"""A binding, its objects, the Secrets and the gateway are restored from a dump with new uids, as Velero restores them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

import pytest

from devcluster.errors import ApiError
from fiddler_kong_operator import names
from fiddler_kong_operator.plan.kinds import BINDING, KINDS, OWNED
from tests.integration.arena import SETTINGS, Arena, Manifest
from tests.integration.targets import attached_binding, foreign_plugin, service
from tests.integration.workload import Gateway

DUMPED: Final = (BINDING.name, "Deployment", *(kind.name for kind in OWNED))
_KEPT: Final = ("name", "namespace", "labels", "annotations", "finalizers")


def dump(arena: Arena) -> list[Manifest]:
    """Everything in the namespace, sorted by kind: bindings first."""
    return [raw for kind in DUMPED for raw in arena.all_of(kind)]


def destroy(arena: Arena, objects: Iterable[Manifest]) -> None:
    """Delete all of it at once, as a lost cluster: nothing is detached before."""
    for raw in objects:
        if raw["kind"] == BINDING.name:
            arena.patch(raw["kind"], raw["metadata"]["name"], {"metadata": {"finalizers": None}})
        with contextlib.suppress(ApiError):
            arena.stage.cluster.api.request("DELETE", arena.path(raw["kind"], raw["metadata"]["name"]))
    arena.until(lambda: dump(arena) == [], "the end of everything")


def restore(arena: Arena, objects: Iterable[Manifest]) -> None:
    """Create each that does not exist, without owners and status, then give it back its managedFields."""
    for raw in objects:
        metadata = {name: raw["metadata"][name] for name in _KEPT if name in raw["metadata"]}
        rest = {name: content for name, content in raw.items() if name not in {"metadata", "status"}}
        manifest = {**rest, "apiVersion": KINDS[raw["kind"]].api_version, "metadata": metadata}
        with contextlib.suppress(ApiError):  # the operator was faster: what exists is left alone
            arena.stage.cluster.api.request("POST", arena.path(raw["kind"]), manifest)
            fields = [entry for entry in raw["metadata"]["managedFields"] if not entry.get("subresource")]
            arena.patch(raw["kind"], metadata["name"], {"metadata": {"managedFields": fields}})


def shape(arena: Arena) -> dict[str, object]:
    """The objects by name, each with its owners and its plugin list."""
    return {
        f"{raw['kind']} {raw['metadata']['name']}": (
            [(owner["kind"], owner["name"]) for owner in raw["metadata"].get("ownerReferences") or ()],
            sorted(((raw["metadata"].get("annotations") or {}).get(names.KONG_PLUGINS_ANNOTATION) or "").split(",")),
        )
        for raw in dump(arena)
    }


@pytest.mark.parametrize(
    "bindings_first",
    [pytest.param(True, id="bindings first"), pytest.param(False, id="bindings last", marks=pytest.mark.exhaustive)],
)
def test_a_restored_dump_ends_ready_with_no_orphan_and_no_double(arena: Arena, *, bindings_first: bool) -> None:
    arena.put(foreign_plugin(arena, "mine"), service(arena, plugins="mine"))
    arena.put(arena.binding(), attached_binding(arena, name="on-service"))
    for name in ("assistant", "on-service"):
        arena.until_ready(name)
    arena.until_quiet(1.0)
    saved, before = dump(arena), shape(arena)
    destroy(arena, saved)

    restore(arena, saved if bindings_first else reversed(saved))

    for name in ("assistant", "on-service"):
        arena.until_ready(name)
    arena.until(lambda: shape(arena) == before, "the same objects with the same owners")
    alive = {raw["metadata"]["uid"] for raw in arena.all_of(BINDING.name)}
    assert alive.isdisjoint(raw["metadata"]["uid"] for raw in saved)
    owners = [owner["uid"] for raw in dump(arena) for owner in raw["metadata"].get("ownerReferences") or ()]
    assert set(owners) == alive
    assert arena.settings() == SETTINGS
    for name in ("assistant", "on-service"):
        arena.delete(BINDING.name, name)
    arena.until(lambda: arena.settings() == {} and Gateway(arena).traces_of_us == [], "the end of the settings")
    arena.until(lambda: {(raw["kind"], raw["metadata"]["name"]) for raw in dump(arena)} <= arena.made, "the end of the children")
