"""Headers that a binding must not name although their names are valid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic.alias_generators import to_snake

from .types import Rule

__all__ = ["CREDENTIAL_HEADERS", "FRAMING_HEADERS", "header_rule"]

FRAMING_HEADERS: Final = ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
"""A value chosen by a binding's author could change where a request goes or ends, on connections that others share."""

CREDENTIAL_HEADERS: Final = ("api-key", "apikey", "authorization", "cookie", "proxy-authorization", "x-api-key", "x-goog-api-key")
"""Clients send their keys in these headers; Fiddler would show the keys as conversation ids."""


def header_rule(field: str, refused: Sequence[str], what: str) -> Rule:
    """The rule that a field does not name one of the `refused` headers (in lower case); `what` describes these in the message."""
    attribute = to_snake(field)
    return Rule(
        cel=f"!has(self.{field}) || !(self.{field}.lowerAscii() in {list(refused)})",
        message=f"{field} must not be {what}",
        holds=lambda model: (getattr(model, attribute) or "").lower() not in refused,
    )
