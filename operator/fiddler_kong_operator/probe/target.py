"""A trace endpoint to probe, and the answer of one probe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from fiddler_kong_operator import names
from fiddler_kong_operator.api import Fiddler
from fiddler_kong_operator.plan.acceptance.endpoint import COLLECTOR, FIDDLER, Hop

__all__ = ["Answer", "ProbeTarget"]

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One Fiddler instance, application and key, as one gateway sees them. Hashable; its repr does not show the key.

    `url` (scheme and host) is that of the Fiddler instance, or of the collector in the target of a first hop. `key` is the bare key.
    ValueError if the key cannot be sent in an HTTP header.
    """

    url: str
    application_id: str
    key: str = field(repr=False)
    key_source: str
    """The place of the key, as messages name it."""
    verify_depth: int | None = None
    """Intermediate certificates that the gateway's Kong accepts; None where that is not known."""
    collector: str | None = None
    """URL of the collector that Kong sends to in place of Fiddler."""
    key_sent: bool = True
    """Kong sends the key."""
    hop: Hop = FIDDLER
    """The server at `url`."""
    behind: bool = False
    """It is behind a collector: Kong does not connect to it."""

    @classmethod
    def of(cls, fiddler: Fiddler, key: str, verify_depth: int | None) -> ProbeTarget:
        """The target of a binding."""
        ref, export = fiddler.api_key_secret_ref, fiddler.export
        source = f"`{ref.key}` in the Secret `{ref.name}`"
        target = cls(fiddler.url, fiddler.application_id, key, source, verify_depth)
        return replace(target, collector=export.endpoint, key_sent=export.credentials == "Forward") if export else target

    def __post_init__(self) -> None:
        """Refuse a key that would break the request's headers or add one."""
        if not self.key or not all(" " < c <= "~" for c in self.key):
            raise ValueError("the key must be printable ASCII without spaces")

    def to_collector(self, url: str) -> ProbeTarget:
        """The target of the first hop: Kong sends to the collector."""
        return replace(self, url=url, collector=None, hop=COLLECTOR)

    def behind_collector(self) -> ProbeTarget:
        """The target of the second hop: the collector sends to Fiddler."""
        return replace(self, collector=None, key_sent=True, behind=True)

    def to_read(self) -> ProbeTarget:
        """The target for reads of Fiddler's REST API: equal for bindings with the same application and key, from whatever Secret."""
        return ProbeTarget(self.base, self.application_id, self.key, "")

    @property
    def base(self) -> str:
        """The URL without a trailing slash."""
        return self.url.rstrip("/")

    @property
    def traces_endpoint(self) -> str:
        """The URL of the export."""
        return f"{self.base}{names.TRACES_PATH}"


@dataclass(frozen=True, slots=True)
class Answer(Generic[R_co]):
    """The result of one request, and what the schedule needs to know about it.

    `retry_after`: seconds the server asked to wait, if it did. `unsure`: the application look-up failed this time, so an earlier result of
    it still counts.
    """

    result: R_co
    retry_after: float | None = None
    unsure: bool = False
