"""Valid specs, generated from the structural schema.

A new field of the API needs no change here. Two places add rules beyond the schema: `Scenery` (names must
be those of objects that exist) and `_coherent` (the rules over several fields).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from tests.generated.fields import SCHEMA, Schema, fits, form_of, node_at
from tests.generated.models import MODEL_PATHS, REALTIME, models
from tests.generated.overriding import overrides

__all__ = ["ACCOUNT_REFS", "KEY_REFS", "PURE", "UPSTREAM_URLS", "Scenery", "Spec", "any_value", "specs"]

Spec = dict[str, Any]
Draw = Callable[[SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Scenery:
    """The objects that a spec can name, and strategies for single fields (by path) that replace the schema's."""

    targets: tuple[tuple[str, str], ...]
    """(kind, name) of the Services and Ingresses."""
    most_routes: int = 3
    fields: Mapping[str, SearchStrategy[Any]] = field(default_factory=dict)


def any_value(node: Schema, path: str, fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    """Values that a node of the schema admits; `fields` decide for their paths."""
    if path in fields:
        return fields[path]
    if "enum" in node:
        return st.sampled_from(node["enum"])
    return _BY_TYPE[node.get("type", "any")](node, path, fields)


def _object(node: Schema, path: str, fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    parts = {name: any_value(child, f"{path}.{name}" if path else name, fields) for name, child in node["properties"].items()}
    required = {name: part for name, part in parts.items() if name in node.get("required", ())}
    return st.fixed_dictionaries(required, optional={name: part for name, part in parts.items() if name not in required})


def _array(node: Schema, path: str, fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    return st.lists(any_value(node["items"], f"{path}[]", fields), min_size=node.get("minItems", 0), max_size=min(node["maxItems"], 3))


def _string(node: Schema, _path: str, _fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    least, most, form = node.get("minLength", 0), node["maxLength"], form_of(node)
    if form is None:
        return st.text(min_size=least, max_size=most)
    return _matching(form).filter(lambda text: least <= len(text) <= most and fits(text, node))


@functools.cache
def _matching(pattern: str) -> SearchStrategy[str]:
    """Texts that match; cached, because building the strategy costs more than drawing from it."""
    return st.from_regex(pattern, fullmatch=True)


def _number(node: Schema, _path: str, _fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    return st.floats(node["minimum"], node["maximum"], allow_nan=False, allow_infinity=False)


def _integer(node: Schema, _path: str, _fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    return st.integers(node["minimum"], node["maximum"])


def _boolean(_node: Schema, _path: str, _fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    return st.booleans()


def _anything(_node: Schema, _path: str, _fields: Mapping[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    scalars = (
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    )
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2), max_leaves=4
    )


_BY_TYPE: Final = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "any": _anything,
}


def specs(scenery: Scenery) -> SearchStrategy[Spec]:
    """Valid specs as authors write them: half of the defaults are omitted."""
    target = st.sampled_from(scenery.targets).map(lambda target: {"kind": target[0], "name": target[1]})
    fields = {**_BOUNDED, **scenery.fields, "routes[].attachTo": target}
    llm = models(any_value, fields)
    drafts = st.lists(
        any_value(node_at("routes[]"), "routes[]", {**fields, "routes[].llm": llm}),
        min_size=1,
        max_size=scenery.most_routes,
        unique_by=lambda r: str(r["name"]),
    )
    whole = any_value(SCHEMA, "", {**fields, "routes": _coherent(drafts, llm, target), "overrides": st.just([])})
    return _with_overrides(whole)


@st.composite
def _with_overrides(draw: Draw, whole: SearchStrategy[Spec]) -> Spec:
    spec = draw(whole)
    spec.pop("overrides", None)
    if any(route.get("attachTo", {}).get("kind") in {"Ingress", "Service"} for route in spec["routes"]):
        spec["gateway"].pop("ingressClassName", None)  # every Ingress here, also before a Service, is of the default one
    models = [model for route in spec["routes"] if "llm" in route for model in (route["llm"], *route["llm"].get("targets", ()))]
    if any(map(_is_newer, models)):
        spec["gateway"].pop("kongVersion", None)
    added = draw(overrides(spec))
    return {**spec, "overrides": added} if added else spec


@st.composite
def _coherent(draw: Draw, drafts: SearchStrategy[list[Spec]], llm: SearchStrategy[Spec], target: SearchStrategy[Spec]) -> list[Spec]:
    """Routes that satisfy the rules over several fields: either expose or attachTo, a model if exposed, no name twice."""
    routes: dict[Any, Spec] = {}
    for route in draw(drafts):
        if "expose" in route and ("attachTo" not in route or draw(st.booleans())):
            route.pop("attachTo", None)
            if "gatewayRef" in route["expose"] or "host" not in route["expose"]:
                route["expose"].pop("tlsSecretName", None)
            if "llm" not in route:
                route["llm"] = draw(llm)
            if route["llm"].get("routeType") == REALTIME:
                del route["llm"]["routeType"]
            routes.setdefault((route["expose"].get("host"), route["expose"]["path"]), route)
        else:
            route.pop("expose", None)
            if "attachTo" not in route:
                route["attachTo"] = draw(target)
            if "llm" not in route:
                route.pop("payloads", None)
            routes.setdefault((route["attachTo"]["kind"], route["attachTo"]["name"]), route)
    return list(routes.values())


_NEWER: Final = ("databricks", "deepseek", "ollama", "vllm")
"""Providers that Kong has from 3.14 on."""


def _is_newer(model: Spec) -> bool:
    """Whether Kong has such a model from 3.14 on."""
    return model.get("provider") in _NEWER or "batchBucketPrefix" in model.get("bedrock", {})


def _attributes() -> SearchStrategy[list[Spec]]:
    """Attributes of different names, each with one of the two sources of its value."""
    name, value, header = (any_value(node_at(f"attributes[].{field}"), "", {}) for field in ("name", "value", "fromHeader"))
    sources = st.fixed_dictionaries({"name": name, "value": value}) | st.fixed_dictionaries({"name": name, "fromHeader": header})
    return st.lists(sources, max_size=3, unique_by=lambda attribute: str(attribute["name"]))


_DURATIONS: Final = st.sampled_from(["1ms", "30s", "1m30s", "596h"])

_BOUNDED: Final = {
    "sessions.headers": st.lists(
        any_value(node_at("sessions.headers[]"), "", {}), min_size=1, max_size=3, unique_by=lambda h: str(h).lower()
    ),
    "attributes": _attributes(),
    "gateway.kongVersion": st.sampled_from(["3.9", "3.13", "3.13.0.7", "3.14.0.3"]),
    **dict.fromkeys(
        (f"routes[].{place}.timeouts.{name}" for place in ("expose", "llm.balancer") for name in ("connect", "read", "write")), _DURATIONS
    ),
    "routes[].llm.balancer.failTimeout": _DURATIONS,
}
"""Fields with rules beyond their own, durations within the bounds, which the pattern alone does not keep, and versions that make a
difference."""

KEY_REFS: Final = tuple(
    f"{path}.auth.{name}"
    for path in MODEL_PATHS
    for name in ("secretRef", "aws.accessKeyIdRef", "aws.secretAccessKeyRef", "azure.clientSecretRef")
)
"""The fields of a model that refer to a key."""

ACCOUNT_REFS: Final = tuple(f"{path}.auth.gcp.serviceAccountRef" for path in MODEL_PATHS)
"""The fields that refer to a service account."""

UPSTREAM_URLS: Final = tuple(f"{path}.options.upstreamUrl" for path in MODEL_PATHS)
"""The fields with the address of a model."""

_UUID: Final = st.uuids().map(str)
_SECRETS: Final = st.sampled_from([("fiddler", "api-key"), ("openai", "api-key"), ("openai", "other.key"), ("both", "fiddler")])

PURE: Final = Scenery(
    targets=(("Service", "chat"), ("Service", "search"), ("Ingress", "chat"), ("Ingress", "front"), ("HTTPRoute", "split")),
    fields={
        "fiddler.url": st.sampled_from(
            ["https://acme.fiddler.ai", "https://acme.fiddler.ai/", "http://sink.fiddler.svc:4318", "https://[2001:db8::1]:8443"]
        ),
        "fiddler.export.endpoint": st.sampled_from(["http://otel.observability.svc:4318", "https://collector.example/"]),
        "fiddler.applicationId": _UUID | _UUID.map(str.upper),
        "fiddler.apiKeySecretRef": _SECRETS.map(lambda ref: {"name": ref[0], "key": ref[1]}),
        "gateway.targetRef": st.fixed_dictionaries(
            {"name": st.sampled_from(["kong-gateway", "other"])},
            optional={"kind": st.sampled_from(sorted(WORKLOADS)), "namespace": st.just("ai")},
        ),
        "gateway.container": st.just("proxy"),
        **dict.fromkeys(KEY_REFS, _SECRETS.map(lambda ref: {"name": ref[0], "key": ref[1]})),
        **dict.fromkeys(ACCOUNT_REFS, st.just({"name": "cloud", "key": "account.json"})),
        **dict.fromkeys(
            UPSTREAM_URLS,
            st.sampled_from(
                ["https://llm.example/call", "http://10.0.0.7:8080/v1/invoke", "https://Models.example:8443/score?api-version=1"]
            ),
        ),
        "routes[].name": st.sampled_from(["openai", "chat", "b", "b-c", "c", "opentelemetry", "0"]),
        "routes[].expose.path": st.sampled_from(["/openai", "/chat", "/chat/v1", "/a_b-c"]),
        "routes[].expose.host": st.sampled_from(["llm.example", "a"]),
    },
)
"""Small pools, so that specs often share route names, targets, paths and keys."""
