"""Identity and kinds of Kubernetes objects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

__all__ = ["EVENT", "LEASE", "POD", "Kind", "Manifest", "ObjectKey", "seconds_of", "shown_time", "version_of"]

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""


_RECENT: Final = 256
"""Size of the cache of parsed times: thousands of objects are written in the same second."""


class ObjectKey(NamedTuple):
    """Identity of an object: its kind (unique among the kinds this project knows), namespace ("" if cluster-scoped) and name.

    A tuple, because look-ups by key are frequent, and a dataclass is hashed and compared in Python.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Kind namespace/name`, as shown in messages."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object. `name` is unique among these kinds and is used as `ObjectKey.kind`; the selectors narrow lists and watches."""

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True
    field_selector: str = ""
    label_selector: str = ""
    confidential: bool = False
    """The API server's messages about it may quote values that must not be shown."""
    fenced: bool = True
    """Writes need the lease."""

    @property
    def api_version(self) -> str:
        """`group/version`, or only the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def selectors(self) -> dict[str, str]:
        """The query parameters of lists and watches."""
        pairs = {"fieldSelector": self.field_selector, "labelSelector": self.label_selector}
        return {name: value for name, value in pairs.items() if value}

    def key(self, raw: Manifest) -> ObjectKey:
        """Identity of a raw object of this kind; items of a list name no kind themselves."""
        metadata = raw["metadata"]
        return ObjectKey(self.name, metadata.get("namespace") or "", metadata["name"])

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource; all namespaces if none is given."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return "/".join(part for part in (f"{root}{scope}/{self.plural}", name, subresource) if part)


EVENT: Final = Kind("Event", "", "v1", "events")
POD: Final = Kind("Pod", "", "v1", "pods")
LEASE: Final = Kind("Lease", "coordination.k8s.io", "v1", "leases", fenced=False)
"""Writes of the Lease do not pass the fence, because they open it."""


def version_of(resource_version: str | None) -> int:
    """A resourceVersion as a number, so that versions can be compared (allowed since Kubernetes 1.35); -1 for anything else."""
    return int(resource_version) if resource_version and resource_version.isdecimal() else -1


@lru_cache(maxsize=_RECENT)
def seconds_of(moment: str | None) -> float:
    """Seconds since the epoch; 0 for a text that Python cannot parse: clients write some of these times, and Go accepts the year 0."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else 0.0
    except ValueError:
        return 0.0


def shown_time(seconds: float) -> str:
    """Seconds since the epoch as Kubernetes writes a time."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
