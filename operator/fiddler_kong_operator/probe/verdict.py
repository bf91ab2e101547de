"""Maps an answer of the trace endpoint, or its absence, to a reason of TraceEndpointReachable and a message. Pure.

A message contains nothing that differs from one probe to the next (times, addresses): an unchanged state must give an unchanged result.
It contains nothing the server wrote in its answer, which might echo the key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from fiddler_kong_operator.plan.acceptance.endpoint import COLLECTOR, FIDDLER, GRPC_HINT, GRPC_PORT, Endpoint
from fiddler_kong_operator.plan.gateway.verify_depth import RAISED, VERIFY_DEPTH
from fiddler_kong_operator.plan.snapshot import ProbeResult

from .target import ProbeTarget

__all__ = ["BODY_LIMIT", "Reply", "judge_failure", "judge_reply"]

BODY_LIMIT: Final = 64 * 1024
"""Most bytes of an answer that are read. An OTLP server answers an empty export with almost none."""

_OK: Final = 200
_TEXTS: Final[Mapping[int, tuple[str, str]]] = {
    401: (
        "Unauthorized",
        "{base} does not accept the API key (401). Put a valid key into {key_source} (fiddler.apiKeySecretRef).",
    ),
    403: (
        "Forbidden",
        (
            "{base} refuses the API key for application {application} (403). Check the key's permissions and fiddler.applicationId. "
            "The key is {key_source} (fiddler.apiKeySecretRef)."
        ),
    ),
    404: (
        "EndpointNotFound",
        "{endpoint} does not exist (404). {field} must be {goal}, scheme and host only.",
    ),
    429: ("RateLimited", "{base} is rate limiting (429). Nothing to do; the operator probes again when the server allows it."),
}
_REFUSED_BY_COLLECTOR: Final = (
    "{endpoint} refuses what Kong sends ({status}). Let the collector's OTLP receiver take traces without credentials of its own, "
    "and have only the gateway reach it (a NetworkPolicy)."
)
_TEXTS_OF_COLLECTOR: Final[Mapping[int, tuple[str, str]]] = {
    **_TEXTS,
    401: ("Unauthorized", _REFUSED_BY_COLLECTOR),
    403: ("Forbidden", _REFUSED_BY_COLLECTOR),
}
_FAILURES: Final[Mapping[str, str]] = {
    "NameNotResolved": "The host name {host} does not resolve. Check {field}, the cluster's DNS and egress policies.",
    "ConnectionRefused": "Nothing accepts connections at {endpoint}. Check the port in {field} and egress policies.",
    "ProbeTimeout": "{endpoint} did not answer within the time limit. Check egress policies and firewalls on the way to {goal}.",
    "ConnectionFailed": ("The connection to {endpoint} broke before an answer arrived. Check firewalls and proxies on the way to {goal}."),
    "TlsUntrusted": (
        "The TLS certificate of {endpoint} is not trusted: {detail}. "
        "For a private CA, give its certificate to the operator (--probe-ca-file) and to Kong (KONG_LUA_SSL_TRUSTED_CERTIFICATE)."
    ),
    "TlsInvalid": (
        "The TLS certificate of {endpoint} does not pass verification: {detail}. "
        "Have it issued again; `openssl s_client -showcerts -connect {endpoint}` shows it."
    ),
    "TlsExpired": (
        "The TLS certificate of {endpoint} {detail}. Renew it on the server. "
        "If its dates are right, the clock of the operator's node is wrong."
    ),
    "TlsWrongHost": (
        "The TLS certificate of {endpoint} {detail}. "
        "Use in {field} a host that the certificate is for, or have {host} added to the server's certificate."
    ),
    "TlsFailed": "{endpoint} does not speak TLS as expected. Check the port and the scheme in {field}.",
    "NotHttp": "The server at {endpoint} does not speak HTTP. {field} must be the address of {goal}.",
}
_REASONS: Final = {"TlsFailed": "ConnectionFailed", "TlsInvalid": "TlsUntrusted", "NotHttp": "NotOtlp"}
_RAISED: Final = ", ".join(map(str, RAISED))
_COMMON_DEPTH: Final = 1
"""Intermediate certificates that every version of Kong accepts."""

_SHORTEST_ENCODED: Final = 12
"""Bytes of printable text from which on a key counts as base64: hardly any other key decodes to so many by chance."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, content type without parameters, and the first `BODY_LIMIT` + 1 bytes of the body of a 200."""

    status: int
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    encoded: bool = False
    """The body is compressed although the request did not allow it; it is then not inspected."""
    intermediates: int = 0
    """Certificates between the server's own and the trusted one."""


