"""The check of `Authorization: Bearer <key>`.

Fiddler does not publish how its trace endpoint answers a bad key. The sink uses the statuses of Fiddler's REST API: 401 for a missing or
wrong key, 403 for a key without permission.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final

from pydantic import SecretStr

from .settings import SinkSettings

__all__ = ["MESSAGES", "STATUSES", "KeyCheck", "check_key"]


class KeyCheck(StrEnum):
    """The result of checking a request's key."""

    ACCEPTED = "accepted"
    MISSING = "missing"
    DOUBLED = "doubled"
    WRONG = "wrong"
    FORBIDDEN = "forbidden"


STATUSES: Final = {KeyCheck.MISSING: 401, KeyCheck.DOUBLED: 401, KeyCheck.WRONG: 401, KeyCheck.FORBIDDEN: 403}
"""The status of the answer for each result other than `ACCEPTED`."""

MESSAGES: Final = {
    KeyCheck.MISSING: "The request must have the header 'Authorization: Bearer <key>'",
    KeyCheck.DOUBLED: "The key must be given without 'Bearer ' in front: it was sent twice",
    KeyCheck.WRONG: "The API key is not known",
    KeyCheck.FORBIDDEN: "The API key is known but has no permission for this",
}
"""A sentence for each result other than `ACCEPTED`. None contains the key."""


def check_key(header: str | None, settings: SinkSettings) -> KeyCheck:
    """Check an Authorization header. FORBIDDEN is a known key without any permission."""
    scheme, _, key = (header or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        return KeyCheck.MISSING
    if key.lower().startswith("bearer "):
        return KeyCheck.DOUBLED
    if _equal(key, settings.forbidden_api_key):
        return KeyCheck.FORBIDDEN
    return KeyCheck.ACCEPTED if settings.api_key is None or _equal(key, settings.api_key) else KeyCheck.WRONG


def _equal(key: str, secret: SecretStr | None) -> bool:
    expected = secret.get_secret_value().encode() if secret else b""
    return bool(expected) and hmac.compare_digest(key.encode(errors="surrogateescape"), expected)
