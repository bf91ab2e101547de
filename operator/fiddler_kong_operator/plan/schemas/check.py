"""Compares a plugin's configuration with the table of its fields and with the rules between fields."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fiddler_kong_operator.kube.objects import Manifest

from .fields import KNOWN_MINORS, Field, Minor, dotted

__all__ = ["Path", "Rule", "Schema", "Violation", "violations"]

Path = tuple[str, ...]
"""Names of fields, and indices of items, from the configuration down."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that Kong would refuse. `rule` continues a sentence that names it; `also` are the other fields a rule looks at."""

    path: Path
    rule: str
    also: tuple[Path, ...] = ()


Rule = Callable[[Manifest], Violation | None]
"""A rule between fields, applied only if each single field is right."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The configuration that Kong accepts for one plugin."""

    config: Field
    rules: tuple[Rule, ...] = ()

    def field_at(self, path: Path) -> Field | None:
        """The field at a path, in any version; None where there is none."""
        found: Field | None = self.config
        for name in path:
            found = found.inside(name) if found else None
        return found


def violations(schema: Schema, config: Manifest, minor: Minor | None) -> tuple[Violation, ...]:
    """The fields of a configuration that Kong of this version refuses.

    If the version is unknown, or none of `KNOWN_MINORS`, they are those of the newest version, or none if an older one accepts all.
    """
    found: tuple[Violation, ...] = ()
    for each in (minor,) if minor in KNOWN_MINORS else KNOWN_MINORS:
        found = tuple(_of_fields(schema.config, config, (), each)) or tuple(_of_rules(schema, config))
        if not found:
            break
    return found


def _of_rules(schema: Schema, config: Manifest) -> Iterator[Violation]:
    return (violation for rule in schema.rules if (violation := rule(config)))


def _of_fields(field: Field, value: Any, path: Path, minor: Minor) -> Iterator[Violation]:
    if not field.accepts(value, minor):
        later = field.newer.get(value) if isinstance(value, str) else None
        yield Violation(path, f"must be {field.demand(minor)}{f' ({value}: {_since(later, minor)})' if later else ''}")
    elif field.kind == "record":
        yield from _of_record(field, value, path, minor)
    elif field.items:
        for name, item in value.items() if field.kind == "map" else enumerate(value):
            yield from _of_fields(field.items, item, (*path, str(name)), minor)


def _of_record(field: Field, value: Manifest, path: Path, minor: Minor) -> Iterator[Violation]:
    for name, item in value.items():
        inner = field.fields.get(name)
        if inner and inner.exists_in(minor):
            yield from _of_fields(inner, item, (*path, name), minor)
        else:
            yield Violation((*path, name), _unknown(field, name, minor))
    for name, inner in field.fields.items():
        if inner.required and name not in value:
            yield Violation((*path, name), f"must be set, to {inner.demand(minor)}")


def _unknown(parent: Field, name: str, minor: Minor) -> str:
    field = parent.fields.get(name)
    if field is None:
        close = difflib.get_close_matches(name, parent.fields, n=1)
        return f"is unknown to Kong: {f'did you mean {close[0]}?' if close else 'correct its path or leave it out'}"
    if field.since > minor:
        return f"{_since(field.since, minor)}: leave it out or upgrade Kong"
    return f"exists only up to Kong {dotted(field.until)}: leave it out"


def _since(since: Minor, minor: Minor) -> str:
    return f"exists from Kong {dotted(since)} on, the gateway runs {dotted(minor)}"
