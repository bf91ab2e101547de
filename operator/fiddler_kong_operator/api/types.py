"""Building blocks of the API types: the base model, bounded strings and the rules that both Python and CEL check.

A rule is written once with its message; its CEL form goes into the CRD (`api.crd`), its Python form runs in `ApiModel`, so a file
rendered offline is refused with the same words as `kubectl apply`. `tests/crd` feeds both forms the same cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

__all__ = ["ApiModel", "HeaderName", "LabelName", "ModelName", "ObjectName", "RouteName", "Rule", "SecretKey", "SecretKeyRef"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over several fields: `cel` for the API server, `holds` for Python, one `message` in "must" wording."""

    cel: str
    message: str
    holds: Callable[[Any], bool]


class ApiModel(BaseModel):
    """Base of all API types: frozen, camelCase on the wire, attribute docstrings as descriptions, `RULES` enforced."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True)

    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.RULES:
            if not rule.holds(self):
                raise ValueError(rule.message)
        return self


LabelName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A DNS label: the name of a namespace or a container."""

RouteName = Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A short DNS label: it becomes part of a Service's name, which has room for 63 characters."""

ObjectName = Annotated[
    str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]
"""The name of a Kubernetes object: a DNS subdomain, valid in every label (`a..b` and `a-.b` are not)."""

SecretKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key inside a Secret."""

HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
"""An HTTP header's name; strict, because it is compiled into Lua."""

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$")]
"""A model's name as providers spell it; excludes characters that Kong would evaluate as a template."""


class SecretKeyRef(ApiModel):
    """One key of a Secret in the binding's own namespace."""

    name: ObjectName
    """Name of the Secret. Secrets of other namespaces cannot be referenced."""

    key: SecretKey
    """Key inside the Secret whose value is used."""
