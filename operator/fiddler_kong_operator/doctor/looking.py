"""Reads with the rights of the user who runs the doctor. A failed read is reported, and does not end the others."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Kind, Manifest

from .evidence import Look

T = TypeVar("T")

__all__ = ["find", "list_all", "look"]

_DENIED: Final = frozenset({401, 403})


async def look(reading: Awaitable[T]) -> Look[T]:
    """The result of a read, or why it failed; neither where the object does not exist."""
    try:
        return Look(await reading)
    except Gone:
        return Look()
    except Refused as error:
        return Look(missing=str(error), denied=error.status in _DENIED)
    except (Transient, Expired) as error:
        return Look(missing=str(error))


async def find(client: Client, kind: Kind, namespace: str, name: str) -> Look[Manifest]:
    """One object."""
    return await look(client.get(kind, namespace, name))


async def list_all(client: Client, kind: Kind, namespace: str | None) -> Look[tuple[Manifest, ...]]:
    """Every object of a kind, () where the cluster does not know the kind; or why the list failed, such as a missing permission."""

    async def pages() -> tuple[Manifest, ...]:
        return tuple([{**raw, "kind": kind.name} async for page in client.list_pages(kind, namespace) for raw in page.items])

    found = await look(pages())
    return Look(()) if found == Look() else found
