"""The panels of the Grafana dashboard: what is asked of Prometheus, and how the answer is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ROWS", "Panel", "Query"]

HERE: Final = 'namespace="$namespace"'
"""Selects one installation, as the variable of the dashboard says."""

Steps = tuple[tuple[float | None, str], ...]
"""Colours of a value, each from a number on; the first has no number."""

Style = Literal["line", "area", "bars"]
"""How a time series is drawn: lines, or stacked areas of numbers that add up, or stacked bars of events."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and the legend of its series. In `text`, `M:name{...}` is a metric of ours, restricted to the installation."""

    text: str
    legend: str = ""

    @property
    def expression(self) -> str:
        """The query as Prometheus takes it."""
        text = self.text.replace("M:", "fiddler_kong_operator_")
        return text.replace("{", f"{{{HERE}, ").replace(", }", "}")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `kind` is Grafana's name of the panel type, `unit` Grafana's name of the unit; a row is 24 wide."""

    title: str
    queries: tuple[Query, ...]
    text: str
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    style: Style = "line"
    steps: Steps = ()
    """Without steps, a number has no colour: Grafana's own steps are green, and red from 80 on."""
    columns: tuple[tuple[str, str, int], ...] = ()
    """Of a table: label, title and pixels of each column from left to right; `Value` is the number, 0 pixels the width that is left."""
    empty: str = ""
    """Shown in place of "No data"."""


RIGHT_IS_0: Final[Steps] = ((None, "green"), (1, "red"))
RIGHT_IS_1: Final[Steps] = ((None, "red"), (1, "green"), (2, "red"))
WAIT: Final[Steps] = ((None, "green"), (10, "orange"), (60, "red"))
"""The last step is that of the alert FiddlerKongQueueStuck."""

_ZERO: Final = "0 * sum(M:build_info{})"
"""0 while an operator is scraped, otherwise nothing: a panel must not show 0 problems of an operator that does not answer."""

_FAILING: Final = 'reason!~"Reachable|ProbePending"'

_HEALTHY: Final = "None, if Leaders is 1."
"""Says in place of "No data" what nothing means: an operator that does not answer has no faults to show either."""


def _stat(title: str, query: str, text: str, steps: Steps = (), unit: str = "short", legend: str = "") -> Panel:
    return Panel(title, (Query(query, legend),), text, "stat", unit, width=3, height=4, steps=steps)


def _percentiles(metric: str, labels: str = "", by: str = "", legend: str = "") -> tuple[Query, ...]:
    """Median and 99th percentile of a histogram."""
    rate = f"sum by (le{by}) (rate(M:{metric}_bucket{{{labels}}}[$__rate_interval]))"
    return tuple(Query(f"histogram_quantile({q}, {rate})", f"{legend}p{q * 100:.0f}") for q in (0.5, 0.99))


def _events(counter: str, by: str) -> str:
    """How often something happened since the bar before, without what did not happen. An increase() is extrapolated: of 3 it makes 4."""
    return f"sum by ({by}) (clamp_min(M:{counter}{{}} - M:{counter}{{}} offset $__interval, 0)) > 0"


_BY_BINDING: Final = "max by (binding_namespace, binding"
_BINDING: Final = (("binding_namespace", "Namespace", 0), ("binding", "Binding", 0))

_STATE: Final = (
    _stat("Leaders", "sum(M:leader{}) or vector(0)", "1 is right. 0: no operator answers, or none holds the Lease.", RIGHT_IS_1),
    _stat("Replicas", "count by (version) (M:build_info{})", "Replicas that answer, by their version.", legend="{{version}}"),
    _stat("Bindings", 'sum(max by (status) (M:bindings{condition="Ready"}))', "All bindings that the operator watches."),
    _stat(
        "Not Ready",
        f'sum(max by (reason) (M:bindings_ready_reason{{reason!~"Ready|Suspended"}})) or {_ZERO}',
        "Suspended ones left out.",
        RIGHT_IS_0,
    ),
    _stat(
        "Failing targets",
        f"sum(M:probe_targets{{{_FAILING}}}) or {_ZERO}",
        "Combinations of endpoint, application and key whose last probe failed.",
        RIGHT_IS_0,
    ),
    _stat("Longest wait", "max(M:queue_oldest_seconds{})", "Time for which a binding or gateway has waited for its turn.", WAIT, "s"),
    _stat("Bugs", f"sum(M:bugs_total{{}}) or {_ZERO}", "Exceptions that only a bug can cause, since the start.", RIGHT_IS_0),
    _stat("Unwatched kinds", "sum(max by (kind) (M:watches_forbidden{}))", "Kinds that the operator may not watch.", RIGHT_IS_0),
)

