"""`POST /v3/spans/query`: filters and sorts the kept spans of an application.

Fiddler publishes the names of the request's fields but not the form of the filter. The sink reads the form of Fiddler's other queries:
`{"condition": "AND" | "OR", "rules": [{"field", "operator", "value"} or such a group]}`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from .mapping import AGENT, INPUT_USER, OUTPUT, MappedSpan

__all__ = ["Page", "SpanQuery", "find_spans", "iso_time", "span_item"]

_TEXT_TESTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda value, wanted: wanted in value,
    "begins_with": lambda value, wanted: value.startswith(wanted),
    "ends_with": lambda value, wanted: value.endswith(wanted),
}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _one_field(ordering: object) -> object:
    """The client sends a list of fields; the sink sorts by one."""
    return ordering[0] if isinstance(ordering, list) and len(ordering) == 1 else ordering


Moment = Annotated[datetime, AfterValidator(_aware)]
Ordering = Annotated[str, BeforeValidator(_one_field), Field(pattern=r"^-?(start_time|end_time|name|trace_id|session_id|status_code)$")]


class Rule(BaseModel):
    """One test of one field of a span."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    operator: Literal["equal", "not_equal", "in", "not_in", "contains", "begins_with", "ends_with", "is_empty", "is_not_empty"]
    value: Any = None

    def matches(self, item: dict[str, Any]) -> bool:
        """Whether a span's item passes. A missing field counts as empty."""
        value = item.get(self.field)
        if self.operator in _TEXT_TESTS:
            return _TEXT_TESTS[self.operator](str(value or ""), str(self.value))
        wanted = self.value if isinstance(self.value, list) else [self.value]
        found = value in (None, "") if self.operator.endswith("empty") else value in wanted
        return found != self.operator.startswith(("not_", "is_not_"))


class Group(BaseModel):
    """Several tests: all (AND) or at least one (OR) must pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: Literal["AND", "OR"] = "AND"
    rules: tuple[Rule | Group, ...] = ()

    def matches(self, item: dict[str, Any]) -> bool:
        """Whether a span's item passes. Every item passes a group without rules."""
        if not self.rules:
            return True
        results = (rule.matches(item) for rule in self.rules)
        return any(results) if self.condition == "OR" else all(results)


class SpanQuery(BaseModel):
    """The body of a query. Times without a zone are UTC. The range is compared with the start of a span and includes both ends."""

    model_config = ConfigDict(frozen=True)

    application_id: UUID
    start_time: Moment | None = None
    end_time: Moment | None = None
    filter: Group | None = None
    ordering: Ordering = "-start_time"
    page_size: int = Field(default=50, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)


class Page(BaseModel):
    """One page of a query's result. `total` counts the spans of all pages."""

    model_config = ConfigDict(frozen=True)

    items: tuple[dict[str, Any], ...]
    total: int


def find_spans(query: SpanQuery, spans: tuple[MappedSpan, ...]) -> Page:
    """The page of spans for a query."""
    found = [item for span in spans if _in_range(span, query) and _matches(item := span_item(span), query)]
    found.sort(key=lambda item: (item[query.ordering.removeprefix("-")], item["span_id"]), reverse=query.ordering.startswith("-"))
    return Page(items=tuple(found[query.offset : query.offset + query.page_size]), total=len(found))


def _in_range(span: MappedSpan, query: SpanQuery) -> bool:
    started = _moment(span.received.start_ns)
    after_start = query.start_time is None or started >= query.start_time
    before_end = query.end_time is None or started <= query.end_time
    return span.application_id == str(query.application_id) and after_start and before_end


def _matches(item: dict[str, Any], query: SpanQuery) -> bool:
    return query.filter is None or query.filter.matches(item)


def span_item(span: MappedSpan) -> dict[str, Any]:
    """A span as the query returns it."""
    received = span.received
    return {
        "name": received.name,
        "span_type": span.span_type.value,
        "session_id": span.session_id,
        "trace_id": received.trace_id,
        "span_id": received.span_id,
        "parent_span_id": span.parent_span_id,
        "start_time": iso_time(received.start_ns),
        "end_time": iso_time(received.end_ns),
        "status_code": received.status_code,
        "agent_name": span.text(AGENT),
        "input": span.text(INPUT_USER),
        "output": span.text(OUTPUT),
    }


def iso_time(nanoseconds: int) -> str:
    """A span's time in ISO 8601, UTC, with microseconds."""
    return _moment(nanoseconds).isoformat(timespec="microseconds")


def _moment(nanoseconds: int) -> datetime:
    """The time, or the last second of the year 9999 for any later time: Python's calendar ends there."""
    seconds, rest = divmod(min(nanoseconds, 253_402_300_799 * 10**9), 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
