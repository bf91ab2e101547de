"""Kong's controller and the ingress class."""

from __future__ import annotations

from collections.abc import Iterator

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Case
from fiddler_kong_operator.doctor.fixes import kubectl
from fiddler_kong_operator.kube.objects import ObjectKey, seconds_of
from fiddler_kong_operator.plan.acceptance.routing import missing_class
from fiddler_kong_operator.plan.kinds import INGRESS_CLASS
from fiddler_kong_operator.plan.objects.raw import mapping
from fiddler_kong_operator.plan.status.warnings import is_recent

from .contract import could_not_look, diagnose

__all__ = ["check_controller", "check_ingress_class"]


def check_controller(case: Case) -> Outcome:
    """Whether Kong's controller shows signs of life, and whether Kong refuses its configuration."""
    if case.offline:
        return Outcome("not looked at: there is no cluster", skipped=True)
    diagnoses = (*_refusals(case), *_not_ready(case))
    if diagnoses:
        return Outcome(diagnoses[0].cause, diagnoses)
    signs = tuple(_signs(case))
    if signs:
        return Outcome(signs[0])
    if case.neighbours.missing:
        return could_not_look(case.snapshot.binding.workload, case.neighbours)
    text = f"no pod of it in the gateway's namespace, no event of it, and no Ingress of class {_class(case)} with an address"
    return Outcome(text, (diagnose("ControllerSilent", case.snapshot.binding.workload or "", f"{text[0].upper()}{text[1:]}."),))


def _refusals(case: Case) -> Iterator[Diagnosis]:
    """Refusals by Kong that no condition of the binding tells: those about objects of others."""
    snapshot = case.snapshot
    own = {*snapshot.children, *snapshot.targets}
    taken = max(snapshot.taken_at, _confirmed_at(case))
    for warning in snapshot.refusals:
        if warning.about not in own and is_recent(warning, snapshot.now) and warning.last_seen > taken:
            where = kubectl(warning.about.namespace, "events", f"--for={warning.about.kind.lower()}/{warning.about.name}")
            yield diagnose("ConfigurationRefused", warning.about, f"Kong refuses its configuration because of {warning.about}.", where)


def _confirmed_at(case: Case) -> float:
    """The time at which the binding's routes were last confirmed by Kong, which takes no route while it refuses its configuration.

    The event of a success may be missing: after about 25 events of one pod, Kubernetes' recorder drops those that follow for minutes.
    """
    condition = case.reported.get(ConditionType.PLUGINS_PROGRAMMED) or {}
    confirmed = case.snapshot.class_published and condition.get("status") == "True"
    return seconds_of(condition.get("lastTransitionTime")) if confirmed else 0.0


def _not_ready(case: Case) -> Iterator[Diagnosis]:
    for pod in case.neighbours.value or ():
        if not pod.ready:
            fix = kubectl(pod.key.namespace, "describe", "pod", pod.key.name)
            yield diagnose("ControllerNotReady", pod.key, f"{pod.key} is not ready.", fix)


def _signs(case: Case) -> Iterator[str]:
    for pod in case.neighbours.value or ():
        yield f"{pod.key} is ready"
    if case.snapshot.taken_at:
        yield f"Kong took its configuration {case.snapshot.now - case.snapshot.taken_at:.0f} s ago"
    if case.snapshot.class_published:
        yield f"it gave addresses to Ingresses of class {_class(case)}"
    if any(target.published or target.parents for target in case.snapshot.targets.values()):
        yield "it wrote the status of a route of the binding"


def check_ingress_class(case: Case) -> Outcome:
    """Whether the ingress class exists and is Kong's."""
    name = _class(case)
    subject = ObjectKey(INGRESS_CLASS.name, "", name)
    if case.ingress_class.missing:
        return could_not_look(subject, case.ingress_class)
    if case.ingress_class.value is None:
        if case.offline or not missing_class(case.snapshot):
            return Outcome(f"{name}: no IngressClass says whose it is", skipped=True)
        text = f"{subject} does not exist; there are: {', '.join(sorted(case.snapshot.ingress_classes))}."
        return Outcome(text, (diagnose("IngressClassNotFound", subject, text),))
    controller = str(mapping(case.ingress_class.value, "spec").get("controller") or "")
    if controller.startswith(names.KONG_CONTROLLER):
        return Outcome(f"{name} is Kong's")
    text = f"{subject} belongs to {controller or 'no controller'}."
    return Outcome(text, (diagnose("IngressClassOfOthers", subject, text),))


def _class(case: Case) -> str:
    spec = case.snapshot.binding.spec
    return spec.gateway.ingress_class_name if spec else ""
