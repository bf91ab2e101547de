"""The way from Kong to Fiddler: the exporter's log, and the trace endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator.api.conditions import ConditionType, Finding, finding_of, reason
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Case, Export

from .conditions import outcome_of
from .contract import could_not_look, diagnose

__all__ = ["check_endpoint", "check_exporter"]

_FIDDLERS_WORD: Final = frozenset({"Unauthorized", "Forbidden", "ApplicationNotFound", "Redirected", "EndpointNotFound", "NotOtlp"})
"""Answers that do not depend on where one asks from."""


def check_exporter(case: Case) -> Outcome:
    """Whether the log of a gateway's pod has errors of Kong's exporter. No line of it is shown: it may hold anything."""
    if case.exports.value is None:
        return could_not_look("the log of the gateway's pods", case.exports)
    if not case.exports.value:
        return Outcome("not looked at: the gateway has no pod", skipped=True)
    diagnoses = tuple(found for export in case.exports.value for found in _troubles(export))
    return Outcome(diagnoses[0].cause if diagnoses else "no error of the exporter in the last lines of the gateway's log", diagnoses)


def _troubles(export: Export) -> Iterator[Diagnosis]:
    for name, count in export.troubles.items():
        status = f", HTTP {export.statuses[name]}" if name in export.statuses else ""
        found = diagnose(name, export.pod)
        yield diagnose(name, export.pod, f"{found.cause} {export.pod}: {count} of the last lines{status}.", found.fix)


def check_endpoint(case: Case) -> Outcome:
    """Whether the trace endpoint answers: what the operator in the cluster says, and what it answers to this machine."""
    reported = case.reported.get(ConditionType.TRACE_ENDPOINT_REACHABLE, {})
    here = Finding(reason(case.probed.reason), case.probed.message) if case.probed else None
    if here and here.reason.name in _FIDDLERS_WORD:
        return _labelled("From this machine", case, here)
    if reported and reported["reason"] != "ProbePending":
        return _from_the_cluster(case, finding_of(reported), here)
    if here:
        return _labelled("From this machine", case, here)
    return Outcome("not probed: the key cannot be read, or the binding is not valid", skipped=True)


def _from_the_cluster(case: Case, said: Finding, here: Finding | None) -> Outcome:
    outcome = _labelled("From the operator", case, said)
    if not here or here.reason.name == said.reason.name:
        return outcome
    text = f"From this machine: {here.reason.name}: {here.message}"
    return Outcome(outcome.said, (*outcome.diagnoses, diagnose("ProbeDiffers", case.snapshot.binding.key, text)))


def _labelled(place: str, case: Case, finding: Finding) -> Outcome:
    outcome = outcome_of(case, finding)
    return Outcome(f"{place}: {outcome.said}", outcome.diagnoses, skipped=outcome.skipped)
