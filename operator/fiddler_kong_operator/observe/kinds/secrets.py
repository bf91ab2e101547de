"""Secret: decoded values, only of Secrets that a binding refers to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.interning import share
from fiddler_kong_operator.observe.records import Records
from fiddler_kong_operator.plan import kinds

from .contract import CHILD_VERBS, WatchedKind, never

__all__ = ["SECRETS", "reduce_secret"]

_SecretValues = dict[str, bytes]
"""The decoded `data` of a Secret."""


def reduce_secret(_key: ObjectKey, raw: Manifest, _known: object = None) -> _SecretValues:
    """The decoded values. A value that is not base64 (the API server admits none) counts as empty."""
    return {share(name): _decode(value) for name, value in (raw.get("data") or {}).items()}


def _decode(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except binascii.Error:
        return b""


def _triggers(records: Records, key: ObjectKey, old: _SecretValues | None, new: _SecretValues | None) -> Iterable[ObjectKey]:
    return records.indexes.wanted_by[key] if old != new else ()


SECRETS: Final = WatchedKind(
    kind=kinds.SECRET,
    reduce=reduce_secret,
    triggers=_triggers,
    keep=never,
    verbs=CHILD_VERBS,
    why="Read the keys a binding refers to; keep its derived Secret. Not list and watch with --secrets-access=get.",
)
