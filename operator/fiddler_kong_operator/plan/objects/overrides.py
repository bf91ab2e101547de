"""`spec.overrides`: RFC 6902 patches on generated plugin configs, for options without a typed field.

An override is refused if it touches a key, a field the binding's purpose depends on, or code: a binding may be written by people who may
not create KongPlugins or read the gateway's secrets, so an override must not give them more. It is also refused where Kong would refuse the
resulting config (`plan.schemas`), since one plugin that Kong refuses holds back every change of the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from jsonpointer import JsonPointer
from pydantic import JsonValue

from fiddler_kong_operator.api import BindingSpec, Override, PatchOperation
from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.errors import Stalled
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.plugins import PLUGINS, PluginInstance, PluginKind, plugin_instances
from fiddler_kong_operator.plan.providers import check_providers
from fiddler_kong_operator.plan.remembered import remembered
from fiddler_kong_operator.plan.schemas import Minor

from .patching import concerns, patched, problems_of

__all__ = ["check_plugins", "configured_plugins"]

MAX_DEPTH: Final = 8
"""Levels of nesting in a value; Kong's schemas have five."""

MAX_SIZE: Final = 4096
"""Characters of JSON that one value may have. Kong holds it in memory that all its users share."""

MAX_NUMBER: Final = 2**53
"""Lua would change a larger number, because its numbers are doubles."""

_TEMPLATES: Final = {
    "$(": "Kong would evaluate it as Lua",
    "{vault://": "Kong would put one of the gateway's own secrets there",
}


def configured_plugins(spec: BindingSpec) -> tuple[tuple[PluginInstance, Manifest], ...]:
    """Every plugin with its final config, for a spec that `check_plugins` has compared with Kong's schemas.

    Stalled where a model or an override is not allowed, or does not fit: no caller may pass such a config to Kong.
    """
    found = _disallowed(spec)
    results = () if found else tuple(patched(spec, instance) for instance in plugin_instances(spec))
    found = found or _finding(result.misfit for result in results if result.misfit)
    if found:
        raise Stalled(found.reason.name, found.message)
    return tuple((result.instance, result.config) for result in results)


@remembered(specs=4096)
def check_plugins(spec: BindingSpec, kong: Minor | None = None) -> Finding | None:
    """InvalidSpec naming each model and override that breaks a rule, and each field that Kong would refuse; None where all is well.

    `kong` is the gateway's version; None where it is unknown.
    """
    return _disallowed(spec, kong) or _finding(
        problem for instance in plugin_instances(spec) for problem in problems_of(spec, patched(spec, instance), kong)
    )


def _disallowed(spec: BindingSpec, kong: Minor | None = None) -> Finding | None:
    """InvalidSpec where a plugin must not even be built and compared: its provider or an override of it is not allowed."""
    found = (p for index, override in enumerate(spec.overrides) for p in _problems(spec, index, override))
    return check_providers(spec, kong) or _finding(found)


def _finding(problems: Iterable[str]) -> Finding | None:
    told = list(dict.fromkeys(problems))
    return Finding.of_problems(reason("InvalidSpec"), told) if told else None


def _problems(spec: BindingSpec, index: int, override: Override) -> Iterator[str]:
    where = f"spec.overrides[{index}]"
    if not any(concerns(override, instance) for instance in plugin_instances(spec)):
        route = f" for the route `{override.route}`" if override.route else ""
        yield f"{where}: this binding makes no {override.plugin} plugin{route}. Correct plugin and route, or remove the override."
    for number, operation in enumerate(override.patch):
        fault = _fault(PLUGINS[override.plugin], operation)
        if fault:
            yield f"{where}.patch[{number}]: {operation.path} of {override.plugin} {fault}."


def _fault(kind: PluginKind, operation: PatchOperation) -> str | None:
    path = tuple(JsonPointer(operation.path).parts)
    for protection in kind.protections:
        if protection.covers(path):
            return f"must not be changed: {protection.why}"
    if operation.op == "remove":
        return _refused_name(kind, path)
    if operation.value is None:
        return f"must have a value other than null for `{operation.op}`; to take a field away, use `remove`"
    names = [name for name, _ in _walk(operation.value, 0)]
    return _value_fault(operation.value) or _refused_name(kind, (*path, *names))


def _refused_name(kind: PluginKind, names: Sequence[str]) -> str | None:
    for refused in kind.refused_fields:
        found = next((name for name in names if refused.pattern.fullmatch(name)), None)
        if found is not None:
            return f"must not be set (`{found}`): {refused.why}"
    return None


def _value_fault(value: JsonValue) -> str | None:
    if len(json.dumps(value)) > MAX_SIZE:
        return f"must have a value of at most {MAX_SIZE} characters of JSON"
    faults = (_text_fault(name) or _scalar_fault(item) for name, item in _walk(value, 0))
    return next((fault for fault in faults if fault), None)


def _walk(value: JsonValue, depth: int) -> Iterator[tuple[str, JsonValue]]:
    """Each value inside a value, itself first, with the name ""; each field's name, with True. None in place of values nested too deep."""
    yield "", (None if depth > MAX_DEPTH else value)
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, True
            yield from _walk(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, depth + 1)


def _scalar_fault(value: JsonValue) -> str | None:
    if value is None:
        return f"must have a value without null in it, and nested at most {MAX_DEPTH} levels deep"
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        return "must have numbers between -2^53 and 2^53"
    return None


def _text_fault(text: str) -> str | None:
    if not text.isprintable():
        return "must not have control characters in its value"
    return next((f"must not have `{mark}` in its value: {why}" for mark, why in _TEMPLATES.items() if mark in text), None)
