"""Whether this user may do what a command is about to do: asked before the first write, so that it does not stop half way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Kind

__all__ = ["Right", "missing_rights"]

_REVIEW: Final = Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews", namespaced=False, fenced=False)
"""A question to the API server: nothing is stored."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """A verb on a resource in a namespace; `resource` may name a subresource after a slash."""

    namespace: str
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        """`patch services in namespace ai`."""
        name, _, subresource = self.resource.partition("/")
        full = f"{name}.{self.group}" if self.group else name
        return f"{self.verb} {full}{f'/{subresource}' if subresource else ''} in namespace {self.namespace}"


async def missing_rights(client: Client, rights: Iterable[Right]) -> list[Right]:
    """Those that this user does not have, sorted. Where the API server does not say, the right counts as there."""
    asked = sorted(set(rights))
    allowed = await asyncio.gather(*(_is_allowed(client, right) for right in asked))
    return [right for right, yes in zip(asked, allowed, strict=True) if not yes]


async def _is_allowed(client: Client, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {"namespace": right.namespace, "verb": right.verb, "group": right.group, "resource": resource}
    spec = {"resourceAttributes": {**attributes, **({"subresource": subresource} if subresource else {})}}
    review = {"apiVersion": _REVIEW.api_version, "kind": _REVIEW.name, "metadata": {}, "spec": spec}
    try:
        answer = await client.create(_REVIEW, review)
    except FiddlerKongError:
        return True
    return bool((answer.get("status") or {}).get("allowed", True))
