"""Building blocks of the API types: the base model and bounded strings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from .rules import Rule, form

__all__ = ["ApiModel", "HeaderName", "LabelName", "ModelName", "ObjectName", "RouteName", "SecretKey", "SecretKeyRef"]


class ApiModel(BaseModel):
    """Base of all API types: frozen, camelCase on the wire, attribute docstrings as descriptions, `RULES` enforced."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True)

    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.RULES:
            rule.check(self)
        return self


_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_FORM: Final = form(_LABEL, "must be lower-case letters, digits and '-', and begin and end with a letter or digit")

LabelName = Annotated[str, StringConstraints(min_length=1, max_length=63), _LABEL_FORM]
"""A DNS label: the name of a namespace or a container."""

RouteName = Annotated[str, StringConstraints(min_length=1, max_length=20), _LABEL_FORM]
"""A short DNS label: it becomes part of a Service's name, which has room for 63 characters."""

ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    form(
        rf"{_LABEL}(\.{_LABEL})*",
        "must be lower-case letters, digits, '-' and '.', and each part between dots must begin and end with a letter or digit",
    ),
]
"""The name of a Kubernetes object: a DNS subdomain, valid in every label (`a..b` and `a-.b` are not)."""

SecretKey = Annotated[
    str, StringConstraints(min_length=1, max_length=253), form(r"[-._a-zA-Z0-9]+", "must be letters, digits, '-', '_' and '.'")
]
"""A key inside a Secret."""

HeaderName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    form(r"[A-Za-z][A-Za-z0-9-]*", "must be the name of an HTTP header: letters, digits and '-', beginning with a letter"),
]
"""An HTTP header's name; strict, because it is compiled into Lua."""

ModelName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    form(
        r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*",
        "must be the model's name as the provider spells it: letters, digits and . _ : / @ + -, beginning with a letter or digit",
    ),
]
"""A model's name as providers spell it; excludes characters that Kong would evaluate as a template."""


class SecretKeyRef(ApiModel):
    """One key of a Secret in the binding's own namespace."""

    name: ObjectName
    """Name of the Secret. Secrets of other namespaces cannot be referenced."""

    key: SecretKey
    """Key inside the Secret whose value is used."""
