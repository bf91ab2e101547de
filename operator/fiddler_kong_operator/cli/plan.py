"""`fiddler-kong plan`: what the operator would change on this cluster, as a diff, without writing."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.kube.overlay import Change, Overlay
from fiddler_kong_operator.observe.kinds import WATCHED
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.kinds import BINDING, EVENT, SECRET
from fiddler_kong_operator.plan.objects.raw import mapping
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.reconcile.rehearsal import Rehearsal

from .access import Access, access_options, with_client
from .changes import diff, restarts, verb
from .documents import Document
from .files import parse_bindings, read_files
from .options import probe_options, read_probe
from .telling import COULD_NOT_LOOK, tell, tell_bug
from .values import BINDING_NAME

__all__ = ["plan"]

DIFFERENCES: Final = 1
_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class _Task:
    """The bindings to plan for, and the objects that are assumed to be applied before, each with its kind."""

    access: Access
    endpoints: EndpointPolicy
    bindings: tuple[Binding, ...] = ()
    around: tuple[tuple[Kind, Manifest], ...] = ()
    named: tuple[str, ...] = ()
    delete: bool = False

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to list for a user who may not list them all."""
        bindings = (place for b in self.bindings for place in (b.namespace, b.workload.namespace if b.workload else b.namespace))
        return tuple(dict.fromkeys([*self.access.scopes, *bindings]))

    async def run(self, client: Client) -> _Outcome:
        """Read the cluster, and run the operator's passes in memory."""
        overlay = Overlay(client)
        survey = await Survey.take(overlay, self.namespaces, self.endpoints, tell_bug)
        rehearsal = Rehearsal(overlay, survey.cache, self.endpoints, tell_bug)
        problems: list[str] = []
        for kind, raw in (*self.around, *((BINDING, _manifest(binding)) for binding in self.bindings)):
            try:
                await rehearsal.assume(kind, raw)
            except FiddlerKongError as error:
                problems.append(f"Left out: {error}.")
        keys = [b.key for b in self.bindings] or (rehearsal.concerned if self.around else sorted(set(self._keys(survey))))
        for key in keys:
            if survey.cache.binding(key) is None:
                problems.append(f"{key} does not exist, or may not be read.")
            elif self.delete:
                await rehearsal.assume_deletion(key)
        problems += await rehearsal.reconcile(keys)
        findings = [(key, *found) for key in keys for found in rehearsal.findings(key)]
        return _Outcome(tuple(overlay.changes()), tuple(_notes(survey)), tuple(problems), tuple(findings))

    def _keys(self, survey: Survey) -> Iterator[ObjectKey]:
        """The bindings that are there: those named, or all in the scope."""
        for scope in self.access.scopes or (None,):
            yield from () if self.named else survey.cache.keys(BINDING, scope)
        yield from (ObjectKey(BINDING.name, self.access.default_namespace, name) for name in self.named)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result. Notes are about objects that were not read; if a binding depends on them, a finding says so."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    findings: tuple[tuple[ObjectKey, str, str], ...]


@click.command()
@click.argument("bindings", type=BINDING_NAME, metavar="[BINDING]...", nargs=-1)
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="A file or directory of objects; - for standard input.")
@click.option("--delete", is_flag=True, help="Show what the deletion of the named bindings would change.")
@probe_options("allow_http", "allowed_addresses")
@access_options
def plan(bindings: tuple[str, ...], files: tuple[str, ...], *, delete: bool, **options: Any) -> None:
    """Show what the operator would change on this cluster.

    It writes nothing. With -f, it shows the changes as if the objects of FILE were applied: bindings, and what comes with them, such as
    Secrets, Services or a gateway's Deployment. Without it, it shows what is still to be done for these bindings of the cluster, or for all
    of the namespace. The diff holds the objects of the operator, the plugin lists of others' objects, and the settings of the gateway, as
    they will be after its rollout. Keys show as <redacted>. It needs the rights to list and get what the operator watches; what cannot be
    read is told.

    Exit codes: 0 nothing would change; 1 something would; 2 a binding is invalid or would be refused, or the cluster could not be read.
    """
    access = Access.of(options)
    if files and (bindings or delete):
        raise click.UsageError("Give either -f FILE, or names of bindings; --delete goes with names.")
    if delete and not bindings:
        raise click.UsageError("--delete needs the names of bindings.")
    endpoints = EndpointPolicy.of(read_probe(options))
    task, faulty = _task(files, access, endpoints) if files else (_Task(access, endpoints, named=bindings, delete=delete), False)
    raise SystemExit(_tell(with_client(access, task.run), faulty=faulty))


