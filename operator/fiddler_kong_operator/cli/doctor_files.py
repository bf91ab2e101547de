"""`doctor -f`: what would be wrong if these files were applied. Needs no cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.doctor.evidence import Case, Evidence, Look
from fiddler_kong_operator.doctor.report import Report, examine
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.workloads import reduce_workload
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.gateway.env import needed_settings
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot
from fiddler_kong_operator.plan.status.frozen import evaluate_freeze
from fiddler_kong_operator.plan.workload import Rollout, Workload

from .documents import Document
from .files import read_files, understood
from .offline import Surroundings, gather_offline
from .strict import InvalidBindingError, parse_binding

__all__ = ["examine_files"]

_WOULD_BE: Final = frozenset({"GatewayPending", "GatewayNotFound", "GatewayRollingOut"})
"""Reasons that only say what the operator would do next, or that the file does not have the gateway."""


def examine_files(paths: Sequence[str], namespace: str, name: str | None, policy: EndpointPolicy) -> Report:
    """The report about the bindings in these files, and in the files of these folders; click.UsageError where they cannot be read."""
    documents = read_files(paths)
    bindings = [_parse(document, namespace) for document in documents if document.kind == names.KIND and name in (None, document.name)]
    if not bindings:
        raise click.UsageError(f"The files hold no {names.KIND}{f' named {name}' if name else ''}.")
    others = [document for document in documents if document.kind != names.KIND]
    around = Surroundings.gather([b for b in bindings if b.spec], others, namespace, policy)
    workloads = dict(_workloads(others, namespace))
    return examine(Evidence(cases=tuple(_case(binding, around, workloads) for binding in bindings)), cluster=False)


def _parse(document: Document, namespace: str) -> Binding:
    """The binding; one that is invalid has no spec, and its errors."""
    try:
        return parse_binding(document, namespace)
    except InvalidBindingError as error:
        key = ObjectKey(names.KIND, document.namespace or namespace, document.name or "(without a name)")
        return Binding(key, uid="", generation=1, created="", resource_version="", spec=None, invalid="; ".join(error.problems))


def _workloads(documents: Iterable[Document], namespace: str) -> Iterator[tuple[ObjectKey, Workload]]:
    for document in documents:
        if document.kind in WORKLOADS and document.name:
            key = ObjectKey(document.kind, document.namespace or namespace, document.name)
            yield key, _workload(key, document.manifest)


def _workload(key: ObjectKey, manifest: Manifest) -> Workload:
    """A workload as it would run once it is applied and rolled out."""
    workload = understood(key, manifest, reduce_workload)
    halt = workload.rollout.halt
    return replace(workload, rollout=Rollout(complete=True, ready=True, halt=halt if halt and not halt.reported else None))


def _case(binding: Binding, around: Surroundings, workloads: dict[ObjectKey, Workload]) -> Case:
    snapshot, notes = gather_offline(binding, around) if binding.spec else (Snapshot(binding, now=0.0), ())
    snapshot = replace(snapshot, workload=workloads.get(binding.workload) if binding.workload else None, frozen_by=_doubled(around))
    decision = _decide(snapshot)
    findings = {kind: found for kind, found in decision.findings.items() if found.reason.name not in _WOULD_BE}
    pending = findings.pop(ConditionType.PLUGINS_PROGRAMMED, None)
    if frozen := evaluate_freeze(snapshot):
        pending = frozen
    elif pending is None or all(found.status == "True" for found in findings.values()):
        pending = Finding(reason("PluginsPending"), "The operator would apply the plugins.")
    findings[ConditionType.PLUGINS_PROGRAMMED] = pending
    return Case(snapshot, decision, findings, unread=dict(_absent(snapshot)), offline=True, notes=notes)


def _absent(snapshot: Snapshot) -> Iterator[tuple[ConditionType, Look[None]]]:
    workload = snapshot.binding.workload
    if workload and snapshot.workload is None:
        yield ConditionType.GATEWAY_CONFIGURED, Look(missing=f"the files do not have {workload}")


def _decide(snapshot: Snapshot) -> Decision:
    """The decision as if the operator had set the settings that the gateway lacks: GatewayPending would hide its other faults."""
    kind, workload, spec = ConditionType.GATEWAY_CONFIGURED, snapshot.workload, snapshot.binding.spec
    decision = decide(snapshot)
    before = decision.findings[kind]
    if before.reason.name != "GatewayPending" or workload is None or spec is None:
        return decision
    decision = decide(replace(snapshot, workload=_with_settings(workload, spec)))
    after = decision.findings[kind]
    return replace(decision, findings={**decision.findings, kind: Finding(after.reason, f"{before.message} {after.message}")})


def _with_settings(workload: Workload, spec: BindingSpec) -> Workload:
    needed = {setting.name: setting.entry for setting in needed_settings(spec)}
    containers = (
        replace(container, env=(*(entry for entry in container.env if entry.name not in needed), *needed.values()))
        if container.name == spec.gateway.container
        else container
        for container in workload.containers
    )
    return replace(workload, containers=tuple(containers))


def _doubled(around: Surroundings) -> tuple[tuple[ObjectKey, str], ...]:
    """Lists with a name twice, which freeze a gateway, where the files have the plugin."""
    return tuple((key, name) for key, target in around.targets.items() for name in target.doubled if name in around.listed([target]).facts)
