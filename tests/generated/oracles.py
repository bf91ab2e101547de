"""Oracles: where each field of a spec must appear in Kong's configuration, on the workload, or in the status. They follow the API's
description and share no code with the plan.

An oracle yields a sentence for every difference from the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.generated.case import Case, Key, Oracle
from tests.generated.model_oracles import MODEL_ORACLES, milliseconds, same
from tests.generated.overriding import overridden

__all__ = ["ORACLES", "problems"]

_SETTINGS: Final = {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0"}
_LUA: Final = "KONG_UNTRUSTED_LUA"
_READ: Final = re.compile(r'get_header\("([^"]*)"\)')


def _traces(case: Case) -> list[Mapping[str, Any]]:
    return case.configs(f"{case.name}-opentelemetry")


def _url(case: Case) -> Iterator[str]:
    export = case.spec["fiddler"].get("export")
    endpoint = (export["endpoint"] if export else case.spec["fiddler"]["url"]).removesuffix("/") + "/v1/traces"
    for config in _traces(case):
        yield from same("traces_endpoint", config["traces_endpoint"], endpoint)
    yield from same("status.fiddler.tracesEndpoint", case.status.get("fiddler", {}).get("tracesEndpoint"), endpoint)


def _application(case: Case) -> Iterator[str]:
    wanted = case.spec["fiddler"]["applicationId"].lower()
    for config in _traces(case):
        yield from same("fiddler-application-id", config["headers"]["fiddler-application-id"], wanted)
        yield from same("application.id", config["resource_attributes"]["application.id"], wanted)
        yield from same("service.name", config["resource_attributes"]["service.name"], "kong")


def _fiddler_key(case: Case) -> Iterator[str]:
    ref, export = case.spec["fiddler"]["apiKeySecretRef"], case.spec["fiddler"].get("export")
    sent = None if export and export["credentials"] == "Omit" else f"Bearer {case.keys[ref['name'], ref['key']]}"
    for config in _traces(case):
        yield from same("Authorization", config["headers"].get("Authorization"), sent)


def _workload(case: Case) -> Iterator[str]:
    yield from same("status.gateway.image", case.status.get("gateway", {}).get("image"), _image(case))


def _version(case: Case) -> Iterator[str]:
    """The tag of Kong's own image precedes what the binding states."""
    yield from same("status.gateway.version", case.status.get("gateway", {}).get("version"), _image(case).partition(":")[2])


def _image(case: Case) -> str:
    gateway = case.spec["gateway"]
    containers = case.gateways[gateway["targetRef"]["name"]]["spec"]["template"]["spec"]["containers"]
    return next(str(c["image"]) for c in containers if c["name"] == gateway["container"])


def _settings(case: Case) -> Iterator[str]:
    """The settings are only in the named container of the named workload; others' values are replaced only with `Override`."""
    gateway = case.spec["gateway"]
    own = f"gw-{case.name}"
    for container in ("proxy", "second"):
        found = _env(case.gateways[own], container)
        foreign = {"KONG_TRACING_SAMPLING_RATE": "0.5"} if container == "second" else {}
        named = (gateway["targetRef"]["name"], gateway["container"]) == (own, container)
        allowed = [_wanted(case)] if named and gateway["management"] == "Apply" else [foreign]
        if named and foreign and gateway["management"] == "Apply" and gateway["conflicts"] == "Refuse":
            allowed.append(foreign)
        if found not in allowed:
            yield f"env of {own}/{container} is {found}, not {' or '.join(map(str, allowed))}"


def _wanted(case: Case) -> dict[str, str]:
    lua = case.spec["gateway"]["untrustedLua"]
    needed = _has_lua(case) and lua != "Unmanaged"
    return _SETTINGS | ({_LUA: lua} if needed else {})


def _has_lua(case: Case) -> bool:
    return case.spec["sessions"]["mode"] == "Header" or bool(case.spec.get("attributes"))


def _env(deployment: dict[str, Any], container: str) -> dict[str, str]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    entries = next(c.get("env") or [] for c in containers if c["name"] == container)
    return {entry["name"]: entry.get("value", "") for entry in entries if entry["name"] in {*_SETTINGS, _LUA}}


def _ingress_class(case: Case) -> Iterator[str]:
    wanted = case.spec["gateway"]["ingressClassName"]
    for route in case.exposed:
        yield from same(f"{route['name']} served", bool(case.kong_routes(route)), case.is_served(route))
        if "gatewayRef" not in route["expose"]:
            ingress = case.objects.get(("Ingress", f"{case.name}-{route['name']}"), {"spec": {}})
            yield from same("ingressClassName", ingress["spec"].get("ingressClassName"), wanted)


def _gateway_ref(case: Case) -> Iterator[str]:
    """The HTTPRoute names exactly this Gateway, and its status says that Kong has it."""
    for route in case.exposed:
        wanted = route["expose"].get("gatewayRef")
        if wanted:
            found = case.objects.get(("HTTPRoute", f"{case.name}-{route['name']}"), {"spec": {"parentRefs": [{}]}})
            (parent,) = found["spec"]["parentRefs"]
            yield from same("parentRefs", parent, {"group": "gateway.networking.k8s.io", "kind": "Gateway", **wanted})


