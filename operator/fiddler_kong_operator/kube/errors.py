"""Turns HTTP answers of the API server into the project's errors. No other module does.

Texts end without a full stop, and never hold a request's body. They leave out every value from the server's message about a Secret: a 422
or a webhook may quote one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from fiddler_kong_operator.errors import Conflict, Denial, Expired, FiddlerKongError, FieldConflict, Gone, Refused, Stale, Transient

from .objects import Kind
from .redaction import redact_secret, shorten

__all__ = ["FORBIDDEN", "SERVER_ERROR", "Call", "error_of", "parse_status", "unreachable"]

MESSAGE_LIMIT: Final = 1024
"""Characters of the server's message that are kept."""

_CONFLICT: Final = re.compile(r'conflicts? with "([^"]*)"')
_UNKNOWN: Final = re.compile(r'unknown field "([^"]*)"')
_DENIALS: Final = {
    (403, Denial.QUOTA): re.compile("exceeded quota: "),
    (403, Denial.PERMISSION): re.compile(r'^\S+( "\S*")? is forbidden: User "\S*" cannot '),
    (400, Denial.DRY_RUN): re.compile('^admission webhook "[^"]*" does not support dry run'),
}
"""The server's words, by HTTP status."""

FORBIDDEN: Final = 403
_STATUS_CONFLICT: Final = 409
_INVALID: Final = 422
SERVER_ERROR: Final = 500
_RETRIED: Final = frozenset({401, 408, 429})
_MALFORMED: Final = "failed to create typed patch object"
"""The server answers an apply that does not fit the schema with 500 (seen on 1.36), although a retry cannot help."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, for the text of errors and for counting."""

    verb: str
    kind: Kind
    namespace: str | None = None
    name: str = ""

    def __str__(self) -> str:
        """`patch Secret ai/keys`."""
        return f"{self.verb} {self.kind.name} {'/'.join(part for part in (self.namespace, self.name) if part)}".rstrip()


def parse_status(text: bytes) -> Mapping[str, Any]:
    """Parse the `Status` object of an error's body; {} where a proxy answered something else."""
    try:
        content = orjson.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) and content.get("kind") == "Status" else {}


def error_of(call: Call, code: int, status: Mapping[str, Any], retry_after: str | None = None, body: Any = None) -> FiddlerKongError:
    """The error for an HTTP status that is not 2xx (or for the code in an ERROR event of a watch). `body` is the request's."""
    text = f"{call}: {_message(call, code, status, body)}"
    if code == _STATUS_CONFLICT:
        return _conflict(text, status)
    if code == _INVALID and _other_uid(status):
        return Stale(text)
    if code == 404:  # noqa: PLR2004 - HTTP
        return Gone(text)
    if code == 410:  # noqa: PLR2004 - HTTP
        return Expired(text)
    if _malformed(status) or (code < SERVER_ERROR and code not in _RETRIED):
        return _refused(text, code, str(status.get("message", "")))
    return Transient(text, _seconds(retry_after, status), code)


def unreachable(call: Call, cause: BaseException) -> Transient:
    """The error for a request without a usable answer: connection, TLS, time limit, or a body that is not a JSON object."""
    return Transient(f"{call}: no answer from the API server ({type(cause).__name__})")


def _conflict(text: str, status: Mapping[str, Any]) -> FiddlerKongError:
    causes = [cause for cause in _causes(status) if cause.get("reason") == "FieldManagerConflict"]
    if not causes:
        return Stale(text)
    return Conflict(text, tuple(FieldConflict(_manager(cause), str(cause.get("field", ""))) for cause in causes))


def _refused(text: str, code: int, message: str) -> Refused:
    """The refusal, with what the server's whole message says about its cause."""
    fields = frozenset(_UNKNOWN.findall(message))
    denials = (denial for (status, denial), pattern in _DENIALS.items() if code == status and pattern.search(message))
    return Refused(text, code, Denial.SCHEMA if fields else next(denials, Denial.OTHER), fields)


def _manager(cause: Mapping[str, Any]) -> str:
    found = _CONFLICT.search(str(cause.get("message", "")))
    return found.group(1) if found else "an unknown manager"


def _causes(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((status.get("details") or {}).get("causes") or ())


def _other_uid(status: Mapping[str, Any]) -> bool:
    """Whether the request has the `metadata.uid` of a former object of that name: an apply gets 422 (seen on 1.36), a deletion 409."""
    return any(cause.get("field") == "metadata.uid" for cause in _causes(status))


def _malformed(status: Mapping[str, Any]) -> bool:
    return str(status.get("message", "")).startswith(_MALFORMED)


def _message(call: Call, code: int, status: Mapping[str, Any], body: Any) -> str:
    message = str(status.get("message") or f"HTTP {code}")
    if call.kind.confidential:
        message = redact_secret(message, body, call.name, call.namespace or "")
    return shorten(message.rstrip(". \n"), MESSAGE_LIMIT)


def _seconds(header: str | None, status: Mapping[str, Any]) -> float | None:
    value = header or (status.get("details") or {}).get("retryAfterSeconds")
    try:
        return float(value) if value else None
    except (TypeError, ValueError):
        return None
