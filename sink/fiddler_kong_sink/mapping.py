"""Maps a span as Fiddler does: the two tables of the Kong integration page, row by row.

Span types, for spans whose resource says `service.name == "kong"` exactly:

    chat {model}, text_completion {model}, generate_content {model}   llm, re-parented to the trace root
    kong, kong.*, any other name that starts with kong                dropped as infrastructure

Spans of any other service keep their attributes and have the type Unknown. The page does not cover a Kong span with another name: the sink
keeps it as Unknown, so that it is visible.

Attributes of Kong's spans: see `_map_attributes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .messages import assistant_text, parse_messages, system_text, user_text
from .spans import ReceivedSpan, Value

__all__ = ["KONG_SERVICE", "LLM_OPERATIONS", "UNKNOWN_AGENT", "MappedSpan", "SpanType", "is_infrastructure", "map_span"]

KONG_SERVICE: Final = "kong"
"""Fiddler recognises Kong by this `service.name`, compared exactly, case included."""

LLM_OPERATIONS: Final = ("chat", "text_completion", "generate_content")
"""Spans of these operations have the type llm."""

UNKNOWN_AGENT: Final = "<UNKNOWN_AGENT>"
"""The agent of a span that names none."""

AGENT: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
OPERATION: Final = "gen_ai.operation.name"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
INPUT_SYSTEM: Final = "gen_ai.llm.input.system"
INPUT_USER: Final = "gen_ai.llm.input.user"
OUTPUT: Final = "gen_ai.llm.output"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOTAL_TOKENS: Final = "gen_ai.usage.total_tokens"
SYSTEM_PREFIX: Final = "fiddler.span.system."


class SpanType(StrEnum):
    """The span types that Kong's spans can have in Fiddler."""

    LLM = "llm"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class MappedSpan:
    """A span as Fiddler would keep it: `attributes` is after the mapping, `received` before it."""

    application_id: str
    span_type: SpanType
    parent_span_id: str
    attributes: Mapping[str, Value]
    received: ReceivedSpan

    @property
    def session_id(self) -> str:
        """The conversation's id, or the trace id where the client sent none: each call is then a session of its own."""
        return self.text(CONVERSATION) or self.received.trace_id

    @property
    def groups_by_trace(self) -> bool:
        """Whether the session is only the trace, because no `X-Fiddler-Conversation-Id` reached this span."""
        return self.session_id == self.received.trace_id

    @property
    def input_tokens(self) -> int:
        """Tokens of the prompt, 0 where the span has no count."""
        return self._tokens(INPUT_TOKENS)

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer, 0 where the span has no count."""
        return self._tokens(OUTPUT_TOKENS)

    @property
    def total_tokens(self) -> int:
        """Tokens of prompt and answer, 0 where the span has no count."""
        return self._tokens(TOTAL_TOKENS)

    def text(self, attribute: str) -> str:
        """A mapped attribute as text, "" where it is absent or empty."""
        value = self.attributes.get(attribute)
        return "" if value is None else str(value)

    def _tokens(self, attribute: str) -> int:
        return _count(self.attributes.get(SYSTEM_PREFIX + attribute, self.attributes.get(attribute))) or 0


def is_infrastructure(span: ReceivedSpan) -> bool:
    """Whether Fiddler drops the span: it is from Kong and its name starts with `kong`."""
    return span.service_name == KONG_SERVICE and span.name.startswith("kong")


def map_span(span: ReceivedSpan, application_id: str) -> MappedSpan:
    """The span as Fiddler would keep it. Drop infrastructure spans first (`is_infrastructure`)."""
    if span.service_name != KONG_SERVICE:
        return MappedSpan(application_id, SpanType.UNKNOWN, span.parent_span_id, span.attributes, span)
    span_type = SpanType.LLM if _is_llm(span) else SpanType.UNKNOWN
    parent = "" if span_type is SpanType.LLM else span.parent_span_id
    return MappedSpan(application_id, span_type, parent, _map_attributes(span), span)


def _is_llm(span: ReceivedSpan) -> bool:
    return span.name.split(" ", 1)[0] in LLM_OPERATIONS or span.attributes.get(OPERATION) in LLM_OPERATIONS


def _map_attributes(span: ReceivedSpan) -> dict[str, Value]:
    """The page's attribute table. Attributes that it does not name stay unchanged."""
    attributes = dict(span.attributes)
    attributes.update(_total_tokens(attributes))
    attributes.update(_messages(attributes))
    attributes.setdefault(AGENT, UNKNOWN_AGENT)
    if attributes.get(CONVERSATION) in (None, ""):
        attributes[CONVERSATION] = span.trace_id
    for name in (INPUT_TOKENS, OUTPUT_TOKENS):
        if name in attributes:
            attributes[SYSTEM_PREFIX + name] = attributes.pop(name)
    return attributes


def _total_tokens(attributes: Mapping[str, Value]) -> dict[str, Value]:
    parts = (_count(attributes.get(INPUT_TOKENS)), _count(attributes.get(OUTPUT_TOKENS)))
    if TOTAL_TOKENS in attributes or None in parts:
        return {}
    return {TOTAL_TOKENS: sum(part or 0 for part in parts)}


def _messages(attributes: dict[str, Value]) -> dict[str, Value]:
    """Attributes with the texts of the message attributes, which are removed. A missing text gives no attribute."""
    inputs = parse_messages(attributes.pop(INPUT_MESSAGES, None))
    outputs = parse_messages(attributes.pop(OUTPUT_MESSAGES, None))
    texts = {INPUT_SYSTEM: system_text(inputs), INPUT_USER: user_text(inputs), OUTPUT: assistant_text(outputs)}
    return {name: text for name, text in texts.items() if text}


def _count(value: Value) -> int | None:
    """A number of tokens from an integer, a whole float or digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else None  # noqa: PLR2004
