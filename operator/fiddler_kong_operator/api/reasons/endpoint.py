"""The reasons of TraceEndpointReachable: whether Fiddler answers."""

from __future__ import annotations

from typing import Final

from .contract import ConditionType, Reason

__all__ = ["REASONS"]

_T: Final = ConditionType.TRACE_ENDPOINT_REACHABLE

# Rows are easier to read in this form than in the formatter's.
# fmt: off
REASONS: Final = (
    Reason("Reachable", _T, "True", "Fiddler, and the collector before it if there is one, answered an empty export with 200."),
    Reason("ProbePending", _T, "Unknown", "The endpoint has not been tested yet."),
    Reason(
        "NameNotResolved", _T, "False", "The host name of fiddler.url, or of fiddler.export.endpoint, does not resolve.",
        "Check the URL, the cluster's DNS and egress policies.",
    ),
    Reason("ConnectionRefused", _T, "False", "Nothing accepts connections at that address.", "Check the URL's port and egress policies."),
    Reason("ProbeTimeout", _T, "False", "No answer within the time limit.", "Check egress policies and proxies."),
    Reason(
        "ConnectionFailed", _T, "False", "The connection broke before an answer arrived.", "Check proxies between the cluster and Fiddler.",
    ),
    Reason(
        "TlsUntrusted", _T, "False", "The operator, or the gateway's Kong, does not trust the server's certificate.",
        "Give a private CA to the operator (probe.caFile) and to Kong (KONG_LUA_SSL_TRUSTED_CERTIFICATE), or see the message.",
    ),
    Reason("TlsExpired", _T, "False", "The server's certificate has expired, or is not valid yet.", "Renew it on the server."),
    Reason(
        "TlsWrongHost", _T, "False", "The server's certificate is for other hosts than the one in the URL.",
        "Use a host that it is for, or have the host added to the certificate.",
    ),
    Reason(
        "Redirected", _T, "False", "The endpoint answers with a redirect, which Kong does not follow.",
        "Use the URL it points to, if it is your Fiddler instance.",
    ),
    Reason(
        "Unauthorized", _T, "False", "Fiddler does not accept the API key, or a collector wants one of its own (401).",
        "Put a valid key into the Secret in the message, or change the collector as the message says.",
    ),
    Reason(
        "Forbidden", _T, "False", "The API key may not write to this application (403).",
        "Check the key's permissions and the application id.",
    ),
    Reason(
        "ApplicationNotFound", _T, "False", "Fiddler has no application with this id; spans would be dropped silently.",
        "Copy the UUID from the application's settings.", stalls=True,
    ),
    Reason(
        "EndpointNotFound", _T, "False", "There is no trace endpoint at this URL (404).",
        "fiddler.url must be your Fiddler instance, fiddler.export.endpoint your collector.",
    ),
    Reason(
        "RateLimited", _T, "False", "Fiddler is rate limiting (429).", "Nothing to do; the operator probes again when Fiddler allows it.",
    ),
    Reason("ServerError", _T, "False", "Fiddler answers with a server error (5xx).", "Nothing to do; the operator probes again."),
    Reason(
        "UnexpectedSuccess", _T, "False", "The endpoint answers 2xx, but not 200: Kong before 3.14 would resend the same spans.",
        "Look for what answers in place of Fiddler or a collector's OTLP receiver, such as a proxy.",
    ),
    Reason(
        "NotOtlp", _T, "False", "The server answers, but it is not an OTLP trace endpoint.",
        "fiddler.url must be your Fiddler instance, fiddler.export.endpoint your collector.",
    ),
    Reason("UnexpectedAnswer", _T, "False", "The endpoint answers with an unexpected HTTP status.", "See the status in the message."),
    Reason(
        "AddressRefused", _T, "False", "The operator does not probe this address.",
        "Use a public https URL, or ask the operator's administrator to allow it.", stalls=True,
    ),
)
# fmt: on