def _certificate(case: Case) -> Iterator[str]:
    for route in case.exposed:
        wanted = route["expose"].get("tlsSecretName")
        ingress = case.objects.get(("Ingress", f"{case.name}-{route['name']}"), {"spec": {}})
        tls = [{"hosts": [route["expose"].get("host")], "secretName": wanted}] if wanted else None
        yield from same(f"tls of {route['name']}", ingress["spec"].get("tls"), tls)


def _names(case: Case) -> Iterator[str]:
    """The children are exactly those for the routes and sessions."""
    wanted: set[Key] = {("KongPlugin", f"{case.name}-opentelemetry")}
    models = (model for route in case.routes if "llm" in route for model in route["llm"].get("targets", [route["llm"]]))
    if case.spec["fiddler"].get("export", {}).get("credentials") != "Omit" or any(_refs(model.get("auth")) for model in models):
        wanted.add(("Secret", f"{case.name}-kong-keys"))
    if _has_lua(case):
        wanted.add(("KongPlugin", f"{case.name}-pre-function"))
    for route in case.routes:
        wanted |= {("KongPlugin", case.proxy(route))} if "llm" in route else set()
        if "expose" in route:
            entry = "HTTPRoute" if "gatewayRef" in route["expose"] else "Ingress"
            wanted |= {(kind, f"{case.name}-{route['name']}") for kind in ("Service", entry)}
    yield from same("children", sorted(case.children()), sorted(wanted))


def _refs(auth: Any) -> list[str]:
    """The fields of a model's auth that refer to a key."""
    fields = auth.items() if isinstance(auth, dict) else ()
    return [name for name, value in fields if name.endswith("Ref") or _refs(value)]


def _path(case: Case) -> Iterator[str]:
    for route in case.exposed:
        path = route["expose"]["path"]
        for kong in case.kong_routes(route):
            yield from same(f"paths of {route['name']}", sorted(kong["paths"]), [f"{path}/", f"~{path}$"])
            yield from same(f"strip_path of {route['name']}", kong["strip_path"], expected=True)


def _host(case: Case) -> Iterator[str]:
    for route in case.exposed:
        hosts = [route["expose"]["host"]] if "host" in route["expose"] else None
        for kong in case.kong_routes(route):
            yield from same(f"hosts of {route['name']}", kong.get("hosts") or None, hosts)


def _attachments(case: Case) -> Iterator[str]:
    """Each plugin runs on exactly the Services and Ingresses of its routes; pre-function may wait for a gateway that is not ready."""
    served = [route for route in case.routes if case.is_served(route)]
    places = {route["name"]: _place(case, route) for route in served}
    yield from same("opentelemetry on", case.places(f"{case.name}-opentelemetry"), set(places.values()))
    for route in case.models:
        yield from same("ai-proxy on", case.places(case.proxy(route)), {places[route["name"]]})
    lua = case.places(f"{case.name}-pre-function")
    if case.gateway_works or not _has_lua(case):
        yield from same("pre-function on", lua, set(places.values()) if _has_lua(case) else set())


def _place(case: Case, route: dict[str, Any]) -> Key:
    attach = route.get("attachTo")
    return (attach["kind"], attach["name"]) if attach else ("Service", f"{case.name}-{route['name']}")


def _connection(case: Case) -> Iterator[str]:
    """Timeouts in milliseconds and retries of the Kong service; Kong's defaults where the binding gives none."""
    for route in case.exposed:
        service, given = case.service(route), route["expose"].get("timeouts", {})
        if service:
            for name in ("connect", "read", "write"):
                wanted = milliseconds(given.get(name), 60_000)
                yield from same(f"{name}_timeout of {route['name']}", service[f"{name}_timeout"], wanted)
            yield from same(f"retries of {route['name']}", service["retries"], route["expose"].get("retries", 5))


def _payloads(case: Case) -> Iterator[str]:
    for route in case.models:
        captured = route.get("payloads", case.spec["payloads"]) == "Captured"
        for _, config in case.called(route):
            yield from same("logging", config["logging"], {"log_payloads": captured, "log_statistics": True})


def _headers(case: Case) -> Iterator[str]:
    """The conversation id's chunk reads exactly these headers, in this order."""
    for config in case.configs(f"{case.name}-pre-function"):
        if case.spec["sessions"]["mode"] == "Header":
            yield from same("headers read", _READ.findall(config["access"][0]), case.spec["sessions"]["headers"])


def _attributes(case: Case) -> Iterator[str]:
    """The last chunks hold the attributes: the names in header_filter and log, their values or headers in access, in one order."""
    wanted = case.spec.get("attributes", [])
    for config in case.configs(f"{case.name}-pre-function"):
        if wanted:
            values = config["access"][-1].partition("fiddler_attributes = {")[2]
            yield from same("headers read", _READ.findall(values), [a["fromHeader"] for a in wanted if "fromHeader" in a])
            literals = _unquoted(_READ.sub("", values))
            yield from same("values", literals, [a["value"] for a in wanted if "value" in a])
            for phase in ("header_filter", "log"):
                yield from same(f"names in {phase}", _unquoted(config[phase][-1])[: len(wanted)], [a["name"] for a in wanted])


