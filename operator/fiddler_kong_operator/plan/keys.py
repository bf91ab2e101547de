"""The source and the destination of a key that Kong needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fiddler_kong_operator.api import SecretKeyRef

__all__ = ["PluginKey"]


@dataclass(frozen=True, slots=True)
class PluginKey:
    """A key that a plugin's config needs. The config never holds it: a configPatch points to the derived Secret.

    A provider's keys are relative: `field` to the route's `llm`, `pointer` to the config's `auth`. See `within`.
    """

    field: str
    """Field of the binding that refers to it, for messages."""
    ref: SecretKeyRef
    prefix: str
    """Text that Kong must send before the bare key."""
    pointer: str
    """JSON pointer inside the plugin's config; its parent exists in the generated config, as RFC 6902 `add` demands."""
    entry: str
    """Key inside the derived Secret. Empty, for a relative key, where the plugin has only this one."""
    variable: str
    """The name the integration page gives the key in its placeholders, without `${}`."""
    form: Literal["token", "service account"] = "token"
    """`token`: one word of printable ASCII. `service account`: the JSON file that Google Cloud gives for one."""

    def within(self, field: str, pointer: str, entry: str) -> PluginKey:
        """The absolute form of a relative key: each part is put behind the given one."""
        entry = f"{entry}.{self.entry}" if self.entry else entry
        return replace(self, field=f"{field}.{self.field}", pointer=f"{pointer}{self.pointer}", entry=entry)
