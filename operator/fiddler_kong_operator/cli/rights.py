"""Whether this user may do what a command is about to do: asked before the first write, so that it does not stop half way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.rights import Right, is_allowed

__all__ = ["missing_rights"]


async def missing_rights(client: Client, rights: Iterable[Right]) -> list[Right]:
    """The rights that this user lacks, sorted. A right about which the API server does not answer counts as granted."""
    asked = sorted(set(rights))
    allowed = await asyncio.gather(*(_is_allowed(client, right) for right in asked))
    return [right for right, yes in zip(asked, allowed, strict=True) if not yes]


async def _is_allowed(client: Client, right: Right) -> bool:
    try:
        return await is_allowed(client, right)
    except FiddlerKongError:
        return True
