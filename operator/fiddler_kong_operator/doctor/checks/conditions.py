"""The checks that tell a condition: Accepted, SecretsResolved, GatewayConfigured, PluginsProgrammed and TracesArriving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from fiddler_kong_operator.api.conditions import ConditionType, Finding, finding_of
from fiddler_kong_operator.doctor.codes import PENDING, code_of
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Case, Look
from fiddler_kong_operator.doctor.fixes import fix_for

from .contract import could_not_look, diagnose

__all__ = ["check_arrivals", "check_binding", "check_condition", "check_plugins", "outcome_of", "tell"]

_FROM_GATEWAY: Final = "If calls were made, fiddler-kong doctor --from-gateway shows whether the gateway reaches the trace endpoint."


def tell(case: Case, finding: Finding) -> Iterator[Diagnosis]:
    """The diagnosis of a finding; none where it says that all is well, or that an earlier condition decides."""
    code = code_of(finding.reason.name)
    if code.severity is not None:
        yield Diagnosis.of(code, case.snapshot.binding.key, finding.message, fix_for(finding, case.snapshot))


def outcome_of(case: Case, finding: Finding) -> Outcome:
    """The outcome of a check that is one finding."""
    skipped = finding.reason.name in PENDING
    return Outcome(finding.message, tuple(tell(case, finding)), skipped=skipped)


def check_condition(kind: ConditionType) -> Callable[[Case], Outcome]:
    """A check of one condition, by the finding that holds now or, where this user cannot see that, by the operator's status."""

    def check(case: Case) -> Outcome:
        finding, hidden = case.findings.get(kind), case.unread.get(kind)
        if finding is None:
            return could_not_look(case.snapshot.binding.key, hidden or Look())
        if hidden is None:
            return outcome_of(case, finding)
        if kind in case.reported:
            return Outcome(f"the operator says: {finding.message}", tuple(tell(case, finding)))
        return could_not_look(case.snapshot.binding.key, hidden)

    return check


def check_binding(case: Case) -> Outcome:
    """Whether the binding is accepted, and whether the operator has answered its present spec."""
    outcome = check_condition(ConditionType.ACCEPTED)(case)
    if case.offline:
        assumed = tuple(diagnose("NotInFiles", case.snapshot.binding.key, note) for note in case.notes)
        return Outcome(outcome.said, (*outcome.diagnoses, *assumed), skipped=outcome.skipped)
    if case.reported or outcome.diagnoses:
        return outcome
    return Outcome(outcome.said, (diagnose("NotSeen", case.snapshot.binding.key),))


def check_plugins(case: Case) -> Outcome:
    """Whether Kong has the plugins: by missing objects, refusals of Kong or the API server, and the Admin API."""
    outcome = check_condition(ConditionType.PLUGINS_PROGRAMMED)(case)
    if outcome.diagnoses or outcome.skipped or not outcome.looked:
        return outcome
    if case.unapplied:
        said = f"Missing, or without the plugins on its list: {', '.join(map(str, case.unapplied[:5]))}."
        return Outcome(said, (diagnose("NotApplied", case.snapshot.binding.key, said),))
    if case.lacking.value:
        said = f"The Admin API does not have {', '.join(case.lacking.value)}."
        return Outcome(said, (diagnose("NotInKong", case.snapshot.binding.key, said),))
    asked = " Kong's Admin API has them all." if case.lacking.value is not None else ""
    return Outcome(f"{outcome.said}{asked}", outcome.diagnoses)


def check_arrivals(case: Case) -> Outcome:
    """Whether Fiddler has spans of the binding, as the operator reads them back."""
    condition = case.reported.get(ConditionType.TRACES_ARRIVING)
    if condition is None:
        return Outcome("The operator has not read spans back from Fiddler.", skipped=True)
    finding = finding_of(condition)
    hint = f" {_FROM_GATEWAY}" if finding.reason.name == "NoTracesYet" and case.reach is None else ""
    diagnoses = tuple(replace(found, fix=f"{found.fix}{hint}") for found in tell(case, finding))
    return Outcome(finding.message, diagnoses, skipped=finding.status == "Unknown")
