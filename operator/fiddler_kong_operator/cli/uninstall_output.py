"""How `uninstall` shows what it would do, or what it did: lines for people, or JSON and YAML with a stable schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.kube.overlay import Change
from fiddler_kong_operator.kube.rights import Right
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.kinds import BINDING, KINDS

from .changes import restarts
from .doctor_output import FORMATS
from .installation import Installation
from .removal import View
from .sources import source_of
from .telling import plain, tell

__all__ = ["Outcome", "show"]

_DEFINITION: Final = f"kubectl delete crd {names.PLURAL}.{names.GROUP}"

Items = Mapping[ObjectKey, str]
"""The change of each object, in a few words."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The findings and changes of a run."""

    applied: bool
    operator: str
    left: Items
    """Still to be deleted or restored."""
    done: Items = field(default_factory=dict)
    """Deleted or restored."""
    missing: Sequence[Right] = ()
    notes: Sequence[str] = ()
    problems: Sequence[str] = ()
    commands: Sequence[str] = ()
    """The commands that remove the rest, once nothing of the bindings is left."""

    @classmethod
    def planned(cls, view: View, installation: Installation, missing: Sequence[Right]) -> Self:
        """The outcome of a run that changes nothing."""
        notes = (*view.notes, *_sources(view))
        commands = tuple(_commands(view, installation))
        left, told = _described(view), view.problems
        return cls(applied=False, operator=installation.told, left=left, missing=missing, notes=notes, problems=told, commands=commands)

    @classmethod
    def carried_out(cls, before: View, after: View, installation: Installation, problems: Mapping[ObjectKey, str]) -> Self:
        """The outcome of a run: everything that is no longer left counts as done."""
        left = _described(after)
        done = {key: text for key, text in _described(before).items() if key not in left}
        told = (*problems.values(), *after.problems)
        commands, notes = tuple(_commands(after, installation)), tuple(dict.fromkeys((*before.notes, *after.notes)))
        return cls(applied=True, operator=installation.told, done=done, left=left, notes=notes, problems=told, commands=commands)


def show(outcome: Outcome, output: str) -> None:
    """Print it in that format."""
    if output != "text":
        click.echo(FORMATS[output](_document(outcome)), nl=False)
        return
    for line in _text(outcome):
        click.echo(plain(line))
    for text in _remarks(outcome):
        tell(text)


def _described(view: View) -> dict[ObjectKey, str]:
    return {key: _description(key, change) for key, change in view.items.items()}


def _description(key: ObjectKey, change: Change | None) -> str:
    if change is None or change.after is None:
        return "deleted"
    if key.kind in WORKLOADS:
        return f"settings restored{', which replaces its pods' if restarts(change) else ''}"
    if key.kind == BINDING.name:
        return "finalizer removed"
    plugins = (change.after["metadata"].get("annotations") or {}).get(names.KONG_PLUGINS_ANNOTATION)
    return f"{names.KONG_PLUGINS_ANNOTATION}: {plugins}" if plugins else f"without {names.KONG_PLUGINS_ANNOTATION}"


def _sources(view: View) -> Iterator[str]:
    for raw in view.bindings:
        if source := source_of(raw):
            yield f"{BINDING.key(raw)} comes from {source}. Remove it there first, or it will be created again."


def _commands(view: View, installation: Installation) -> Iterator[str]:
    """The commands that remove the rest; none while there are, or may be, other bindings."""
    if view.others:
        return
    yield from installation.removal()
    yield _DEFINITION
    for key in view.grants:
        resource = KINDS[key.kind].plural
        yield f"kubectl --namespace {key.namespace} annotate {resource} {key.name} {names.GRANT_ANNOTATION}-"


def _text(outcome: Outcome) -> Iterator[str]:
    if outcome.applied:
        yield from _section("Deleted or restored:", outcome.done)
        yield from _section("Left:", outcome.left)
        yield "" if outcome.left else "Nothing of these bindings is left." if outcome.done else "There was nothing to delete or restore."
    else:
        yield outcome.operator
        yield from _section("Would be deleted or restored:", outcome.left)
        hint = "" if outcome.missing else " Add --yes to do it."
        yield f"Nothing was changed.{hint}" if outcome.left else "There is nothing to delete or restore."
    if outcome.commands and not (outcome.applied and outcome.left):
        yield "These stay. When nothing is left of the bindings, they are removed by:"
        yield from (f"  {command}" for command in outcome.commands)


def _section(title: str, items: Items) -> Iterator[str]:
    if items:
        width = max(len(str(key)) for key in items)
        yield title
        yield from (f"  {key!s:<{width}}  {text}" for key, text in items.items())


def _remarks(outcome: Outcome) -> Iterator[str]:
    yield from outcome.notes
    yield from (f"You may not {right}." for right in outcome.missing)
    if outcome.missing:
        yield "These rights are needed."
    yield from dict.fromkeys(outcome.problems)


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "applied": outcome.applied,
        "operator": outcome.operator,
        "done": [_entry(key, text) for key, text in outcome.done.items()],
        "left": [_entry(key, text) for key, text in outcome.left.items()],
        "missingRights": [str(right) for right in outcome.missing],
        "notes": list(outcome.notes),
        "problems": list(dict.fromkeys(outcome.problems)),
        "commands": list(outcome.commands),
    }


def _entry(key: ObjectKey, text: str) -> dict[str, str]:
    return {"kind": key.kind, "namespace": key.namespace, "name": key.name, "change": text}
