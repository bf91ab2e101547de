"""The types users see: a FiddlerKongBinding, its conditions and their reasons, and the CustomResourceDefinition made from them.

The operator works with the types of one version, exported here. A version of the API is a module and a row in `VERSIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names

from . import v1alpha1
from .types import ApiModel
from .v1alpha1 import *  # noqa: F403  # the operator's version: its own __all__ says which types

__all__ = ["STORED", "VERSIONS", "ApiVersion"]
__all__ += v1alpha1.__all__


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
