"""Sessions: the kept spans of one conversation, ordered by start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .mapping import INPUT_USER, OUTPUT, MappedSpan, SpanType

__all__ = ["Session", "SessionStore"]

SpanKey: TypeAlias = tuple[str, str]
SessionKey: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Session:
    """All spans of one application with the same `gen_ai.conversation.id`, ordered by start. There is at least one."""

    application_id: str
    session_id: str
    spans: tuple[MappedSpan, ...]

    @property
    def llm_spans(self) -> tuple[MappedSpan, ...]:
        """The spans of the type llm: one for each call."""
        return tuple(span for span in self.spans if span.span_type is SpanType.LLM)

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the answers (of the requests, where an answer names none), each once, in order."""
        names = (span.text("gen_ai.response.model") or span.text("gen_ai.request.model") for span in self.spans)
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers, each once, in order."""
        names = (span.text("gen_ai.provider.name") for span in self.spans)
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def input_tokens(self) -> int:
        """Tokens of all prompts."""
        return sum(span.input_tokens for span in self.spans)

    @property
    def output_tokens(self) -> int:
        """Tokens of all answers."""
        return sum(span.output_tokens for span in self.spans)

    @property
    def total_tokens(self) -> int:
        """Tokens of all prompts and answers."""
        return sum(span.total_tokens for span in self.spans)

    @property
    def started_ns(self) -> int:
        """Start of the first span, in nanoseconds since 1970."""
        return self.spans[0].received.start_ns

    @property
    def ended_ns(self) -> int:
        """End of the span that ended last, in nanoseconds since 1970."""
        return max(span.received.end_ns for span in self.spans)

    @property
    def input(self) -> str:
        """The first captured user message."""
        return next((text for span in self.spans if (text := span.text(INPUT_USER))), "")

    @property
    def output(self) -> str:
        """The last captured answer."""
        return next((text for span in reversed(self.spans) if (text := span.text(OUTPUT))), "")


class SessionStore:
    """The kept spans, in memory. Above `limit` the oldest arrival is deleted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrivals: dict[SpanKey, SessionKey] = {}
        self._sessions: dict[SessionKey, dict[SpanKey, MappedSpan]] = {}

    def __len__(self) -> int:
        """The number of kept spans."""
        return len(self._arrivals)

    def add(self, span: MappedSpan) -> bool:
        """Add a span. A span that a sender repeats replaces the earlier copy, and the result is False."""
        key = (span.received.trace_id, span.received.span_id)
        is_new = key not in self._arrivals
        if not is_new:
            self._remove(key)
        session = (span.application_id, span.session_id)
        self._arrivals[key] = session
        self._sessions.setdefault(session, {})[key] = span
        if len(self._arrivals) > self._limit:
            self._remove(next(iter(self._arrivals)))
        return is_new

    def clear(self) -> None:
        """Delete every span."""
        self._arrivals.clear()
        self._sessions.clear()

    def spans(self) -> tuple[MappedSpan, ...]:
        """Every kept span, grouped by session."""
        return tuple(span for spans in self._sessions.values() for span in spans.values())

    def sessions(self) -> tuple[Session, ...]:
        """Every session, the latest active first."""
        found = (_session(key, spans) for key, spans in self._sessions.items())
        return tuple(sorted(found, key=lambda session: session.ended_ns, reverse=True))

    def session(self, application_id: str, session_id: str) -> Session | None:
        """The session, or None where there is none."""
        spans = self._sessions.get((application_id, session_id))
        return _session((application_id, session_id), spans) if spans else None

    def _remove(self, key: SpanKey) -> None:
        session = self._arrivals.pop(key)
        self._sessions[session].pop(key)
        if not self._sessions[session]:
            del self._sessions[session]


def _session(key: SessionKey, spans: dict[SpanKey, MappedSpan]) -> Session:
    ordered = sorted(spans.values(), key=lambda span: (span.received.start_ns, span.received.span_id))
    return Session(*key, tuple(ordered))
