"""Redacts values from the texts of other programs: a webhook that refuses an object may quote its content, in any encoding."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

__all__ = ["CUT", "redact", "redact_secret", "shorten", "values_of"]

CUT: Final = " [...] "
"""Stands for the middle of a text that was too long."""

_SHORTEST: Final = 6
"""Values below this length are not looked for: they would match by chance."""

_REDACTED: Final = "[redacted]"
_QUOTED: Final = re.compile(r'(Invalid value: )"(?:[^"\\]|\\.)*"')
"""The API server quotes a value, or a whole patch, that fails validation."""

_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9+/_.-])(?=[A-Za-z0-9+/_.-]*[A-Za-z])(?=[A-Za-z0-9+/_.-]*[0-9])[A-Za-z0-9+/_.-]{16,}=*")
"""A text that may be a key, or base64: long, with letters and digits. It is looked for only where such a text can begin."""


def redact(text: str, values: Iterable[bytes]) -> str:
    """The text with every encoding of these values redacted, longer ones first, since one may begin with another.

    It also redacts the part of a value that is left where `shorten`, or the text's author, has cut it off. Short forms stay (`_SHORTEST`).
    """
    forms = {form for value in values for form in _forms(value) if len(form) >= _SHORTEST}
    for form in sorted(forms, key=len, reverse=True):
        text = CUT.join(_without_ends(part, form) for part in text.replace(form, _REDACTED).split(CUT))
    return text


def redact_secret(text: str, body: Any, *shown: str) -> str:
    """The text about a Secret with the values of the request's `body` redacted, and all that may be a value of the stored object.

    `shown` are words that are no values, such as the Secret's name.
    """
    text = _QUOTED.sub(rf"\1{_REDACTED}", redact(text, values_of(body)))
    return _TOKEN.sub(lambda found: found[0] if found[0] in shown else _REDACTED, text)


def shorten(text: str, limit: int) -> str:
    """A text of at most `limit` characters: its start, and its end, where servers state the cause."""
    if len(text) <= limit:
        return text
    end = (limit - len(CUT)) // 2
    return f"{text[: limit - len(CUT) - end]}{CUT}{text[-end:]}"


def _without_ends(part: str, form: str) -> str:
    """The text with the start of the form redacted at its end, and the end of the form redacted at its start.

    No part of the form that is longer than the text is tried: a Secret may hold a megabyte.
    """
    lengths = range(min(len(form) - 1, len(part)), _SHORTEST - 1, -1)
    end = next((length for length in lengths if part.endswith(form[:length])), 0)
    part = part[: len(part) - end] + (_REDACTED if end else "")
    start = next((length for length in lengths if part.startswith(form[-length:])), 0)
    return (_REDACTED if start else "") + part[start:]


def values_of(body: Any) -> Iterator[bytes]:
    """The values of a Secret's manifest or patch, decoded."""
    content: Mapping[str, Any] = body if isinstance(body, dict) else {}
    for value in (content.get("data") or {}).values():
        try:
            yield base64.b64decode(value or "", validate=True)
        except binascii.Error:
            yield str(value).encode()
    yield from (str(value).encode() for value in (content.get("stringData") or {}).values())


def _forms(value: bytes) -> Iterator[str]:
    """The value, the text in it if it is a JSON string, and what follows a prefix such as `Bearer`, each in every encoding."""
    plain = value.decode("utf-8", "replace").strip()
    texts = {plain, *_unquoted(plain)}
    yield from _in_base64(value)
    for text in texts | {text.rpartition(" ")[2] for text in texts}:
        escaped = json.dumps(text)[1:-1]
        go = escaped.translate({ord(character): f"\\u{ord(character):04x}" for character in "<>&"})
        yield from (text, escaped, go, json.dumps(escaped)[1:-1], json.dumps(go)[1:-1])
        yield from (quote(text), quote(text, safe=""), quote_plus(text))
        yield from _in_base64(text.encode())


def _unquoted(text: str) -> Iterator[str]:
    if text.startswith('"'):
        try:
            yield str(json.loads(text))
        except ValueError:
            return


def _in_base64(value: bytes) -> Iterator[str]:
    """With padding and without, since it may be missing."""
    for encoded in (base64.b64encode(value).decode(), base64.urlsafe_b64encode(value).decode()):
        yield from (encoded, encoded.rstrip("="))
