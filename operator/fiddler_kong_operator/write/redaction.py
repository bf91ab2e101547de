"""Redacts keys in texts that others wrote: a webhook that refuses an object may quote its content."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.plan.snapshot import Snapshot

__all__ = ["redact"]

_SHORTEST_KEY: Final = 6
"""Secret values below this length are not looked for: they would match by chance."""

_BLOT: Final = "[redacted]"


def redact(text: str, snapshot: Snapshot) -> str:
    """The text with the snapshot's keys redacted, longer ones first, since one may begin with another.

    It also redacts the start of a key that the limit of a message cut off.
    """
    found = (value.decode("utf-8", "replace").strip() for values in snapshot.secrets.values() for value in (values or {}).values())
    for key in sorted({key for key in found if len(key) >= _SHORTEST_KEY}, key=len, reverse=True):
        text = text.replace(key, _BLOT)
        cut = next((length for length in range(len(key) - 1, _SHORTEST_KEY - 1, -1) if text.endswith(key[:length])), 0)
        text = text[: len(text) - cut] + (_BLOT if cut else "")
    return text