_BINDINGS: Final = (
    Panel(
        "Bindings that are not Ready",
        (Query(f'{_BY_BINDING}, status, reason) (M:binding_condition{{condition="Ready", status!="True"}})'),),
        "`kubectl describe fiddlerkongbinding` says what to do. --metrics-bindings limits the rows.",
        "table",
        width=12,
        columns=(*_BINDING, ("status", "Ready", 100), ("reason", "Reason", 0)),
        empty=_HEALTHY,
    ),
    Panel(
        "Bindings that are not Ready, by reason",
        (Query('max by (reason) (M:bindings_ready_reason{reason!="Ready"})', "{{reason}}"),),
        "Suspended ones too. Every binding counts, also beyond --metrics-bindings.",
        width=12,
        style="area",
        empty=_HEALTHY,
    ),
    Panel(
        "New failures by reason",
        (Query(_events("condition_failures_total", "reason"), "{{reason}}"),),
        "Conditions that became False: refusals of the API server, of Kong, of Fiddler, and of the operator itself.",
        width=12,
        style="bars",
        empty="None in this time.",
    ),
    Panel(
        "Last traces",
        (
            Query(
                f'{_BY_BINDING}, reason) (M:binding_condition{{condition="TracesArriving"}}) '
                f"* on (binding_namespace, binding) group_left () (time() - {_BY_BINDING}) (M:binding_last_trace_timestamp_seconds{{}}))"
            ),
        ),
        "Bindings that had traces in Fiddler: what the condition TracesArriving says, and the time since the last one.",
        "table",
        "s",
        width=12,
        columns=(*_BINDING, ("reason", "TracesArriving", 0), ("Value", "Last trace ago", 130)),
        empty="None yet.",
    ),
)

_GATEWAYS: Final = (
    Panel(
        "Targets by result",
        (Query("sum by (reason) (M:probe_targets{})", "{{reason}}"),),
        "Combinations of endpoint, application and key, by the result of their last probe.",
        style="area",
    ),
    Panel(
        "Failing targets by endpoint",
        (Query(f"sum by (trace_endpoint, reason) (M:probe_targets{{{_FAILING}}})"),),
        "Kong sends to the same endpoints with the same keys: traces of these targets are probably lost.",
        "table",
        columns=(("trace_endpoint", "Endpoint", 0), ("reason", "Reason", 150), ("Value", "Targets", 80)),
        empty=_HEALTHY,
    ),
    Panel(
        "Time since the last answer",
        (Query("max by (trace_endpoint) (M:probe_age_seconds{})", "{{trace_endpoint}}"),),
        "Of the target of each endpoint that has waited longest. It rises to the interval of probes (5 minutes), unless a probe fails.",
        unit="s",
    ),
    Panel(
        "Probes",
        (Query(_events("probe_total", "reason"), "{{reason}}"),),
        "Probes of the trace endpoints, by their result.",
        style="bars",
        empty="None in this time.",
    ),
    Panel("Duration of probes", _percentiles("probe_duration_seconds"), "Median and 99th percentile.", unit="s"),
    Panel(
        "Rollouts that the operator caused",
        (Query(_events("gateway_rollouts_total", "kind, action"), "{{kind}} {{action}}"),),
        "Writes that replace a gateway's pods: apply sets the operator's settings, release removes them.",
        style="bars",
        empty="None in this time.",
    ),
)

_OPERATOR: Final = (
    Panel(
        "Reconciliations",
        (Query("sum by (kind, result) (rate(M:reconcile_total{}[$__rate_interval]))", "{{kind}} {{result}}"),),
        "By kind and result.",
        unit="ops",
    ),
    Panel(
        "Duration of reconciliations",
        _percentiles("reconcile_duration_seconds", by=", kind", legend="{{kind}} "),
        "Median and 99th percentile.",
        unit="s",
    ),
    Panel(
        "Queue",
        (Query("sum by (lane) (M:queue_depth{})", "{{lane}}"), Query("sum(M:queue_delayed{})", "delayed")),
        "Keys that wait for a worker, and keys that are queued for later.",
        width=5,
    ),
    Panel(
        "Without series",
        (Query("max(M:bindings_omitted{}) + max(M:endpoints_omitted{})"),),
        "Bindings and endpoints that --metrics-bindings leaves out of the tables.",
        "stat",
        width=3,
    ),
    Panel(
        "API requests",
        (Query("sum by (verb, code) (rate(M:api_requests_total{}[$__rate_interval]))", "{{verb}} {{code}}"),),
        "Code 0 stands for no answer.",
        unit="reqps",
    ),
    Panel(
        "Duration of API requests",
        _percentiles("api_request_duration_seconds", 'verb!="watch"', ", verb", "{{verb}} ")[-1:],
        "99th percentile, to the headers of the answer.",
        unit="s",
    ),
    Panel(
        "Memory",
        (Query("process_resident_memory_bytes{} and on (instance) M:leader{}", "{{instance}}"),),
        "Resident memory.",
        unit="bytes",
        width=4,
    ),
    Panel(
        "CPU",
        (Query("rate(process_cpu_seconds_total{}[$__rate_interval]) and on (instance) M:leader{}", "{{instance}}"),),
        "Of one core.",
        unit="percentunit",
        width=4,
    ),
)

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    ("State", _STATE),
    ("Bindings", _BINDINGS),
    ("Trace endpoints and gateways", _GATEWAYS),
    ("Operator", _OPERATOR),
)
"""The rows of the dashboard: title and panels."""