def judge_failure(kind: str, endpoint: Endpoint, detail: str = "") -> ProbeResult:
    """The result if no HTTP answer arrived. `kind` is a reason, or `TlsFailed`, `TlsInvalid` or `NotHttp`; `detail` holds no key."""
    text = _FAILURES[kind].format(host=endpoint.host, endpoint=endpoint, detail=detail, field=endpoint.hop.field, goal=endpoint.hop.goal)
    hints = (endpoint.service_hint if kind == "NameNotResolved" else "", GRPC_HINT if endpoint.port == GRPC_PORT else "")
    return ProbeResult(_REASONS.get(kind, kind), " ".join(filter(None, (text, *hints))))


def judge_reply(reply: Reply, target: ProbeTarget) -> ProbeResult:
    """The result of an HTTP answer to an empty export. A chain that Kong refuses decides before the answer, which Kong would not get."""
    known = _TEXTS_OF_COLLECTOR if target.hop is COLLECTOR else _TEXTS
    reason, text = _too_deep(reply, target) or known.get(reply.status) or _by_class(reply)
    message = text.format(
        base=target.base,
        endpoint=target.traces_endpoint,
        application=target.application_id,
        status=reply.status,
        intermediates=reply.intermediates,
        accepted=target.verify_depth,
        key_source=target.key_source,
        field=target.hop.field,
        goal=target.hop.goal,
    )
    return ProbeResult(reason, message + _advice(reason, reply, target))


def _too_deep(reply: Reply, target: ProbeTarget) -> tuple[str, str] | None:
    if target.behind or target.verify_depth is None or reply.intermediates <= target.verify_depth:
        return None
    return "TlsUntrusted", (
        "Kong would not trust the TLS certificate of {base}, although it is valid: its chain has more intermediate certificates "
        f"({{intermediates}}) than the gateway's Kong accepts ({{accepted}}). Set {VERIFY_DEPTH}={{intermediates}} on the gateway, "
        f"or upgrade Kong, which by default accepts 5 from {_RAISED} on."
    )


def _advice(reason: str, reply: Reply, target: ProbeTarget) -> str:
    if reason in {"Unauthorized", "Forbidden"} and target.hop is FIDDLER and _is_encoded(target.key):
        return " The value looks base64-encoded twice: store the bare key, as stringData or by `kubectl create secret generic`."
    if reason == "Reachable" and not target.behind and target.verify_depth is None and reply.intermediates > _COMMON_DEPTH:
        return (
            f" Its certificate's chain has {reply.intermediates} intermediates, which Kong before {_RAISED} does not trust by default, "
            f"and this gateway's limit is not known: check its patch version and {VERIFY_DEPTH}, "
            "which may stand in a ConfigMap or Secret that the operator does not open."
        )
    return ""


def _is_encoded(key: str) -> bool:
    """Whether a key is the base64 form of printable text."""
    try:
        text = base64.b64decode(key, validate=True).strip()
    except binascii.Error:
        return False
    return len(text) >= _SHORTEST_ENCODED and all(ord(" ") < byte < 0x7F for byte in text)  # noqa: PLR2004 - the end of printable ASCII


def _by_class(reply: Reply) -> tuple[str, str]:
    status = reply.status
    if status == _OK:
        return _success(reply)
    if status // 100 == 2:  # noqa: PLR2004 - the class of success
        return "UnexpectedSuccess", (
            "{endpoint} answers {status} instead of 200: Kong before 3.14 counts that as a failure and sends the same spans again. "
            "Fiddler and the OTLP receiver of a collector answer 200: look for what answers in their place, such as a proxy or a queue."
        )
    if status // 100 == 3:  # noqa: PLR2004 - the class of redirects
        return "Redirected", (
            "{endpoint} answers with a redirect ({status}), which Kong does not follow. "
            "If it leads to {goal}, put that address into {field}; `curl -sI {endpoint}` shows it."
        )
    if status // 100 == 5:  # noqa: PLR2004 - the class of server errors
        return "ServerError", "{base} answers with a server error ({status}). Nothing to do; the operator probes again."
    return "UnexpectedAnswer", ("{endpoint} answers an empty export with HTTP status {status}. Check that {field} is {goal}.")


def _success(reply: Reply) -> tuple[str, str]:
    if _is_otlp(reply):
        return "Reachable", "{endpoint} answered an empty export with 200."
    return "NotOtlp", (
        "{endpoint} answers 200, but not as an OTLP endpoint does (perhaps it is a web page or a proxy's login). "
        "{field} must be the address of {goal}."
    )


def _is_otlp(reply: Reply) -> bool:
    """Whether a 200 can come from an OTLP server: protobuf, a JSON object or an empty body, but never a web page.

    The content of Fiddler's answer is not published, so a protobuf body is not parsed: pages and proxies do not claim to be protobuf.
    """
    if len(reply.body) > BODY_LIMIT or "html" in reply.content_type:
        return False
    return reply.encoded or not reply.body or "protobuf" in reply.content_type or _is_json_object(reply.body)


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(orjson.loads(body), dict)
    except ValueError:
        return False
