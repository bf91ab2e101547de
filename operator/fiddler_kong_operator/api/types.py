"""Building blocks of the API types: the base model and bounded strings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from .rules import Rule, form

__all__ = [
    "ApiModel",
    "ApplicationId",
    "HeaderName",
    "HeaderPrefix",
    "InstanceUrl",
    "KongVersion",
    "LabelName",
    "ModelName",
    "ObjectName",
    "RouteName",
    "SecretKey",
    "SecretKeyRef",
]


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

InstanceUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    form(
        r"https?://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*/?",
        "must be http:// or https:// and a host with nothing after it but a port, such as https://acme.fiddler.ai",
    ),
]
"""The URL of a Fiddler instance: scheme, host and perhaps a port."""

ApplicationId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    form(
        "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
        "must be the UUID in the application's settings, such as 3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
    ),
    AfterValidator(str.lower),
]
"""The UUID of an application, in lower case."""

KongVersion = Annotated[
    str,
    StringConstraints(min_length=3, max_length=32),
    form("[0-9]{1,2}([.][0-9]{1,4}){1,3}", "must be two to four numbers with dots between them, such as 3.13.0.7"),
]
"""Kong's version, as far as its author knows it."""

HeaderPrefix = Annotated[
    str,
    StringConstraints(max_length=32),
    form("([A-Za-z][A-Za-z0-9-]* )?", "must be empty, or one word of letters, digits and '-' with a space at its end, such as 'Bearer '"),
]
"""The word before a key in its header, with the space after it."""


class SecretKeyRef(ApiModel):
    """One key of a Secret in the binding's own namespace."""

    name: ObjectName
    """Name of the Secret. Secrets of other namespaces cannot be referenced."""

    key: SecretKey
    """Key inside the Secret whose value is used."""
