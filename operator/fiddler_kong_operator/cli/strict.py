"""A document -> a binding, stricter than pydantic alone: unknown fields are refused, with the name that was probably meant.

The API server drops unknown fields silently unless asked; a typo in a file that is rendered offline must not pass unnoticed.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import ValidationError

from fiddler_kong_operator import names
from fiddler_kong_operator.api import STORED, BindingSpec
from fiddler_kong_operator.api.crd import NAME_RULES, build_schema
from fiddler_kong_operator.api.violations import UNKNOWN_FIELD, violations
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.snapshot import Binding

from .documents import Document

__all__ = ["InvalidBindingError", "parse_binding"]

UNKNOWN_UID: Final = "<uid>"
"""A placeholder for the uid, which the API server assigns."""

_TOP: Final = ("apiVersion", "kind", "metadata", "spec", "status")


class InvalidBindingError(ValueError):
    """The document is not a valid binding; `problems` holds one sentence for each fault, none of which repeats a value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse_binding(document: Document, namespace: str) -> Binding:
    """The binding in a document; `namespace` is for one that names none. InvalidBindingError lists all errors."""
    problems = list(_problems_around(document))
    given = document.manifest.get("spec")
    spec = _parse(given) if isinstance(given, dict) else ["spec must be an object"]
    if problems or not isinstance(spec, BindingSpec):
        raise InvalidBindingError([*problems, *(spec if isinstance(spec, list) else ())])
    key = ObjectKey(names.KIND, document.namespace or namespace, document.name)
    return Binding(key, uid=UNKNOWN_UID, generation=1, created="", resource_version="", spec=spec)


def _problems_around(document: Document) -> Iterator[str]:
    if document.manifest.get("apiVersion") != STORED.api_version:
        yield f"apiVersion must be {STORED.api_version}"
    if not document.name:
        yield "metadata.name must be given"
    else:
        yield from (f"{rule.field} {rule.message}" for rule in NAME_RULES if not rule.holds(document.name))
    yield from (_unknown(name, _TOP, name) for name in document.manifest if name not in _TOP)


def _parse(given: Manifest) -> BindingSpec | list[str]:
    """The spec, or all of its errors. Like the API server, it drops a null from a field that must not be null."""
    try:
        return BindingSpec.model_validate_json(json.dumps(given), strict=True, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        found = error.errors(include_url=False)
        nulls = [p["loc"] for p in found if p["input"] is None and p["type"] != UNKNOWN_FIELD and isinstance(p["loc"][-1], str)]
        if nulls:
            return _parse(_without(given, nulls))
        return [*(_unknown_field(p["loc"]) for p in found if p["type"] == UNKNOWN_FIELD), *violations(error)]


def _without(given: Manifest, places: Sequence[tuple[int | str, ...]]) -> Manifest:
    given = copy.deepcopy(given)
    for *parents, name in places:
        node: Any = given
        for step in parents:
            node = node[step]
        del node[name]
    return given


def _unknown_field(place: tuple[int | str, ...]) -> str:
    schema, path = build_schema(BindingSpec), "spec"
    for step in place[:-1]:
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return _unknown(str(place[-1]), tuple(schema["properties"]), f"{path}.{place[-1]}")


def _unknown(name: str, known: tuple[str, ...], path: str) -> str:
    if name == "namespace" and "name" in known:
        return f"{path} is not a field; leave it out: the object must be in the namespace of the binding"
    close = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(name.replace("_", "").lower(), known, n=1)
    meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"{path} is not a field; {meant}"
