"""What is asked and what comes back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from fiddler_kong_operator.plan.snapshot import ProbeResult

__all__ = ["Answer", "ProbeTarget"]


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One trace endpoint as one application with one key. Hashable; its repr does not show the key.

    `url` is the Fiddler instance (scheme and host), `key` the bare key. ValueError where the key cannot stand in an HTTP header.
    """

    url: str
    application_id: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what would break, or smuggle something into, the request's header lines."""
        if not self.key or not all(" " < c <= "~" for c in self.key):
            raise ValueError("the key must be printable ASCII without blanks")

    @property
    def base(self) -> str:
        """The URL without a trailing slash."""
        return self.url.rstrip("/")

    @property
    def identity(self) -> str:
        """The same for equal targets only, and safe to show: URL, application id and a digest of the key."""
        digest = hashlib.blake2b(self.key.encode(), digest_size=12).hexdigest()
        return f"{self.base} {self.application_id} {digest}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe found, and what the schedule needs besides.

    `retry_after`: seconds the server asked for, if it did. `unsure`: the application could not be asked this time, so an earlier finding
    about it still stands.
    """

    result: ProbeResult
    retry_after: float | None = None
    unsure: bool = False
