"""The silent drops: which spans of a request Fiddler keeps, and why it drops the others.

Fiddler answers 200 in each of these cases. So does the sink, which also counts the dropped spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .mapping import MappedSpan, is_infrastructure, map_span
from .settings import Application, SinkSettings
from .spans import ReceivedSpan

__all__ = ["APPLICATION_ID_HEADER", "EXPLANATIONS", "Admitted", "DropReason", "admit"]

APPLICATION_ID_HEADER: Final = "fiddler-application-id"
"""The HTTP header that names the Fiddler application of an export."""


class DropReason(StrEnum):
    """Why a span was dropped. Every reason except Infrastructure points to a wrong setting."""

    HEADER_MISSING = "ApplicationHeaderMissing"
    HEADER_UNKNOWN = "ApplicationHeaderUnknown"
    ATTRIBUTE_MISSING = "ApplicationAttributeMissing"
    ATTRIBUTE_UNKNOWN = "ApplicationAttributeUnknown"
    IDS_DIFFER = "ApplicationIdsDiffer"
    TOO_LARGE = "SpanTooLarge"
    INVALID_IDS = "InvalidSpanIds"
    INFRASTRUCTURE = "Infrastructure"


EXPLANATIONS = {
    DropReason.HEADER_MISSING: f"The request had no {APPLICATION_ID_HEADER} header: set it under headers of Kong's opentelemetry plugin.",
    DropReason.HEADER_UNKNOWN: f"The {APPLICATION_ID_HEADER} header is not the UUID of a known application: copy it from Fiddler.",
    DropReason.ATTRIBUTE_MISSING: "The resource had no application.id: set it under resource_attributes of Kong's opentelemetry plugin.",
    DropReason.ATTRIBUTE_UNKNOWN: "The resource's application.id is not the UUID of a known application: copy it from Fiddler.",
    DropReason.IDS_DIFFER: "Header and resource name two applications. Fiddler does not publish which one it follows: make them equal.",
    DropReason.TOO_LARGE: "The span is over 10 MB. Fiddler loses such spans: capture shorter prompts, or none.",
    DropReason.INVALID_IDS: "Trace or span id is not valid by OTLP's rules (16 and 8 bytes, not all zero).",
    DropReason.INFRASTRUCTURE: "One of Kong's own spans (its name starts with kong). Fiddler keeps only the LLM span: nothing to repair.",
}
"""A sentence for each reason: its meaning and the remedy."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The spans of one request: kept or dropped."""

    kept: tuple[MappedSpan, ...]
    dropped: tuple[tuple[DropReason, ReceivedSpan], ...]


def admit(spans: Iterable[ReceivedSpan], header: str | None, settings: SinkSettings) -> Admitted:
    """Map or drop each span of a request. `header` is its application header, None where the request has none."""
    kept: list[MappedSpan] = []
    dropped: list[tuple[DropReason, ReceivedSpan]] = []
    for span in spans:
        outcome = _judge(span, header, settings)
        if isinstance(outcome, DropReason):
            dropped.append((outcome, span))
        else:
            kept.append(map_span(span, str(outcome.id)))
    return Admitted(tuple(kept), tuple(dropped))


def _judge(span: ReceivedSpan, header: str | None, settings: SinkSettings) -> Application | DropReason:
    outcome = _application_of(span, header, settings.application)
    return outcome if isinstance(outcome, DropReason) else _unfit(span, settings.max_span_bytes) or outcome


def _application_of(span: ReceivedSpan, header: str | None, known: Callable[[str], Application | None]) -> Application | DropReason:
    """The application that header and resource agree on, or the reason to drop the span. The header is checked first."""
    if not header:
        return DropReason.HEADER_MISSING
    named = known(header)
    if named is None:
        return DropReason.HEADER_UNKNOWN
    attribute = span.resource.get("application.id")
    if attribute in (None, ""):
        return DropReason.ATTRIBUTE_MISSING
    owner = known(str(attribute))
    if owner is None:
        return DropReason.ATTRIBUTE_UNKNOWN
    return owner if owner.id == named.id else DropReason.IDS_DIFFER


def _unfit(span: ReceivedSpan, limit: int) -> DropReason | None:
    if span.size > limit:
        return DropReason.TOO_LARGE
    if not span.has_valid_ids:
        return DropReason.INVALID_IDS
    return DropReason.INFRASTRUCTURE if is_infrastructure(span) else None
