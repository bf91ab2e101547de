"""The CustomResourceDefinition, made from the pydantic types: structural schema, CEL rules, defaults, columns.

pydantic's JSON schema is rewritten for Kubernetes: references are inlined, nullability and titles are dropped, constants become enums, and
a nested object's default becomes `{}`, so that the API server fills in the defaults inside. Rules (`ApiModel.RULES`) become
`x-kubernetes-validations` of their object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from fiddler_kong_operator import names

from . import VERSIONS, ApiVersion
from .rules import Rule, form
from .status import UNWRITTEN, BindingStatus
from .types import ApiModel

__all__ = ["CATEGORY", "COLUMNS", "NAME_RULES", "build_crd", "build_schema"]

Schema = dict[str, Any]

CATEGORY: Final = "fiddler"
"""`kubectl get fiddler` lists every kind of this category."""

MAX_NAME: Final = 40
"""Longest name of a binding: `<binding>-<route>` stays two characters below a Service's limit of 63."""

_NAME: Final = {"name": {"type": "string", "description": "Name of the binding. The names of all objects that it creates begin with it."}}

_PURPOSE: Final = (
    "Sends traces of the LLM traffic on selected Kong routes to one Fiddler application. The operator creates these routes, or attaches to "
    "existing ones of the same namespace: it adds the Kong plugins ai-proxy, opentelemetry and pre-function as needed, sets the tracing "
    "settings of the gateway, and tests Fiddler's trace endpoint with your API key. status.conditions says whether all of it works, and if "
    "not, what to do."
)

NAME_RULES: Final = (
    Rule(
        cel=f"size(self.metadata.name) <= {MAX_NAME}",
        message=f"must have at most {MAX_NAME} characters: the names of Services and plugins are made from it",
        holds=lambda name: len(name) <= MAX_NAME,
        field="metadata.name",
    ),
    Rule(
        cel="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        message="must be lower-case letters, digits and '-', and begin with a letter: Services are named after it",
        holds=form("[a-z]([-a-z0-9]*[a-z0-9])?", "").holds,
        field="metadata.name",
    ),
)
"""Rules for a binding's name; their Python form takes the name."""

_DROPPED: Final = frozenset({"title", "discriminator", "$defs", "const", "anyOf", "allOf", "$ref", "default", "additionalProperties"})
_FIRST: Final = ("type", "description", "enum", "default")
_ORDER: Final = (*_FIRST, "", "required", "items", "properties", "x-kubernetes-validations")
_BOUNDS: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


def _column(name: str, path: str, description: str, *, wide: bool = False, kind: str = "string") -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | {"priority": 1} if wide else column


COLUMNS: Final = (
    _column("Ready", _condition("Ready", "status"), "Whether everything is in place for Fiddler to observe the routes."),
    _column("Status", _condition("Ready", "reason"), "Ready, or the reason why not, from the condition that decides."),
    _column("Routes", ".status.routes", "Routes that the gateway serves with all plugins, out of all routes."),
    _column("Gateway", ".status.gateway.version", "Version of Kong that the gateway runs."),
    _column("Fiddler", _condition("TraceEndpointReachable", "reason"), "Reachable, or the result of the last probe of the trace endpoint."),
    _column("Age", ".metadata.creationTimestamp", "Time since the binding was created.", kind="date"),
    _column("Application", ".status.fiddler.application", "Name of the Fiddler application, if the API key may read it.", wide=True),
    _column("URL", ".spec.fiddler.url", "URL of the Fiddler instance.", wide=True),
    _column("Payloads", ".spec.payloads", "Whether prompts and answers are sent to Fiddler, unless a route says otherwise.", wide=True),
    _column("Last Trace", ".status.lastTraceTime", "Time since the latest span that the operator saw in Fiddler.", wide=True, kind="date"),
    _column("Message", _condition("Ready", "message"), "The message for this status, with what to do next.", wide=True),
)
"""Columns of `kubectl get fkb`, in this order; wide columns only with `-o wide`."""


