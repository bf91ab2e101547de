"""Attachment lists (`konghq.com/plugins`) of Services, Ingresses and HTTPRoutes of other owners.

A list is handled as a set: the same plugin twice makes Kong refuse the whole configuration, and every later change with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import HTTP_ROUTE, KONG_PLUGIN
from fiddler_kong_operator.plan.references import children_of
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot

from .desired import Attachment

__all__ = ["build_attachments", "effective_names", "is_ours", "is_own_child", "is_verified", "merge_list", "own_names", "without"]


def build_attachments(snapshot: Snapshot, wanted: Mapping[ObjectKey, Sequence[str]]) -> tuple[Attachment, ...]:
    """The writes after which the list of each foreign target has the plugins that `wanted` has for it, and no others of ours."""
    return tuple(
        attachment
        for key, target in sorted(snapshot.targets.items())
        if not is_own_child(snapshot, key) and (attachment := _attachment(snapshot, target, wanted.get(key, ())))
    )


def without(snapshot: Snapshot, target: Attachable, names: frozenset[str]) -> Attachment | None:
    """The write that takes this binding's plugins of these names off a list; None where none of them is on it."""
    plugins = tuple(n for n in target.plugins if not (n.rpartition(":")[2] in names and is_ours(snapshot, n)))
    return None if plugins == target.plugins else Attachment(target.key, target.uid, target.resource_version, plugins)


def merge_list(present: Sequence[str], wanted: Sequence[str], ours: frozenset[str]) -> tuple[str, ...]:
    """The list to write: foreign names keep their form and place; each of ours appears once if wanted, else not at all."""
    kept: list[str] = []
    for name in present:
        if name not in ours or (name in wanted and name not in kept):
            kept.append(name)
    return (*kept, *(name for name in wanted if name not in kept))


def _attachment(snapshot: Snapshot, target: Attachable, wanted: Sequence[str]) -> Attachment | None:
    ours = frozenset(name for name in (*target.plugins, *wanted) if name in wanted or is_ours(snapshot, name))
    plugins = merge_list(target.plugins, wanted, ours)
    if plugins == target.plugins:
        return None
    return Attachment(target.key, target.uid, target.resource_version, plugins)


def is_verified(snapshot: Snapshot, target: ObjectKey) -> bool:
    """Whether the target is an HTTPRoute to which people add our plugins, because the binding says `Verify`."""
    spec = snapshot.binding.spec
    return spec is not None and spec.gateway.management == "Verify" and target.kind == HTTP_ROUTE.name


def own_names(snapshot: Snapshot, target: Attachable) -> frozenset[str]:
    """The names of this binding's plugins on a list, without namespace."""
    return frozenset(name.rpartition(":")[2] for name in target.plugins if is_ours(snapshot, name))


def effective_names(snapshot: Snapshot, written: Iterable[str]) -> frozenset[str]:
    """The names of this binding's plugins among these, without namespace. Names that Kong leaves out for lack of a grant do not count."""
    return frozenset(n.rpartition(":")[2] for n in written if is_ours(snapshot, n) and snapshot.plugin_types.get(n) != "")


def is_own_child(snapshot: Snapshot, key: ObjectKey) -> bool:
    """Whether the binding made the object, or an earlier one of its name did."""
    child = snapshot.children.get(key)
    return child is not None and (child.belongs_to(snapshot.binding) or child.is_left_over(snapshot.binding))


def is_ours(snapshot: Snapshot, written: str) -> bool:
    """Whether a name in a list, plain or `namespace:name`, means a plugin of this binding: by its owner or, if it is gone, its name."""
    binding = snapshot.binding
    namespace, _, name = written.rpartition(":")
    if namespace not in ("", binding.namespace):
        return False
    key = ObjectKey(KONG_PLUGIN.name, binding.namespace, name)
    child = snapshot.children.get(key)
    if child is not None:
        return child.belongs_to(binding)
    owner = snapshot.plugin_owners.get(name)
    if owner is not None:
        return owner == binding.uid
    return written not in snapshot.plugin_types and key in children_of(binding)