def _unquoted(lua: str) -> list[str]:
    """The strings of a chunk, as Lua reads them."""
    return [re.sub(r"\\(\d{3})", lambda code: chr(int(code[1])), text) for text in re.findall(r'"([^"]*)"', lua)]


def _sampling(case: Case) -> Iterator[str]:
    rate = case.spec["tracing"]["samplingRate"]
    if ("sampling_rate",) not in overridden(case.spec, "opentelemetry"):
        for config in _traces(case):
            yield from same("sampling_rate", config.get("sampling_rate"), rate if rate < 1 else None)


def _propagation(case: Case) -> Iterator[str]:
    ignored = case.spec["tracing"]["propagation"] == "Ignore"
    if not any(path[:1] == ("propagation",) for path in overridden(case.spec, "opentelemetry")):
        for config in _traces(case):
            given = {name: value for name, value in config["propagation"].items() if value is not None}
            yield from same("propagation", given, {"default_format": "w3c", **({"extract": []} if ignored else {})})


def _overrides(case: Case) -> Iterator[str]:
    for config in _traces(case):
        yield from _patched(overridden(case.spec, "opentelemetry"), config)
    for route in case.models:
        for config in case.configs(case.proxy(route)):
            yield from _patched(
                overridden(case.spec, case.proxy(route).removeprefix(f"{case.name}-{route['name']}-"), route["name"]), config
            )


def _patched(wanted: Mapping[tuple[str, ...], Any], config: Mapping[str, Any]) -> Iterator[str]:
    defaults: dict[tuple[str, ...], Any] = {("propagation",): {"default_format": "w3c"}, ("response_streaming",): "allow"}
    for path, value in wanted.items():
        node: Any = config
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        expected = defaults[path] if value is None else value
        if isinstance(expected, dict) and isinstance(node, dict):
            node = {name: item for name, item in node.items() if name in expected}
        yield from same("/".join(path), node, expected)


def _suspend(case: Case) -> Iterator[str]:
    """Advice, such as ShadowsServicePlugin, accepts a binding too."""
    if case.spec["suspend"]:
        yield from same("Accepted", case.reason("Accepted"), "Suspended")
    elif not case.holds("Accepted"):
        yield f"Accepted is {case.reason('Accepted')!r}, not True"


ORACLES: Final[dict[str, Oracle]] = {
    "fiddler.url": _url,
    "fiddler.export.endpoint": _url,
    "fiddler.export.credentials": _fiddler_key,
    "fiddler.applicationId": _application,
    "fiddler.apiKeySecretRef.name": _fiddler_key,
    "fiddler.apiKeySecretRef.key": _fiddler_key,
    "gateway.targetRef.kind": _workload,
    "gateway.targetRef.name": _workload,
    "gateway.targetRef.namespace": _workload,
    "gateway.container": _workload,
    "gateway.ingressClassName": _ingress_class,
    "gateway.kongVersion": _version,
    "gateway.management": _settings,
    "gateway.conflicts": _settings,
    "gateway.untrustedLua": _settings,
    "routes[].name": _names,
    "routes[].expose.path": _path,
    "routes[].expose.host": _host,
    "routes[].expose.tlsSecretName": _certificate,
    **dict.fromkeys((f"routes[].expose.gatewayRef.{name}" for name in ("namespace", "name", "sectionName")), _gateway_ref),
    **dict.fromkeys((f"routes[].expose.timeouts.{name}" for name in ("connect", "read", "write")), _connection),
    "routes[].expose.retries": _connection,
    "routes[].attachTo.kind": _attachments,
    "routes[].attachTo.name": _attachments,
    **MODEL_ORACLES,
    "routes[].payloads": _payloads,
    "payloads": _payloads,
    "sessions.mode": _attachments,
    "sessions.headers[]": _headers,
    "attributes[].name": _attributes,
    "attributes[].value": _attributes,
    "attributes[].fromHeader": _attributes,
    "tracing.samplingRate": _sampling,
    "tracing.propagation": _propagation,
    "overrides[].plugin": _overrides,
    "overrides[].route": _overrides,
    "overrides[].patch[].op": _overrides,
    "overrides[].patch[].path": _overrides,
    "overrides[].patch[].value": _overrides,
    "suspend": _suspend,
}
"""One oracle for each field of the schema; a field without one fails `test_fields`."""


def problems(case: Case) -> list[str]:
    """Every difference between a working binding and its spec."""
    return [f"{case.namespace}/{case.name}: {text}" for oracle in dict.fromkeys(ORACLES.values()) for text in _told(oracle, case)]


def _told(oracle: Oracle, case: Case) -> list[str]:
    """The sentences of an oracle. Objects that are still those of an earlier spec may lack its field, have null there, or fewer targets."""
    try:
        return list(oracle(case))
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        return [f"{oracle.__name__} misses {error}"]
