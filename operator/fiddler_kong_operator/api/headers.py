"""Headers that a binding must not name although their names are valid."""

from __future__ import annotations

from typing import Annotated, Final

from .rules import unlike
from .types import HeaderName

__all__ = ["KeyHeader", "ShownHeader"]

_FRAMING_HEADERS: Final = ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
"""A value chosen by a binding's author could change where a request goes or ends, on connections that others share."""

_CREDENTIAL_HEADERS: Final = ("api-key", "apikey", "authorization", "cookie", "proxy-authorization", "x-api-key", "x-goog-api-key")
"""Clients send their keys in these headers; Fiddler would show the keys."""

KeyHeader = Annotated[HeaderName, unlike(f"(?i:{'|'.join(_FRAMING_HEADERS)})", "must not be a header that HTTP itself uses, such as Host")]
"""A header in which Kong may send a key."""

ShownHeader = Annotated[
    HeaderName,
    unlike(f"(?i:{'|'.join(_CREDENTIAL_HEADERS)})", "must not be a header that carries credentials: Fiddler would show them"),
]
"""A header whose value may be shown."""