def _task(files: Sequence[str], access: Access, endpoints: EndpointPolicy) -> tuple[_Task, bool]:
    """The task that files give, and whether there are faulty bindings among them."""
    documents = read_files(files)
    namespace = access.default_namespace
    bindings, faulty = parse_bindings([document for document in documents if document.kind == names.KIND], namespace)
    around = [(document, _kind(document)) for document in documents if document.kind != names.KIND]
    ignored = sorted({document.kind or "objects without a kind" for document, kind in around if kind is None})
    if ignored:
        tell(f"Ignored: {', '.join(ignored)}.")
    assumed = tuple((kind, _placed(document, kind, namespace)) for document, kind in around if kind)
    if not bindings and not assumed:
        raise click.UsageError(f"{', '.join(files)}: nothing in there concerns the operator.")
    return _Task(access, endpoints, tuple(bindings), assumed), faulty


def _kind(document: Document) -> Kind | None:
    """The watched kind of an object that can be assumed to be applied; None for any other."""
    row = WATCHED.get(document.kind)
    fits = row and document.name and document.manifest.get("apiVersion") == row.kind.api_version and row.kind != EVENT
    return row.kind if row and fits else None


def _placed(document: Document, kind: Kind, namespace: str) -> Manifest:
    """The object with its namespace, and without the fields that the API server would convert."""
    metadata = {**document.metadata, "name": document.name, **({"namespace": document.namespace or namespace} if kind.namespaced else {})}
    manifest = {**document.manifest, "metadata": metadata}
    if kind == SECRET and isinstance(plain := manifest.pop("stringData", None), dict):
        encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
        manifest["data"] = {**mapping(manifest, "data"), **encoded}
    return manifest


def _manifest(binding: Binding) -> Manifest:
    metadata = {"name": binding.name, "namespace": binding.namespace}
    spec = binding.spec.model_dump(mode="json", by_alias=True, exclude_unset=True) if isinstance(binding.spec, BindingSpec) else None
    return {"apiVersion": BINDING.api_version, "kind": BINDING.name, "metadata": metadata, "spec": spec}


def _notes(survey: Survey) -> Iterator[str]:
    if not survey.cache.installed(BINDING):
        yield f"The cluster does not know {BINDING.name}: install its definition first. The plan takes it for installed."
    yield from (f"{text}." for text in survey.unread)


def _tell(outcome: _Outcome, *, faulty: bool) -> int:
    """Print it; returns the exit code."""
    shown = [(change, lines) for change in outcome.changes if (lines := diff(change))]
    for line in (line for _, lines in shown for line in lines):
        click.echo(click.style(line, fg=_COLOURS.get(line[:1])))
    for text in (*_summary([change for change, _ in shown]), *outcome.notes, *outcome.problems):
        tell(text)
    for key, reason, message in outcome.findings:
        tell(message, key, reason)
    if faulty or outcome.problems or outcome.findings:
        return COULD_NOT_LOOK
    return DIFFERENCES if shown else 0


def _summary(changes: Sequence[Change]) -> Iterator[str]:
    yield ", ".join(_counted(map(verb, changes))) if changes else "Nothing would change."
    for change in changes:
        if restarts(change):
            yield f"{change.key}: its pods are replaced, which restarts the gateway for all its users."


def _counted(verbs: Iterable[str]) -> Iterator[str]:
    found = list(verbs)
    yield from (f"{found.count(done)} {done}" for done in ("created", "changed", "deleted") if done in found)
