"""Asks the API server what it would refuse, by dry runs."""

from __future__ import annotations

from typing import Any, Final

from devcluster.errors import ApiError
from tests.integration.arena import Arena, Manifest

__all__ = ["NEXT_ATTEMPT", "probed_plugin", "until_refused"]

NEXT_ATTEMPT: Final = 100.0
"""Seconds in which a refused write is surely tried again."""


def until_refused(arena: Arena, message: str, manifest: Manifest) -> None:
    """Wait until the API server refuses such an object, in a dry run."""
    path = arena.path(manifest["kind"], manifest["metadata"]["name"])

    def refused() -> bool:
        flags = "fieldManager=test&force=true&fieldValidation=Strict&dryRun=All"
        try:
            arena.stage.cluster.api.request("PATCH", f"{path}?{flags}", manifest, "application/apply-patch+yaml")
        except ApiError as error:
            return message in str(error)
        return False

    arena.until(refused, f"the refusal: {message}")


def probed_plugin(arena: Arena, **content: Any) -> Manifest:
    """A plugin that does not exist."""
    return arena.manifest("configuration.konghq.com/v1", "KongPlugin", "probed", plugin="cors", **content)
