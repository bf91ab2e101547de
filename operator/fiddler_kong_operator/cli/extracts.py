"""The part of an object that a support bundle shows: an allow-list of its fields for each kind. Other fields are not shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.gateway.env import SETTINGS, starts_with
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS

from .offline import REDACTED

__all__ = ["extract", "origin"]

Text = Callable[[str], str]
"""Cleans a text that others have written."""

_Leaf = Callable[[Any, Text], Any]
_Mask = Mapping[str, Any]
"""By field: a leaf, which returns the value to show, or a mask for the fields inside. Both apply to each item of a list.

`*` means any other field.
"""


def extract(manifest: Manifest, text: Text) -> Manifest:
    """The fields of the object that the allow-list of its kind names; of a kind without one, its identity."""
    kind = str(manifest.get("kind", ""))
    return {
        "apiVersion": manifest.get("apiVersion"),
        "kind": kind,
        **_masked(manifest, {"metadata": _METADATA, **_MASKS.get(kind, {})}, text),
    }


def origin(url: Any, _text: Text | None = None) -> str:
    """Scheme, host and port of a URL: path, query and credentials may hold a key."""
    try:
        parts = urlsplit(str(url))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return REDACTED
    return f"{parts.scheme}://{parts.hostname}{port}"


def _masked(value: Any, mask: _Mask | _Leaf, text: Text) -> Any:
    if isinstance(value, list):
        return [_masked(item, mask, text) for item in value]
    if callable(mask):
        return mask(value, text)
    if not isinstance(value, dict):
        return REDACTED
    listed = {name: mask.get(name, mask.get("*")) for name in value}
    return {name: _masked(value[name], inner, text) for name, inner in listed.items() if inner is not None}


def _word(value: Any, _text: Text) -> Any:
    """A word of Kubernetes' or the operator's own: a name, a number, a state."""
    return REDACTED if isinstance(value, dict) else value


def _prose(value: Any, text: Text) -> str:
    return text(str(value))


def _hidden(_value: Any, _text: Text) -> str:
    return REDACTED


def _number(value: Any, _text: Text) -> Any:
    """Numbers and booleans; other values are redacted."""
    if isinstance(value, dict):
        return {name: _number(inner, _text) for name, inner in value.items()}
    return value if isinstance(value, (bool, int, float)) else REDACTED


def _setting(value: Any, text: Text) -> Any:
    """An entry of an env: the value only of a setting that the operator knows, and only one with which Kong starts."""
    if not isinstance(value, dict):
        return REDACTED
    name, given = str(value.get("name", "")), value.get("value")
    known = name in SETTINGS and isinstance(given, str) and starts_with(name, given)
    source = _masked(value["valueFrom"], {"*": {"name": _word, "key": _word, "fieldPath": _word}}, text) if "valueFrom" in value else None
    return {"name": name, **({"valueFrom": source} if source is not None else {"value": given if known else REDACTED})}


def _words(*fields: str, **more: Any) -> dict[str, Any]:
    return dict.fromkeys(fields, _word) | more


_METADATA: Final = _words(
    "name", "namespace", "uid", "generation", "resourceVersion", "creationTimestamp", "deletionTimestamp", "finalizers",
    labels=_words(names.MANAGED_BY_LABEL, names.BINDING_LABEL, names.ROUTE_LABEL, "app.kubernetes.io/name", "app.kubernetes.io/version"),
    annotations=_words(
        names.KONG_PLUGINS_ANNOTATION, names.GRANT_ANNOTATION,
        *(f"konghq.com/{name}" for name in ("protocol", "strip-path", "preserve-host", "connect-timeout", "read-timeout", "write-timeout")),
    ),
    ownerReferences=_words("kind", "name", "uid", "controller"),
    managedFields=_words("manager", "operation", "subresource", "time"),
)  # fmt: skip

_CONDITIONS: Final = _words("type", "status", "reason", "observedGeneration", "lastTransitionTime", message=_prose)
_REF: Final = _words("name", "key", "namespace", "kind", "sectionName", "group", "port", "weight")
_TIMEOUTS: Final = _words("connect", "read", "write")

_AUTH: Final = _words(
    "headerName", "paramName", "paramLocation",
    secretRef=_REF,
    aws={"accessKeyIdRef": _REF, "secretAccessKeyRef": _REF},
    azure={"clientSecretRef": _REF},
    gcp={"serviceAccountRef": _REF},
)  # fmt: skip
_MODEL: Final = _words("provider", "model", "weight", "routeType", "format", auth=_AUTH, options={"upstreamUrl": origin, "*": _number})
_LLM: Final = {
    **_MODEL,
    "targets": _MODEL,
    "balancer": _words("algorithm", "latencyStrategy", "tokensCountStrategy", "retries", "failoverCriteria", "maxFails", "slots"),
}
_BINDING: Final = {
    "spec": _words(
        "payloads", "suspend",
        fiddler={"url": origin, "applicationId": _word, "apiKeySecretRef": _REF, "export": {"endpoint": origin, "credentials": _word}},
        gateway=_words("container", "ingressClassName", "kongVersion", "management", "conflicts", "untrustedLua", targetRef=_REF),
        routes=_words(
            "name", "payloads",
            expose=_words("path", "host", "tlsSecretName", "retries", gatewayRef=_REF, timeouts=_TIMEOUTS),
            attachTo=_REF,
            llm=_LLM,
        ),
        sessions=_words("mode", "headers"),
        attributes=_words("name", "fromHeader", value=_hidden),
        tracing=_words("samplingRate", "propagation"),
        overrides=_words("plugin", "route", patch=_words("op", "path", value=_hidden)),
    ),
    "status": _words(
        "observedGeneration", "routes", "installation", "lastTraceTime",
        conditions=_CONDITIONS,
        gateway=_words("version", "image"),
        fiddler={"application": _word, "tracesEndpoint": origin},
        refusal=_words("objects", "generation", "since", message=_prose),
    ),
}  # fmt: skip

_PLUGIN: Final = _words(
    "plugin", "disabled", "protocols", config=_number, configPatches={"path": _word, "valueFrom": {"secretKeyRef": _REF}}
)
_BACKEND: Final = {"service": _words("name", port=_words("name", "number"))}
_INGRESS: Final = {
    "spec": _words(
        "ingressClassName",
        rules=_words("host", http={"paths": _words("path", "pathType", backend=_BACKEND)}),
        tls=_words("hosts", "secretName"),
    ),
    "status": {"loadBalancer": {"ingress": _words("ip", "hostname")}},
}
_ROUTE: Final = {
    "spec": _words(
        "hostnames",
        parentRefs=_REF,
        rules={"matches": {"path": _words("type", "value"), "method": _word}, "backendRefs": _REF, "filters": {"extensionRef": _REF}},
    ),
    "status": {"parents": _words("controllerName", parentRef=_REF, conditions=_CONDITIONS)},
}
_SERVICE: Final = {"spec": _words("type", "externalName", "clusterIP", ports=_words("name", "port", "protocol", "targetPort"))}

_CONTAINER: Final = _words(
    "name", "image", env=_setting, envFrom={"*": {"name": _word}, "prefix": _word}, ports=_words("name", "containerPort")
)
_POD: Final = _words("nodeName", "serviceAccountName", containers=_CONTAINER, initContainers=_words("name", "image"))
_STATE: Final = {"*": _words("reason", "exitCode", "startedAt", "finishedAt", message=_prose)}
_POD_STATUS: Final = _words(
    "phase", "reason", "startTime",
    conditions=_CONDITIONS,
    containerStatuses=_words("name", "image", "ready", "restartCount", state=_STATE, lastState=_STATE),
)  # fmt: skip
_ROLLOUT: Final = {"*": _number, "conditions": _CONDITIONS}

_EVENT: Final = _words(
    "reason", "type", "count", "firstTimestamp", "lastTimestamp", "eventTime", "reportingComponent",
    involvedObject=_words("kind", "namespace", "name"),
    source=_words("component"),
    message=_prose,
)  # fmt: skip
_LEASE: Final = {"spec": _words("holderIdentity", "acquireTime", "renewTime", "leaseDurationSeconds", "leaseTransitions")}
_DEFINITION: Final = {
    "spec": _words("scope", versions=_words("name", "served", "storage")),
    "status": {"conditions": _CONDITIONS},
}


def _workload(kind: str) -> dict[str, Any]:
    row = WORKLOADS[kind]
    template = row.with_pod(_POD)["spec"]
    return {"spec": {**_words("replicas", "paused", "minReadySeconds"), **template}, "status": _ROLLOUT}


_MASKS: Final[Mapping[str, dict[str, Any]]] = {
    names.KIND: _BINDING,
    "KongPlugin": _PLUGIN,
    "Secret": _words("type", "immutable", data={"*": _hidden}),
    "Service": _SERVICE,
    "Ingress": _INGRESS,
    "HTTPRoute": _ROUTE,
    "Pod": {"spec": _POD, "status": _POD_STATUS},
    "Event": _EVENT,
    "Lease": _LEASE,
    "CustomResourceDefinition": _DEFINITION,
    **{kind: _workload(kind) for kind in WORKLOADS},
}
