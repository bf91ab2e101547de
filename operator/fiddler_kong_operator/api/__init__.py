"""The types users see: a FiddlerKongBinding, its conditions and their reasons, and the CustomResourceDefinition made from them.

The operator works with the types of one version, exported here. A version of the API is a module and a row in `VERSIONS`.
"""

from __future__ import annotations

from . import v1alpha1
from .v1alpha1 import *  # noqa: F403  # the operator's version: its own __all__ says which types
from .versions import STORED, VERSIONS, ApiVersion

__all__ = ["STORED", "VERSIONS", "ApiVersion"]
__all__ += v1alpha1.__all__
