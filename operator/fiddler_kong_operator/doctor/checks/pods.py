"""The gateway's pods: the env with which each really runs, its version, and whether it is ready."""

from __future__ import annotations

from collections.abc import Iterator

from fiddler_kong_operator.doctor.diagnosis import Diagnosis, Outcome
from fiddler_kong_operator.doctor.evidence import Case, Pod
from fiddler_kong_operator.doctor.fixes import kubectl
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.gateway.env import Observation, SettingState, needed_settings, observe_setting
from fiddler_kong_operator.plan.gateway.version import parse_image
from fiddler_kong_operator.plan.workload import Container, Workload

from .contract import could_not_look, diagnose

__all__ = ["check_pods"]

_UNKNOWN = frozenset({SettingState.FROM_SOURCE, SettingState.HIDDEN})


def check_pods(case: Case) -> Outcome:
    """Whether every pod that serves now runs with the settings; the workload's template says only how new pods will run."""
    workload, key = case.snapshot.workload, case.snapshot.binding.workload
    if case.offline or workload is None or case.snapshot.binding.spec is None:
        return Outcome(f"not looked at: there is no {'cluster' if case.offline else 'gateway to look at'}", skipped=True)
    if case.pods.value is None:
        return could_not_look(key, case.pods)
    if not case.pods.value:
        text = f"{key} has no pod."
        return Outcome(text, (diagnose("NoPod", key, text, kubectl(workload.key.namespace, "describe", _resource(workload.key))),))
    if all(pod.container is None for pod in case.pods.value):
        return Outcome(f"not looked at: no pod has the container {case.snapshot.binding.spec.gateway.container}", skipped=True)
    diagnoses = tuple(found for pod in case.pods.value for found in _wrong(case, workload, pod))
    if diagnoses:
        return Outcome(diagnoses[0].cause, diagnoses)
    stated = case.snapshot.binding.spec.gateway.kong_version
    known = (parse_image(pod.container.image, stated).version for pod in case.pods.value if pod.container)
    versions = sorted({str(version) if version else "of unknown version" for version in known})
    return Outcome(f"{len(case.pods.value)} with the needed settings, Kong {', '.join(versions)}")


def _wrong(case: Case, workload: Workload, pod: Pod) -> Iterator[Diagnosis]:
    spec = case.snapshot.binding.spec
    if spec is None or pod.container is None:
        return
    found = [observe_setting(workload, pod.container, setting) for setting in needed_settings(spec)]
    wrong = [o for o in found if o.state is not SettingState.RIGHT and o.state not in _UNKNOWN]
    if wrong:
        text = f"{pod.key} runs with {', '.join(_shown(pod.container, o) for o in wrong)}."
        yield diagnose("PodLacksSettings", pod.key, text, _restart(workload))
    if any(o.state in _UNKNOWN for o in found):
        yield diagnose("PodSettingsUnknown", pod.key)
    image = parse_image(pod.container.image, spec.gateway.kong_version)
    if not image.supported:
        yield diagnose("PodTooOld", pod.key, f"{pod.key} runs Kong {image.version}.", _restart(workload))
    if not pod.ready:
        yield diagnose("PodNotReady", pod.key, f"{pod.key} is not ready.", kubectl(pod.key.namespace, "describe", "pod", pod.key.name))


def _shown(container: Container, found: Observation) -> str:
    """The present value of a setting beside the needed one."""
    values = [entry.value or "" for entry in container.entries(found.setting.name)]
    return f"{found.setting.name}={values[-1]} (needed: {found.setting.value})" if values else f"no {found.setting}"


def _restart(workload: Workload) -> str:
    halt = workload.halted("paused", "manual", "stuck")
    if halt:
        return halt.remedy
    return kubectl(workload.key.namespace, "rollout", "status", _resource(workload.key))


def _resource(key: ObjectKey) -> str:
    return f"{key.kind.lower()}/{key.name}"
