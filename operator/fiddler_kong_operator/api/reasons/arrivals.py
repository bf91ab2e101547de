"""The reasons of TracesArriving: whether Fiddler shows spans of the application as it should."""

from __future__ import annotations

from typing import Final

from .contract import ConditionType, Reason

__all__ = ["REASONS"]

_T: Final = ConditionType.TRACES_ARRIVING

# Rows are easier to read in this form than in the formatter's.
# fmt: off
REASONS: Final = (
    Reason("Arriving", _T, "True", "Fiddler shows spans of the application since the plugins last changed."),
    Reason(
        "ArrivingWithDefects", _T, "True", "Spans arrive, but this version of Kong has known defects that do harm.",
        "Upgrade Kong to the version in the message.",
    ),
    Reason(
        "AgentUnknown", _T, "True", "Spans arrive, and Fiddler shows their agent as `<UNKNOWN_AGENT>`.",
        "To name it, set gen_ai.agent.name in spec.attributes.",
    ),
    Reason(
        "NoTracesYet", _T, "Unknown", "No span of the last 24 hours began after the last change of the plugins.",
        "Nothing is wrong if no route was called. Send a call; if it does not show, see the gateway's log.",
    ),
    Reason(
        "NotLookedFor", _T, "Unknown", "The operator has not looked for spans: something else comes first, or it is switched off.",
        "See the message.",
    ),
    Reason(
        "SpansNotReadable", _T, "Unknown", "The API key may send spans, but not read them (401 or 403).",
        "Ask the application's owner for a key with permission to view it, or look in Fiddler.",
    ),
    Reason(
        "SpansNotQueried", _T, "Unknown", "Fiddler did not answer the query for spans.", "Nothing to do; the operator asks again.",
    ),
    Reason(
        "SpansNotRecognized", _T, "False", "Spans arrive, but with the type Unknown: their service.name is not `kong`.",
        "Look for what changes it: a processor of a collector, or a plugin of another level.",
    ),
    Reason(
        "SpansWithoutText", _T, "False", "Spans arrive, but none of the latest has text, although payloads are Captured.",
        "Set logging.log_payloads in an ai-proxy of your own. With llm, look for another ai-proxy, or a processor that removes text.",
    ),
    Reason(
        "SpansWithoutSessions", _T, "False", "Spans arrive, but each of the latest is a session of its own.",
        "Have clients send the conversation header, or set sessions.mode to Disabled.",
    ),
)
# fmt: on
