"""The types users see: a FiddlerKongBinding, its conditions and their reasons, and the CustomResourceDefinition made from them.

The types exported here are those the operator works with. A version of the API is a module and a row in `VERSIONS`.
"""

from __future__ import annotations

from .v1alpha1 import (
    AttachTo,
    BindingSpec,
    Expose,
    Fiddler,
    Gateway,
    Llm,
    LlmAuth,
    LlmOptions,
    Override,
    PatchOperation,
    Route,
    SecretKeyRef,
    Sessions,
    WorkloadRef,
)
from .versions import STORED, VERSIONS, ApiVersion

__all__ = [
    "STORED",
    "VERSIONS",
    "ApiVersion",
    "AttachTo",
    "BindingSpec",
    "Expose",
    "Fiddler",
    "Gateway",
    "Llm",
    "LlmAuth",
    "LlmOptions",
    "Override",
    "PatchOperation",
    "Route",
    "SecretKeyRef",
    "Sessions",
    "WorkloadRef",
]
