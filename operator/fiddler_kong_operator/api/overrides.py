"""The types behind `spec.overrides` of `v1alpha1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from .rules import form
from .types import ApiModel, RouteName

__all__ = ["Override", "PatchOperation"]

Pointer = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    form(r"(/([A-Za-z0-9_.-]|~[01])+)+", "must be a JSON pointer inside the plugin's config, such as /queue/max_batch_size"),
]


class PatchOperation(ApiModel):
    """One RFC 6902 operation."""

    op: Literal["add", "replace", "remove"]
    """Operation: `add` and `replace` set a field, `remove` takes it away."""

    path: Pointer
    """JSON pointer inside the plugin's config, for example `/queue/max_batch_size`. `add` also creates missing objects around the field."""

    value: JsonValue | None = None
    """Value for `add` and `replace`: any JSON but null."""


class Override(ApiModel):
    """Patches of a generated plugin's config, for options that have no field here."""

    plugin: Literal["ai-proxy", "ai-proxy-advanced", "opentelemetry"]
    """Type of the plugin to patch. `pre-function` is not among them: nothing of a binding may run as code in the gateway."""

    route: RouteName | None = None
    """Name of the route whose `ai-proxy` or `ai-proxy-advanced` is patched. If left out, that of every route."""

    patch: tuple[PatchOperation, ...] = Field(min_length=1, max_length=16)
    """RFC 6902 operations, applied in order. They must not touch fields that hold keys or that Fiddler depends on, and the result must be
    valid for the gateway's version of Kong; otherwise the binding is not accepted (InvalidSpec)."""
