"""Asks the API server whether this user may do something. The API server stores nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .client import Client
from .objects import Kind

__all__ = ["Right", "is_allowed"]

_REVIEW: Final = Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews", namespaced=False, fenced=False)


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """A verb on a resource in a namespace, "" for all of them; `resource` may name a subresource after a slash."""

    namespace: str
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        """`patch services in namespace ai`."""
        return f"{self.verb} {self.place}"

    @property
    def place(self) -> str:
        """`services in namespace ai`."""
        name, _, subresource = self.resource.partition("/")
        full = f"{name}.{self.group}" if self.group else name
        return f"{full}{f'/{subresource}' if subresource else ''}{f' in namespace {self.namespace}' if self.namespace else ''}"


async def is_allowed(client: Client, right: Right) -> bool:
    """Whether the API server allows it. Raises Transient and Refused where it does not tell."""
    resource, _, subresource = right.resource.partition("/")
    asked = {"namespace": right.namespace, "verb": right.verb, "group": right.group, "resource": resource, "subresource": subresource}
    review = {"apiVersion": _REVIEW.api_version, "kind": _REVIEW.name, "metadata": {}, "spec": {"resourceAttributes": asked}}
    answer = await client.create(_REVIEW, review)
    return bool((answer.get("status") or {}).get("allowed"))
