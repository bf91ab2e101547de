"""Where a person sets the env of a gateway: in the values of the chart that installed it, or in an object of Kong Operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import DATA_PLANE
from fiddler_kong_operator.plan.workload import Workload

from .env import Setting
from .operated import managed_elsewhere, origin
from .workload_kinds import WORKLOADS

__all__ = ["Remedy", "remedy_of"]

Remedy = Callable[[Iterable[Setting]], str]
"""Says how to make settings: a main clause without a full stop."""

_CHART_LABEL: Final = "helm.sh/chart"
_CHARTS: Final = {"kong": ("kong", "env"), "gateway": ("ingress", "gateway.env")}
"""Name in the label -> Kong's chart and the path of its env. Chart `ingress` installs chart `kong` under the name `gateway`."""


def remedy_of(workload: Workload, container: str) -> Remedy:
    """How to set the env of this container of a gateway."""
    if workload.operated or managed_elsewhere(workload):
        return partial(_in_object, origin(workload) or workload.key, container)
    chart = _CHARTS.get(workload.labels.get(_CHART_LABEL, "").rpartition("-")[0])
    return partial(_with_helm, [chart] if chart else list(_CHARTS.values()))


def _with_helm(charts: Iterable[tuple[str, str]], settings: Iterable[Setting]) -> str:
    lines = [setting.helm_value for setting in settings]
    values = (f"{', '.join(f'{env}.{line}' for line in lines)} (chart {chart})" for chart, env in charts)
    return f"With Helm, set {' or '.join(values)}"


def _in_object(key: ObjectKey, container: str, settings: Iterable[Setting]) -> str:
    """The remedy with the entries of env in YAML, as they are written in an object of Kong Operator."""
    row = WORKLOADS.get(key.kind)
    if row is None or not row.operated:
        row, shown = WORKLOADS[DATA_PLANE.name], "the DataPlane or GatewayConfiguration that it comes from"
    else:
        shown = str(key)
    return f"In {shown}, set {row.env_path(container)}: [{', '.join(setting.yaml for setting in settings)}]"
