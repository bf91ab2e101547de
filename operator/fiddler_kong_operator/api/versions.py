"""The versions of the API that the CustomResourceDefinition declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names

from . import v1alpha1
from .types import ApiModel

__all__ = ["STORED", "VERSIONS", "ApiVersion"]


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version: its name and the type of its spec. The API server stores objects in exactly one of them."""

    name: str
    spec: type[ApiModel]
    served: bool = True
    stored: bool = False

    @property
    def api_version(self) -> str:
        """`group/version`, as in a manifest."""
        return f"{names.GROUP}/{self.name}"


VERSIONS: Final = (ApiVersion("v1alpha1", v1alpha1.BindingSpec, stored=True),)

STORED: Final = next(version for version in VERSIONS if version.stored)
"""The version that the operator reads and writes, and that its examples show."""
