"""The result of the plan: manifests in the order they are applied, and the changes to foreign attachment lists."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.snapshot import Child

__all__ = ["Attachment", "BindingPlan", "Desired"]


@dataclass(frozen=True, slots=True)
class Desired:
    """One object to be applied: its key, whole manifest (apiVersion, kind, labels, ownerReference included) and content digest."""

    key: ObjectKey
    manifest: Manifest = field(repr=False)
    digest: bytes

    def differs(self, child: Child | None) -> bool:
        """Whether the object, None where it does not exist, must be written."""
        return child is None or not child.matches(self.digest)


@dataclass(frozen=True, slots=True)
class Attachment:
    """The wanted `konghq.com/plugins` list of a Service, Ingress or HTTPRoute.

    `plugins` is the whole list to be written, foreign names kept in their order; `resource_version` is the precondition.
    """

    target: ObjectKey
    uid: str
    resource_version: str
    plugins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BindingPlan:
    """All writes that one binding wants."""

    objects: tuple[Desired, ...] = ()
    """The objects it owns, in the order of creation (`kinds.OWNED`). A Service carries its plugin list itself."""
    attachments: tuple[Attachment, ...] = ()
    """Foreign objects whose list differs from the wanted one."""
    first: tuple[Attachment, ...] = ()
    """Lists, of foreign objects and of its own, without the names that do harm: written before everything else, even if that fails."""
    withdrawn: tuple[ObjectKey, ...] = ()
    """Objects of routes that must not serve, in the order of deletion: deleted together with the writes of `first`."""

    def part(self, keys: Collection[ObjectKey]) -> BindingPlan:
        """The writes to these objects."""
        objects = tuple(desired for desired in self.objects if desired.key in keys)
        return BindingPlan(objects, tuple(attachment for attachment in self.attachments if attachment.target in keys))
