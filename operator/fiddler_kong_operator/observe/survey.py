"""One look at a cluster: every watched kind is listed once, for commands that decide as the operator does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from fiddler_kong_operator.errors import Expired, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.informer import relist
from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT, EndpointPolicy
from fiddler_kong_operator.plan.kinds import BINDING

from .cache import Cache
from .feed import Feed
from .kinds import INFORMED
from .reader import Reader

__all__ = ["Survey"]


@dataclass(frozen=True, slots=True)
class Survey:
    """The knowledge of an operator, as far as this user may read it. The cache knows which kinds are not installed or not readable."""

    client: Client
    feed: Feed
    reader: Reader
    fallback: tuple[str, ...] = ()
    unread: list[str] = field(default_factory=list)
    """A sentence for each kind, and namespace, that this user may not list, or that the API server fails to list."""
    partial: set[str] = field(default_factory=set)
    """The kinds that this user may list only in the `fallback` namespaces, by name."""

    @classmethod
    async def take(
        cls, client: Client, fallback: Sequence[str] = (), endpoints: EndpointPolicy = STRICT, on_bug: Callable[[str], None] = print
    ) -> Self:
        """List everything; where this user may not list a kind everywhere, in the `fallback` namespaces.

        Raises Transient and Expired where the API server does not list the bindings; `on_bug` is called with the kind of an unforeseen
        object.
        """
        feed = Feed(Cache(client.clock), lambda *_: None, on_bug)
        survey = cls(client, feed, Reader(feed, client, endpoints=endpoints, clock=client.clock), tuple(fallback))
        await survey.list(BINDING)  # first: what they name is kept
        await asyncio.gather(*(survey.list(row.kind) for row in INFORMED))
        return survey

    @property
    def cache(self) -> Cache:
        """Everything that was listed."""
        return self.feed.cache

    async def list(self, kind: Kind) -> None:
        """List a kind, again perhaps. One that is not installed, or not readable, is noted as the operator does."""
        scopes: tuple[str | None, ...] = (None,)
        problems = [await self._list(kind, None)]
        if problems[0] and kind.namespaced and self.fallback:
            self.partial.add(kind.name)
            scopes = self.fallback
            problems = [await self._list(kind, scope) for scope in scopes]
        for scope, text in zip(scopes, problems, strict=True):
            if text:
                self.feed.forbidden(kind, scope, text)
            if text and text not in self.unread:
                self.unread.append(text)

    async def _list(self, kind: Kind, scope: str | None) -> str | None:
        """List it in one namespace or everywhere; returns why that is not possible: one kind's failing webhook hides no other kind."""
        try:
            await relist(self.client, kind, scope, self.feed)
        except Gone:
            self.feed.installed(kind, installed=False)
        except (Refused, Transient, Expired) as error:
            if kind == BINDING and not isinstance(error, Refused):
                raise
            return f"{kind.name}{f' in {scope}' if scope else ''} cannot be listed: {error}"
        return None
