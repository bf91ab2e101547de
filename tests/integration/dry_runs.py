"""Asks the API server what it would refuse, by dry runs."""

from __future__ import annotations

from typing import Any, Final

from devcluster.errors import ApiError
from tests.integration.arena import Arena, Manifest

__all__ = ["NEXT_ATTEMPT", "probed_plugin", "until_accepted", "until_refused"]

NEXT_ATTEMPT: Final = 100.0
"""Seconds in which a refused write is surely tried again."""


def until_refused(arena: Arena, message: str, manifest: Manifest) -> None:
    """Wait until the API server refuses such an object, in a dry run."""
    arena.until(lambda: message in refusal(arena, manifest), f"the refusal: {message}")


def until_accepted(arena: Arena, manifest: Manifest) -> None:
    """Wait until the API server takes such an object, in a dry run: a deleted policy or an old definition still counts for a moment."""
    arena.until(lambda: not refusal(arena, manifest), "the end of the refusal")


def refusal(arena: Arena, manifest: Manifest) -> str:
    """The API server's words about such an object, in a dry run; "" where it takes it."""
    path = arena.path(manifest["kind"], manifest["metadata"]["name"])
    flags = "fieldManager=test&force=true&fieldValidation=Strict&dryRun=All"
    try:
        arena.stage.cluster.api.request("PATCH", f"{path}?{flags}", manifest, "application/apply-patch+yaml")
    except ApiError as error:
        return str(error)
    return ""


def probed_plugin(arena: Arena, **content: Any) -> Manifest:
    """A plugin that does not exist."""
    return arena.manifest("configuration.konghq.com/v1", "KongPlugin", "probed", plugin="cors", **content)
