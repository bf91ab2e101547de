"""The way from a pod of the gateway to the trace endpoint: name, connection, TLS and HTTP, each with its own fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fiddler_kong_operator.doctor.diagnosis import Outcome
from fiddler_kong_operator.doctor.evidence import Case
from fiddler_kong_operator.doctor.fixes import kubectl
from fiddler_kong_operator.doctor.from_gateway import goal_of
from fiddler_kong_operator.doctor.reach import Reach, Stage
from fiddler_kong_operator.plan.acceptance.endpoint import GRPC_HINT, GRPC_PORT
from fiddler_kong_operator.plan.gateway.verify_depth import VERIFY_DEPTH

from .contract import could_not_look, diagnose

__all__ = ["check_from_gateway", "was_asked"]

_TRUST: Final = "KONG_LUA_SSL_TRUSTED_CERTIFICATE"
_REFUSES_KEYLESS: Final = frozenset({401, 403})
_OPEN: Final = frozenset({200, 429, *_REFUSES_KEYLESS})
"""Statuses by which the endpoint itself answers an empty export without a key."""


def was_asked(case: Case) -> bool:
    """Whether the user asked for it."""
    return case.reach is not None


def check_from_gateway(case: Case) -> Outcome:
    """Whether a pod of the gateway gets an HTTP answer of the endpoint."""
    if case.reach is None or (case.reach.value is None and not case.reach.missing):
        return Outcome(f"From the gateway: not looked at: {_nothing(case)}", skipped=True)
    if case.reach.denied:
        return could_not_look(case.snapshot.binding.workload, case.reach)
    if case.reach.value is None:
        return Outcome(f"From the gateway: could not look: {case.reach.missing}", looked=False)
    return _judge(case.reach.value)


def _nothing(case: Case) -> str:
    if goal_of(case) is None:
        return "the binding is not accepted"
    spec = case.snapshot.binding.spec
    return f"the gateway has no ready pod with the container {spec.gateway.container if spec else ''}"


def _judge(reach: Reach) -> Outcome:
    if reach.stage is Stage.ANSWER:
        return _answered(reach)
    name, tell = _FAULTS[reach.stage]
    cause, fix = tell(reach)
    cause = f"{reach.pod} {cause} ({reach.error})." if reach.error else f"{reach.pod} {cause}."
    return Outcome(f"From the gateway: {cause}", (diagnose(name, reach.pod, cause, fix),))


def _answered(reach: Reach) -> Outcome:
    if reach.status in _OPEN:
        keyless = ", which a request without a key gets" if reach.status in _REFUSES_KEYLESS else ""
        return Outcome(f"From the gateway: {reach.goal} answers {reach.pod} with {reach.status}{keyless}: the way is open.")
    cause = f"{reach.goal} answers {reach.pod} with {reach.status} to an empty export without a key."
    field = reach.goal.endpoint.hop.field
    fix = (
        "Compare it with the condition TraceEndpointReachable, which tells the answer to the operator. If they differ, something between "
        f"the gateway and {field} answers, such as an egress gateway or a proxy. If not, {field} must be {reach.goal.endpoint.hop.goal}."
    )
    return Outcome(f"From the gateway: {cause}", (diagnose("GatewayAnswerUnexpected", reach.pod, cause, fix),))


def _unresolved(reach: Reach) -> tuple[str, str]:
    endpoint, namespace = reach.goal.endpoint, reach.pod.namespace
    look = kubectl(namespace, "exec", reach.pod.name, f"--container={reach.container}", "--", "cat", "/etc/resolv.conf")
    return f"cannot resolve {endpoint.host}", (
        f"{endpoint.service_hint + ' ' if endpoint.service_hint else ''}Let network policies of namespace {namespace} allow port 53 to the "
        f"cluster's DNS, and check dnsPolicy and dnsConfig of the pod: {look}"
    )


def _unconnected(reach: Reach) -> tuple[str, str]:
    endpoint, namespace = reach.goal.endpoint, reach.pod.namespace
    if "refused" in reach.error:
        cause = f"cannot connect to {endpoint}"
        return cause, f"Nothing listens there, or a firewall rejects it. Check {endpoint.hop.field} and the port, and what serves it."
    policies = kubectl(namespace, "get", "networkpolicies")
    return f"gets no connection to {endpoint}", (
        f"Allow egress from namespace {namespace} to {endpoint} in network policies, in the service mesh and in the firewall. Kong's "
        f"opentelemetry plugin has no setting for a proxy. The policies: {policies}"
    )


def _distrusted(reach: Reach) -> tuple[str, str]:
    endpoint = reach.goal.endpoint
    cause = f"does not get a TLS connection to {endpoint} that Kong trusts"
    fix = next((fix for words, fix in _TLS_FIXES.items() if any(word in reach.error for word in words.split("|"))), _TLS_OTHERWISE)
    return cause, fix.format(field=endpoint.hop.field, host=endpoint.host)


_TLS_FIXES: Final[Mapping[str, str]] = {
    "issuer|self-signed|self signed|unable to verify": (
        f"The gateway does not know the CA. Mount its certificate into Kong's pods, and set {_TRUST}=system,/path/of/ca.pem on the gateway "
        "(in Kong's Helm charts env.lua_ssl_trusted_certificate). Behind a proxy that opens TLS, that is the proxy's CA. If the CA is a "
        f"public one, the chain may be too long: set {VERIFY_DEPTH} to the number of its intermediate certificates."
    ),
    "host mismatch": "The certificate is for another name than {host}. Put a name of the certificate into {field}, or repair it.",
    "expired|not yet valid": "Renew the certificate of {host}, or set the clock of the gateway's node.",
    "chain too long": f"Set {VERIFY_DEPTH} on the gateway to the number of intermediate certificates, or upgrade Kong.",
    "timeout|time is over": "Something takes the connection and is silent: check the firewall, and that {host} serves TLS on this port.",
}
"""Fixes by what nginx says: alternatives of words, one of which is in its text."""

_TLS_OTHERWISE: Final = (
    "Check that {host} serves TLS 1.2 or 1.3 on this port (a server in the cluster may need http:// in {field}), and that the gateway "
    f"trusts its chain: the CA is in {_TRUST}, the number of intermediate certificates not above {VERIFY_DEPTH}."
)


def _unanswered(reach: Reach) -> tuple[str, str]:
    endpoint = reach.goal.endpoint
    hint = GRPC_HINT if endpoint.port == GRPC_PORT else f"If it wants TLS, {endpoint.hop.field} must begin with https://."
    return f"connects to {endpoint} and gets no HTTP answer", f"Check what listens there: it must speak OTLP/HTTP. {hint}"


_FAULTS: Final[Mapping[Stage, tuple[str, Callable[[Reach], tuple[str, str]]]]] = {
    Stage.RESOLVE: ("GatewayCannotResolve", _unresolved),
    Stage.CONNECT: ("GatewayCannotConnect", _unconnected),
    Stage.HANDSHAKE: ("GatewayTlsFails", _distrusted),
    Stage.REQUEST: ("GatewayGetsNoAnswer", _unanswered),
}
"""The code of a stage at which it ended, and what tells cause and fix."""