def build_crd() -> Schema:
    """The whole CustomResourceDefinition as a manifest."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": [names.SHORT_NAME],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [_version(version) for version in VERSIONS],
        },
    }


def _version(version: ApiVersion) -> Schema:
    return {
        "name": version.name,
        "served": version.served,
        "storage": version.stored,
        "schema": {"openAPIV3Schema": _root(version)},
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(COLUMNS),
    }


def _root(version: ApiVersion) -> Schema:
    return {
        "type": "object",
        "description": _PURPOSE,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always `{version.api_version}`."},
            "kind": {"type": "string", "description": f"Always `{names.KIND}`."},
            "metadata": {"type": "object", "properties": _NAME},
            "spec": build_schema(version.spec),
            "status": _ordered(build_schema(BindingStatus) | {"default": dict(UNWRITTEN)}),
        },
        "x-kubernetes-validations": _validations(NAME_RULES),
    }


def build_schema(model: type[ApiModel]) -> Schema:
    """The structural schema of one type and everything inside it."""
    raw = model.model_json_schema(by_alias=True)
    return _structural(raw | _ruled(model.RULES), raw.get("$defs", {}), _rules_by_name(model))


def _structural(
    node: Mapping[str, Any], defs: Mapping[str, Schema], rules: Mapping[str, tuple[Rule, ...]], *, filled: bool = True
) -> Schema:
    """One node and all below it, rewritten.

    Items of a list that is applied as a whole get no defaults (`filled`): a GitOps controller would see a difference for ever. The types
    fill them in when the operator reads them.
    """
    node = _resolved(node, defs, rules)
    schema = {key: value for key, value in node.items() if key not in _DROPPED}
    for strict, bound in _BOUNDS.items():
        if strict in schema:
            schema |= {bound: schema[strict], strict: True}
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if "const" in node:
        schema["enum"] = [node["const"]]
    if "items" in node:
        merged = filled and node.get("x-kubernetes-list-type") == "map"
        schema["items"] = _structural(node["items"], defs, rules, filled=merged)
    if "properties" in node:
        schema["properties"] = {name: _structural(child, defs, rules, filled=filled) for name, child in node["properties"].items()}
    if "type" not in schema:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    default = _default(node, schema)
    return _ordered(schema | _told(default, schema) | (default if filled else {}))


def _resolved(node: Mapping[str, Any], defs: Mapping[str, Schema], rules: Mapping[str, tuple[Rule, ...]]) -> Schema:
    """The node with its reference, or its one alternative that is not null, inlined. Keys beside the reference win."""
    alternatives = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
    found = alternatives[0] if alternatives else node
    beside = {key: value for key, value in node.items() if key not in ("anyOf", "$ref")}
    if "$ref" in found:
        name = found["$ref"].rsplit("/", 1)[-1]
        return defs[name] | _ruled(rules.get(name, ())) | beside
    return {**found, **beside} if alternatives else dict(node)


def _ordered(schema: Schema) -> Schema:
    """Sorts the keys for readers: type and description first, nested schemas last."""
    return dict(sorted(schema.items(), key=lambda item: _ORDER.index(item[0]) if item[0] in _ORDER else len(_FIRST)))


def _default(node: Mapping[str, Any], schema: Schema) -> Schema:
    """The default, unless it is null or an empty list. An object's default is `{}`, because its fields have their own."""
    default = node.get("default")
    if default is None or default == []:
        return {}
    return {"default": {} if schema.get("type") == "object" else default}


def _told(default: Schema, schema: Schema) -> Schema:
    """A default in words: `kubectl explain` shows no other, and inside a list that is applied as a whole there is no other."""
    if default.get("default") in (None, {}):
        return {}
    value = json.dumps(default["default"]).strip('"')
    return {"description": f"{schema['description']} The default is `{value}`."}


def _ruled(rules: tuple[Rule, ...]) -> Schema:
    return {"x-kubernetes-validations": _validations(rules)} if rules else {}


def _validations(rules: tuple[Rule, ...]) -> list[Schema]:
    return [rule.validation for rule in rules]


def _rules_by_name(model: type[ApiModel]) -> dict[str, tuple[Rule, ...]]:
    """By the names of the types in it: those of another version have the same names and may have other rules."""
    return {found.__name__: found.RULES for found in _models(model)}


def _models(kind: Any) -> Iterator[type[ApiModel]]:
    if isinstance(kind, type) and issubclass(kind, ApiModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _models(field.annotation)
    for argument in get_args(kind):
        yield from _models(argument)
