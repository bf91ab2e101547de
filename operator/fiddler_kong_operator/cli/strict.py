"""A document -> a binding, stricter than pydantic alone: unknown fields are refused, with the name that was probably meant.

The API server drops unknown fields without a word unless asked; a file that is rendered offline must not get away with a typo.
"""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec
from fiddler_kong_operator.api.violations import violations
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Binding

from .documents import Document

__all__ = ["InvalidBindingError", "parse_binding"]

UNKNOWN_UID: Final = "<uid>"
"""Stands for the uid, which the API server gives."""

_TOP: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_API_VERSION: Final = f"{names.GROUP}/{names.VERSION}"


class InvalidBindingError(ValueError):
    """The document is not a valid binding; `problems` holds one sentence for each fault, none of which repeats a value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse_binding(document: Document, namespace: str) -> Binding:
    """The binding a document holds; `namespace` where it names none. InvalidBindingError lists everything that is wrong."""
    problems = list(_problems(document))
    if problems:
        raise InvalidBindingError(problems)
    key = ObjectKey(names.KIND, str(document.metadata.get("namespace") or namespace), document.name)
    spec = BindingSpec.model_validate_json(json.dumps(_without_nulls(document.manifest["spec"], BindingSpec)), strict=True)
    return Binding(key, uid=UNKNOWN_UID, generation=1, created="", resource_version="", spec=spec)


def _problems(document: Document) -> Iterator[str]:
    if document.manifest.get("apiVersion") != _API_VERSION:
        yield f"apiVersion must be {_API_VERSION}"
    if not document.name:
        yield "metadata.name must be given"
    yield from _unknown(document.manifest, _TOP, "")
    spec = document.manifest.get("spec")
    if not isinstance(spec, dict):
        yield "spec must be an object"
        return
    yield from _unknown_fields(spec, BindingSpec, "spec")
    yield from _invalid_values(_without_nulls(spec, BindingSpec))


def _unknown_fields(value: Any, expected: Any, path: str) -> Iterator[str]:
    """Walk the value and its type side by side; what does not fit the type is left to pydantic."""
    expected = _without_none(expected)
    if isinstance(value, list) and typing.get_origin(expected) is tuple:
        for index, item in enumerate(value):
            yield from _unknown_fields(item, typing.get_args(expected)[0], f"{path}[{index}]")
    elif isinstance(value, dict) and isinstance(expected, type) and issubclass(expected, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in expected.model_fields.items()}
        yield from _unknown(value, tuple(fields), f"{path}.")
        for name, annotation in fields.items():
            if name in value:
                yield from _unknown_fields(value[name], annotation, f"{path}.{name}")


def _without_nulls(value: Any, expected: Any) -> Any:
    """As the API server reads it: a field that is null is left out."""
    expected = _without_none(expected)
    if isinstance(value, list) and typing.get_origin(expected) is tuple:
        return [_without_nulls(item, typing.get_args(expected)[0]) for item in value]
    if not (isinstance(value, dict) and isinstance(expected, type) and issubclass(expected, BaseModel)):
        return value
    annotations = {info.alias or name: info.annotation for name, info in expected.model_fields.items()}
    return {name: _without_nulls(item, annotations.get(name)) for name, item in value.items() if item is not None}


def _without_none(expected: Any) -> Any:
    if typing.get_origin(expected) not in {types.UnionType, typing.Union}:
        return expected
    return next(arg for arg in typing.get_args(expected) if arg is not type(None))


def _unknown(value: dict[str, Any], known: tuple[str, ...], prefix: str) -> Iterator[str]:
    for name in value:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(name.replace("_", "").lower(), known, n=1)
            meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            yield f"{prefix}{name} is not a field; {meant}"


def _invalid_values(spec: dict[str, Any]) -> list[str]:
    try:
        BindingSpec.model_validate_json(json.dumps(spec), strict=True)
    except ValidationError as error:
        return violations(error)
    return []
