"""The interface of `client.Client` for the other layers, and its results."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, NamedTuple, Protocol

from fiddler_kong_operator import names

from .objects import Kind, Manifest

__all__ = ["PAGE", "ClusterClient", "Page", "WatchEvent"]

PAGE: Final = 200
"""Objects in one page of a list."""


class Page(NamedTuple):
    """One page of a list; `resource_version` is the collection's, the same on every page."""

    items: list[Manifest]
    resource_version: str


class WatchEvent(NamedTuple):
    """One event of a watch: ADDED, MODIFIED, DELETED, or BOOKMARK (whose object has only a resourceVersion)."""

    type: str
    object: Manifest


class ClusterClient(Protocol):
    """Reads and writes objects. A namespace of None means every namespace."""

    async def get(self, kind: Kind, namespace: str, name: str, /) -> Manifest:
        """Read one object; Gone where it does not exist."""

    def list_pages(self, kind: Kind, namespace: str | None, limit: int = PAGE) -> AsyncGenerator[Page, None]:
        """List the kind page by page; Expired where the list took too long, Gone where the kind is not installed."""

    def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        """Events after the version, until the server ends the watch; Expired where the version is too old."""

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        """Server-side apply under our field manager; Conflict where others own a field and `force` is not given."""

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, body: Manifest, *, strategic: bool = False, manager: str = names.FIELD_MANAGER
    ) -> Manifest:
        """Merge patch (RFC 7386, or strategic). A uid or resourceVersion in its metadata is a precondition: Stale if it does not hold."""

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str, resource_version: str | None = None) -> None:
        """Delete this very object; Stale where it is another one or another version, Gone where there is none."""

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        """Create an object; Stale where one of that name exists."""

    async def replace(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        """Replace an object at the manifest's resourceVersion; Stale where it changed."""
