"""Checks a value against a schema of `schemas.py`, with Kong's messages.

An error is Kong's error tree: a string for one field, a dict for a record (the key `@entity` contains errors of the whole record).
Explicit nulls count as absent, as in Kong: KIC sends them for every field without a default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .field_types import Schema
from .formats import FORMATS

__all__ = ["ErrorTree", "check_plugin_config", "check_record", "check_value", "flatten", "with_defaults"]

ErrorTree = dict[str, Any]

_KINDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "string": ((str,), "expected a string"),
    "boolean": ((bool,), "expected a boolean"),
    "number": ((int, float), "expected a number"),
    "integer": ((int, float), "expected an integer"),
    "array": ((list,), "expected an array"),
    "set": ((list,), "expected a set"),
    "map": ((dict,), "expected a map"),
    "record": ((dict,), "expected a record"),
}


def fields_of(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Name and schema of each field of a record."""
    return ((name, field) for entry in schema["fields"] for name, field in entry.items())


def with_defaults(schema: Schema, value: Mapping[str, Any]) -> dict[str, Any]:
    """`value` without nulls and with the schema's defaults, records and lists of records included, as Kong stores it."""
    filled = {name: item for name, item in value.items() if item is not None}
    presets = schema.get("default", {})
    for name, field in fields_of(schema):
        default = presets.get(name, field.get("default"))
        if field["type"] == "record" and (name in filled or field.get("required")):
            filled[name] = with_defaults(field, filled.get(name) or {})
        elif isinstance(filled.get(name), list) and field["elements"]["type"] == "record":
            filled[name] = [with_defaults(field["elements"], item) if isinstance(item, dict) else item for item in filled[name]]
        elif name not in filled and default is not None:
            filled[name] = default
    return filled


def _kind_error(schema: Schema, value: Any) -> str | None:
    types, message = _KINDS[schema["type"]]
    is_bool_as_number = isinstance(value, bool) and bool not in types
    is_fraction = schema["type"] == "integer" and isinstance(value, float) and not value.is_integer()
    return message if not isinstance(value, types) or is_bool_as_number or is_fraction else None


def _limit_error(schema: Schema, value: Any) -> str | None:
    if "one_of" in schema and value not in schema["one_of"]:
        return f"expected one of: {', '.join(map(str, schema['one_of']))}"
    if "between" in schema and not schema["between"][0] <= value <= schema["between"][1]:
        return f"value should be between {schema['between'][0]} and {schema['between'][1]}"
    if value == "" or (schema.get("len_min") and not value):
        return "length must be at least 1"
    return FORMATS[schema["format"]](value) if "format" in schema else None


def check_value(schema: Schema, value: Any) -> Any:
    """The error of one value: None, a message or an `ErrorTree`."""
    if schema["type"] == "any":
        return None
    if error := _kind_error(schema, value) or _limit_error(schema, value):
        return error
    if schema["type"] == "record":
        return check_record(schema, value) or None
    if schema["type"] in ("array", "set"):
        return _tree((str(i + 1), check_value(schema["elements"], item)) for i, item in enumerate(value))
    if schema["type"] == "map":
        return _tree((key, check_value(schema["keys"], key) or check_value(schema["values"], item)) for key, item in value.items())
    return None


def _tree(pairs: Iterator[tuple[str, Any]]) -> ErrorTree | None:
    return {key: error for key, error in pairs if error} or None


def check_record(schema: Schema, value: Mapping[str, Any]) -> ErrorTree:
    """Errors of a record: unknown fields, missing required ones, wrong types and values. Empty for a valid record."""
    known = dict(fields_of(schema))
    errors: ErrorTree = {name: "unknown field" for name in value if name not in known}
    for name, field in known.items():
        item = value.get(name)
        error = check_value(field, item) if item is not None else "required field missing" if field.get("required") else None
        if error:
            errors[name] = error
    return errors


def _all_or_none(record: Mapping[str, Any], prefix: str, *names: str) -> list[str]:
    present = sum(1 for name in names if record.get(name) is not None)
    listed = ", ".join(f"'{prefix}{name}'" for name in names)
    return [f"all or none of these fields must be set: {listed}"] if 0 < present < len(names) else []


_NEEDED_OPTIONS: Final = {
    "anthropic": ("anthropic_version",),
    "azure": ("azure_instance", "azure_deployment_id"),
    "llama2": ("llama2_format", "upstream_url"),
    "mistral": ("mistral_format",),
}


def _ai_proxy(config: Mapping[str, Any]) -> ErrorTree:
    auth, model, options = config.get("auth") or {}, config["model"], config["model"].get("options") or {}
    provider = model["provider"]
    entity = _all_or_none(auth, "auth.", "header_name", "header_value")
    entity += _all_or_none(auth, "auth.", "param_name", "param_value", "param_location")
    entity += _all_or_none(options.get("gemini") or {}, "model.options.gemini.", "api_endpoint", "project_id", "location_id")
    for name in _NEEDED_OPTIONS.get(provider, ()):
        entity += [] if options.get(name) else [f"must set 'model.options.{name}' for {provider} provider"]
    if provider in ("bedrock", "gemini") and auth.get("allow_override"):
        entity.append(f"{provider} only support auth.allow_override = false")
    if provider == "anthropic" and config["route_type"] == "llm/v1/completions" and config["logging"]["log_statistics"]:
        entity.append("anthropic does not support statistics when route_type is llm/v1/completions")
    given = {name: cost for name in ("input_cost", "output_cost") if (cost := options.get(name)) is not None}
    costs = {name: "value must be greater than 0" for name, cost in given.items() if cost <= 0}
    return ({"@entity": entity} if entity else {}) | ({"model": {"options": costs}} if costs else {})


def _ai_proxy_advanced(config: Mapping[str, Any]) -> ErrorTree:
    errors = {"targets": {str(number): found for number, target in enumerate(config["targets"], 1) if (found := _ai_proxy(target))}}
    return errors if errors["targets"] else {}


def _opentelemetry(config: Mapping[str, Any]) -> ErrorTree:
    endpoints = ("traces_endpoint", "logs_endpoint", "access_logs_endpoint")
    nested = ("access_logs", "metrics")
    if any(config.get(name) for name in endpoints) or any((config.get(name) or {}).get("endpoint") for name in nested):
        return {}
    listed = ", ".join(f"'{name}'" for name in endpoints)
    return {"@entity": [f"at least one of these fields must be non-empty: {listed}"]}


_CHECKS: Final[dict[str, Callable[[Mapping[str, Any]], ErrorTree]]] = {
    "ai-proxy": _ai_proxy,
    "ai-proxy-advanced": _ai_proxy_advanced,
    "opentelemetry": _opentelemetry,
}


def check_plugin_config(name: str, schema: Schema, config: Mapping[str, Any]) -> ErrorTree:
    """Errors of a plugin's `config` after its defaults were filled in; rules across fields only if each field is valid."""
    check = _CHECKS.get(name)
    return check_record(schema, config) or (check(config) if check else {})


def flatten(errors: ErrorTree, prefix: str = "") -> Iterator[dict[str, str]]:
    """Kong's flat form of an error tree, sorted: `{"type": "field", "field": "config.x", "message": ...}` or type `entity`."""
    for key in sorted(errors):
        error, path = errors[key], f"{prefix}.{key}" if prefix else key
        if key == "@entity":
            yield from ({"type": "entity", "message": message} for message in error)
        elif isinstance(error, dict):
            yield from flatten(error, path)
        else:
            yield {"type": "field", "field": path, "message": error}
