"""Rules between the fields of a plugin's configuration."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fiddler_kong_operator.kube.objects import Manifest

from .check import Path, Rule, Violation

__all__ = ["forbids", "in_each", "needs", "together"]


def together(*pointers: str) -> Rule:
    """These fields are set all or not at all."""
    paths = tuple(map(_path, pointers))

    def check(config: Manifest) -> Violation | None:
        given = [path for path in paths if _value(config, path) is not None]
        missing = [path for path in paths if path not in given]
        if not given or not missing:
            return None
        return Violation(missing[0], f"must be set where {_pointer(given[0])} is set", paths)

    return check


def needs(pointer: str, value: str, needed: str) -> Rule:
    """Where a field has a value, another field must be set."""
    path, other = _path(pointer), _path(needed)

    def check(config: Manifest) -> Violation | None:
        if _value(config, path) != value or _value(config, other) is not None:
            return None
        return Violation(other, f"must be set where {pointer} is {value}", (path,))

    return check


def forbids(pointer: str, values: Collection[str], other: str, refused: str | bool) -> Rule:  # noqa: FBT001 - a value of a field, no switch
    """Where a field has one of several values, another field must not have a certain one."""
    path, target = _path(pointer), _path(other)

    def check(config: Manifest) -> Violation | None:
        found = _value(config, path)
        if found not in values or _value(config, target) != refused:
            return None
        return Violation(target, f"must not be {str(refused).lower()} where {pointer} is {found}", (path,))

    return check


def in_each(items: str, rule: Rule, *, shared: Collection[str]) -> Rule:
    """The rule for each item of a list, as if the `shared` fields beside the list were in the item."""

    def check(config: Manifest) -> Violation | None:
        beside = {name: config[name] for name in shared if name in config}
        for number, item in enumerate(config.get(items, ())):
            found = rule({**item, **beside})
            if found:
                path, *also = (p if p[0] in shared else (items, str(number), *p) for p in (found.path, *found.also))
                return Violation(path, found.rule, tuple(also))
        return None

    return check


def _path(pointer: str) -> Path:
    return tuple(pointer.split("/")[1:])


def _pointer(path: Path) -> str:
    return "".join(f"/{step}" for step in path)


def _value(config: Manifest, path: Path) -> Any:
    node: Any = config
    for step in path:
        node = node.get(step) if isinstance(node, dict) else None
    return node
