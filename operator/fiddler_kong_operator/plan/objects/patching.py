"""Applies a binding's overrides to one plugin, and compares the result with Kong's schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jsonpatch import JsonPatch, JsonPatchException
from jsonpointer import JsonPointer, JsonPointerException, set_pointer

from fiddler_kong_operator.api import BindingSpec, Override, PatchOperation
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.plugins import PluginInstance
from fiddler_kong_operator.plan.schemas import SCHEMAS, Minor, Path, Schema, Violation, violations

__all__ = ["Patched", "concerns", "patched", "problems_of"]

_KEY: Final = "key"
"""Takes the place of each key while a config is checked; Kong's controller puts the keys in."""

_MISFITS: Final = (JsonPatchException, JsonPointerException, TypeError)
"""jsonpatch's errors for a patch that does not fit the document; TypeError if a path leads into a string or number."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation of an override, and its place in the spec."""

    place: str
    operation: PatchOperation

    @property
    def path(self) -> Path:
        return tuple(JsonPointer(self.operation.path).parts)

    def touches(self, path: Path) -> bool:
        """Whether it sets or removes the field, something in it, or something around it. `-` is the end of a list."""
        return all(mine in (theirs, "-") for mine, theirs in zip(self.path, path, strict=False))


@dataclass(frozen=True, slots=True)
class Patched:
    """A plugin with its config after the overrides."""

    instance: PluginInstance
    config: Manifest
    steps: tuple[_Step, ...] = ()
    misfit: str | None = None
    """A sentence about the operation that does not fit the config; the operations after it are left out."""


def concerns(override: Override, instance: PluginInstance) -> bool:
    """Whether an override patches this plugin."""
    return override.plugin == instance.plugin and override.route in (None, instance.route)


def patched(spec: BindingSpec, instance: PluginInstance) -> Patched:
    """The plugin with the overrides that concern it."""
    schema, config, done = SCHEMAS.get(instance.plugin), instance.config, list[_Step]()
    if schema is None:
        return Patched(instance, config)
    for step in _steps(spec, instance):
        try:
            config = JsonPatch(list(_operations(schema, config, step))).apply(config)
        except _MISFITS:
            return Patched(instance, config, misfit=_misfit(step, instance))
        done.append(step)
    return Patched(instance, config, tuple(done))


def problems_of(spec: BindingSpec, plugin: Patched, kong: Minor | None) -> tuple[str, ...]:
    """A sentence for each thing in the config that Kong would refuse. `kong` is the gateway's version, None where it is unknown."""
    instance, schema = plugin.instance, SCHEMAS.get(plugin.instance.plugin)
    if plugin.misfit or schema is None:
        return tuple(filter(None, (plugin.misfit,)))
    refused = violations(schema, _with_keys(plugin.config, instance), kong)
    return tuple(_refusal(spec, instance, plugin.steps, violation) for violation in refused)


def _steps(spec: BindingSpec, instance: PluginInstance) -> Iterator[_Step]:
    for index, override in enumerate(spec.overrides):
        if concerns(override, instance):
            for number, operation in enumerate(override.patch):
                yield _Step(f"spec.overrides[{index}].patch[{number}]", operation)


def _operations(schema: Schema, config: Manifest, step: _Step) -> Iterator[Manifest]:
    """The operation, after those that make the objects around its field: an author knows Kong's fields, not which of them are generated."""
    operation = step.operation
    if operation.op == "add":
        yield from (
            {"op": "add", "path": JsonPointer.from_parts(parent).path, "value": {}} for parent in _lacking(schema, config, step.path)
        )
    yield {"op": operation.op, "path": operation.path, **({} if operation.op == "remove" else {"value": operation.value})}


def _lacking(schema: Schema, config: Manifest, path: Path) -> Iterator[Path]:
    node: Any = config
    for length in range(1, len(path)):
        field, name = schema.field_at(path[:length]), path[length - 1]
        if isinstance(node, list):
            node = node[int(name)] if name.isdigit() and int(name) < len(node) else None
        elif isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, dict) and (field is None or field.is_object):
            yield path[:length]
            node = {}
        else:
            return


def _with_keys(config: Manifest, instance: PluginInstance) -> Manifest:
    for key in instance.keys:
        config = set_pointer(config, key.pointer, _KEY, inplace=False)
    return config


def _misfit(step: _Step, instance: PluginInstance) -> str:
    route = f" of the route `{instance.route}`" if instance.route else ""
    return (
        f"{step.place}: {step.operation.op} {step.operation.path} does not fit the config of {instance.plugin}{route}: "
        "`add` needs an object or a list to put the value into, `replace` and `remove` the field itself. See `fiddler-kong render`."
    )


def _refusal(spec: BindingSpec, instance: PluginInstance, done: Sequence[_Step], violation: Violation) -> str:
    paths = (violation.path, *violation.also)
    step = next((step for step in reversed(done) if any(map(step.touches, paths))), None)
    place = step.place if step else _origin(spec, instance)
    sentence = f"{place}: {JsonPointer.from_parts(violation.path).path} of {instance.plugin} {violation.rule}"
    return sentence if sentence.endswith("?") else f"{sentence}."


def _origin(spec: BindingSpec, instance: PluginInstance) -> str:
    """The part of the spec that a plugin is made from."""
    index = next((index for index, route in enumerate(spec.routes) if route.name == instance.route), None)
    return "spec" if index is None else f"spec.routes[{index}].llm"
