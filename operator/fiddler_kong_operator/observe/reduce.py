"""From raw objects to the values of `plan.snapshot`: pure, and the place where whole objects are dropped.

Raw objects may come from a list (built-in kinds then carry no apiVersion and kind), a watch, or an answer to a write.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final

from pydantic import ValidationError

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.violations import violations
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import KONG_PLUGIN
from fiddler_kong_operator.plan.objects.attachable_kinds import read_attachable
from fiddler_kong_operator.plan.objects.digest import content_digest, content_shape
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning

from .interning import share, share_spec, share_status

__all__ = [
    "PluginFacts",
    "SecretValues",
    "reduce_annotations",
    "reduce_attachable",
    "reduce_binding",
    "reduce_child",
    "reduce_plugin",
    "reduce_secret",
    "reduce_warning",
    "seconds_of",
]

SecretValues = Mapping[str, bytes]
"""The decoded `data` of a Secret."""

WARNING_LIMIT: Final = 2048
"""Characters of a warning that are kept: Kong's own have at most 1024, but anybody may post events, of any length."""

_RECENT: Final = 256
"""Times that are looked for to be held once: what many have in common was seen lately."""

_FEW: Final = 32
"""The same for facts about plugins; few, since strangers choose how long these are."""

_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """A KongPlugin or KongClusterPlugin, ours or not: its `plugin` type, and for a cluster plugin its class and whether it is global."""

    type: str
    ingress_class: str | None = None
    is_global: bool = False


def reduce_binding(key: ObjectKey, raw: Manifest, known: Binding | None = None) -> Binding:
    """The binding; the spec of `known` is taken over where uid and generation are the same, which saves parsing it again."""
    metadata = raw["metadata"]
    uid, generation = metadata.get("uid", ""), metadata.get("generation", 0)
    if known and (known.uid, known.generation) == (uid, generation):
        spec, invalid = known.spec, known.invalid
    else:
        spec, invalid = parse_spec(raw.get("spec"))
    return Binding(
        key=key,
        uid=uid,
        generation=generation,
        created=metadata.get("creationTimestamp", ""),
        resource_version=metadata.get("resourceVersion", ""),
        spec=spec,
        invalid=invalid,
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        status=share_status(raw.get("status") or {}),
    )


def reduce_annotations(raw: Manifest) -> int:
    """Stands for a binding's annotations, without kubectl's copy of the object."""
    annotations = raw["metadata"].get("annotations") or {}
    return hash(frozenset((name, value) for name, value in annotations.items() if name != _APPLIED))


def parse_spec(raw: Any) -> tuple[BindingSpec | None, str | None]:
    """The parsed spec, or what is wrong with it: field and rule, never the value."""
    try:
        return share_spec(BindingSpec.model_validate(raw)), None
    except ValidationError as error:
        return None, "; ".join(violations(error))


def reduce_secret(raw: Manifest) -> SecretValues:
    """The decoded values. What is not base64 (the API server lets none through) counts as empty."""
    return {intern(name): _decode(value) for name, value in (raw.get("data") or {}).items()}


def _decode(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except binascii.Error:
        return b""


def reduce_child(key: ObjectKey, raw: Manifest, known: Child | None = None, now: float = 0.0) -> Child:
    """Ownership and digest of an object, and when it changed: `now` (seconds since the epoch) where it differs from `known`.

    managedFields alone do not tell that: their times stay where a write only removes fields (seen on 1.36).
    """
    metadata = raw["metadata"]
    labels = metadata.get("labels") or {}
    binding = labels.get(names.BINDING_LABEL) if labels.get(names.MANAGED_BY_LABEL) == names.APPLICATION else None
    owner = _owner(metadata)
    uid, digest = metadata.get("uid", ""), content_digest(raw)
    before = 0.0 if known is None or known.uid != uid else known.applied_at if known.digest == digest else now
    return Child(
        key=key,
        uid=uid,
        resource_version=metadata.get("resourceVersion", ""),
        owner_uid=intern(owner) if owner else None,
        binding=intern(binding) if binding else None,
        digest=digest,
        applied_at=max(before, _written_at(metadata)),
        deleting="deletionTimestamp" in metadata,
        written=any(_our_entries(metadata)),
        shape=share(content_shape(raw)),  # bindings differ in values, not in which fields their children have
    )


def _owner(metadata: Mapping[str, Any]) -> str | None:
    references = metadata.get("ownerReferences") or ()
    return next((r["uid"] for r in references if r.get("controller")), None)


def _written_at(metadata: Mapping[str, Any]) -> float:
    return max((seconds_of(entry.get("time")) for entry in _our_entries(metadata)), default=0.0)


def _our_entries(metadata: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = metadata.get("managedFields") or ()
    return (entry for entry in entries if entry.get("manager") == names.FIELD_MANAGER and not entry.get("subresource"))


def reduce_attachable(key: ObjectKey, raw: Manifest) -> Attachable:
    """The object as far as attachment goes, and when our field manager last wrote it."""
    read = read_attachable(key, raw)
    ingress_class = intern(read.ingress_class) if read.ingress_class else None
    return replace(read, ingress_class=ingress_class, attached_at=_written_at(raw["metadata"]))


def reduce_plugin(raw: Manifest) -> PluginFacts:
    """Type, class and reach of a plugin."""
    metadata = raw["metadata"]
    ingress_class = (metadata.get("annotations") or {}).get(_CLASS_ANNOTATION)
    is_global = (metadata.get("labels") or {}).get("global") == "true"
    return _facts(intern(raw.get("plugin") or ""), intern(ingress_class) if ingress_class else None, is_global)


_facts = lru_cache(maxsize=_FEW)(PluginFacts)  # most plugins are of a few types


def reduce_warning(raw: Manifest) -> KongWarning:
    """What Kong Ingress Controller complains about, and when it last did."""
    about = raw.get("involvedObject") or {}
    series = raw.get("series") or {}
    seen = (raw.get("lastTimestamp"), series.get("lastObservedTime"), raw.get("eventTime"), raw["metadata"].get("creationTimestamp"))
    return KongWarning(
        plugin=ObjectKey(KONG_PLUGIN.name, intern(about.get("namespace") or ""), about.get("name") or ""),
        reason=intern(raw.get("reason") or ""),
        message=(raw.get("message") or "")[:WARNING_LIMIT],
        last_seen=max(seconds_of(moment) for moment in seen),
    )


@lru_cache(maxsize=_RECENT)  # thousands of objects are written within the same seconds; what is equal is held once
def seconds_of(moment: str | None) -> float:
    """Seconds since the epoch; 0 for a time that is no date here: clients choose these, and Go's years go from 0 on."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else 0.0
    except ValueError:
        return 0.0
