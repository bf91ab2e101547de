"""The panels of the Grafana dashboard: what is asked of Prometheus, and how the answer is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ROWS", "Panel", "Query"]

HERE: Final = 'namespace="$namespace"'
"""Selects one installation, as the variable of the dashboard says."""


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


def _stat(title: str, query: str, text: str, unit: str = "short", legend: str = "") -> Panel:
    return Panel(title, (Query(query, legend),), text, "stat", unit, width=3, height=4)


def _percentiles(metric: str, labels: str = "", by: str = "", legend: str = "") -> tuple[Query, ...]:
    """Median and 99th percentile of a histogram."""
    rate = f"sum by (le{by}) (rate(M:{metric}_bucket{{{labels}}}[$__rate_interval]))"
    return tuple(Query(f"histogram_quantile({q}, {rate})", f"{legend}p{q * 100:.0f}") for q in (0.5, 0.99))


_BY_BINDING: Final = "max by (binding_namespace, binding"
_NAMED: Final = "{{binding_namespace}}/{{binding}}"

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "State",
        (
            _stat("Leaders", "sum(M:leader{})", "1 is right."),
            _stat("Bindings", 'sum(max by (status) (M:bindings{condition="Ready"}))', "All bindings that the operator watches."),
            _stat(
                "Not Ready",
                'sum(max by (reason) (M:bindings_ready_reason{reason!~"Ready|Suspended"})) or vector(0)',
                "Suspended ones left out.",
            ),
            _stat("Longest wait", "max(M:queue_oldest_seconds{})", "Age of the key that waits longest for its turn.", "s"),
            _stat("Bugs", "sum(M:bugs_total{}) or vector(0)", "Exceptions that only a bug can cause, since the start."),
            _stat("Forbidden watches", "sum(max by (kind) (M:watches_forbidden{}))", "Kinds that the operator may not watch."),
            _stat(
                "Without series", "max(M:bindings_omitted{}) + max(M:endpoints_omitted{})", "Left out of the panels by --metrics-bindings."
            ),
            _stat("Version", "max by (version) (M:build_info{})", "The running version.", legend="{{version}}"),
        ),
    ),
    (
        "Bindings",
        (
            Panel("Bindings by reason of Ready", (Query("max by (reason) (M:bindings_ready_reason{})", "{{reason}}"),), "All bindings."),
            Panel(
                "Conditions that are not True",
                (Query('max by (condition, status) (M:bindings{status!="True"})', "{{condition}} {{status}}"),),
                "A binding counts once for each of its conditions.",
            ),
            Panel(
                "New failures by reason",
                (Query("sum by (reason) (increase(M:condition_failures_total{}[$__rate_interval]))", "{{reason}}"),),
                "Conditions that became False: refusals of the API server, of Kong, of Fiddler, and of the operator itself.",
            ),
            Panel(
                "Bindings that are not Ready",
                (Query(f'{_BY_BINDING}, reason) (M:binding_condition{{condition="Ready", status!="True"}})'),),
                "Namespace, name and reason.",
                "table",
                width=12,
            ),
            Panel(
                "Time since the last trace",
                (Query(f"time() - {_BY_BINDING}) (M:binding_last_trace_timestamp_seconds{{}})", _NAMED),),
                "Of bindings whose status has lastTraceTime.",
                unit="s",
                width=12,
            ),
        ),
    ),
    (
        "Probes",
        (
            Panel(
                "Targets by result",
                (Query("sum by (trace_endpoint, reason) (M:probe_targets{})", "{{trace_endpoint}} {{reason}}"),),
                "A target is an endpoint with an application and a key.",
            ),
            Panel(
                "Age of the last answer",
                (Query("max by (trace_endpoint) (M:probe_age_seconds{})", "{{trace_endpoint}}"),),
                "Of the oldest target.",
                unit="s",
            ),
            Panel(
                "Probes", (Query("sum by (reason) (rate(M:probe_total{}[$__rate_interval]))", "{{reason}}"),), "By result.", unit="reqps"
            ),
            Panel("Duration of probes", _percentiles("probe_duration_seconds"), "Median and 99th percentile.", unit="s", width=12),
            Panel(
                "Rollouts that the operator caused",
                (Query("sum by (kind, action) (increase(M:gateway_rollouts_total{}[$__rate_interval]))", "{{kind}} {{action}}"),),
                "Writes that replace a gateway's pods.",
                width=12,
            ),
        ),
    ),
    (
        "Operator",
        (
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
                "Keys that wait for a worker, and keys that are queued later.",
            ),
            Panel(
                "API requests",
                (Query("sum by (verb, code) (rate(M:api_requests_total{}[$__rate_interval]))", "{{verb}} {{code}}"),),
                "Code 0 stands for no answer.",
                unit="reqps",
            ),
            Panel(
                "Duration of API requests",
                _percentiles("api_request_duration_seconds", 'verb!="watch"', ", verb", "{{verb}} "),
                "Median and 99th percentile, to the headers of the answer.",
                unit="s",
            ),
            Panel(
                "Memory",
                (Query("process_resident_memory_bytes{} and on (instance) M:leader{}", "{{instance}}"),),
                "Resident.",
                unit="bytes",
                width=4,
            ),
            Panel(
                "CPU",
                (Query("rate(process_cpu_seconds_total{}[$__rate_interval]) and on (instance) M:leader{}", "{{instance}}"),),
                "Seconds each second.",
                width=4,
            ),
        ),
    ),
)
"""The rows of the dashboard: title and panels."""
