"""One binding that the API server and the operator judge alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """One binding. `says` is part of the refusal, and `field` what it names; "" for a valid one."""

    title: str
    changes: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    name: str = "sample"
    field: str = ""

    def __str__(self) -> str:
        """The title, for pytest."""
        return self.title
