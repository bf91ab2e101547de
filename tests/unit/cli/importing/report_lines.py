"""The report of an import: for each change of the integration page's file, its line."""

from __future__ import annotations

from typing import Any, Final

from tests.unit.cli.importing.kong_files import APPLICATION, FIDDLER, Json, ai_proxy, kong_file, page, plugin, service

__all__ = ["LINES", "NOTES", "ROUTE", "added", "changed"]

OPENAI: Final = ai_proxy()
ROUTE: Final = "services.0.routes.0"


def changed(path: str, value: Any) -> Json:
    """The integration page's file with one field set: `services.0.routes.0.methods`."""
    file = page()
    *steps, last = path.split(".")
    place: Any = file
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[int(last) if isinstance(place, list) else last] = value
    return file


def added(*plugins: Json, **more: Any) -> Json:
    file = page()
    return {**file, "plugins": [*file["plugins"], *plugins], **more}


CHANGES: Final[list[tuple[str, Any, str]]] = [
    (
        f"{ROUTE}.methods",
        ["POST"],
        "services[0].routes[0]: methods: an Ingress of the operator's has none; konghq.com/methods says it.",
    ),
    (f"{ROUTE}.headers", {"x-team": ["a"]}, "services[0].routes[0]: headers: an Ingress of the operator's has none"),
    (f"{ROUTE}.snis", ["a.example"], "services[0].routes[0]: snis: an Ingress"),
    (f"{ROUTE}.protocols", ["https"], "services[0].routes[0]: protocols: an Ingress"),
    (f"{ROUTE}.strip_path", False, "services[0].routes[0]: the path is not stripped"),
    (f"{ROUTE}.paths", ["~/v[0-9]+$"], "services[0].routes[0]: a path is a regular expression"),
    (f"{ROUTE}.paths", ["/"], "services[0].routes[0]: a path has more than letters"),
    (f"{ROUTE}.hosts", ["*.example.com"], "services[0].routes[0]: a host is no plain name"),
    (f"{ROUTE}.paths", [f"/p{n}" for n in range(17)], "services[0].routes[0]: it has more than 16 combinations"),
    (f"{ROUTE}.expression", 'http.path == "/a"', "services[0].routes[0]: expression: no Ingress can say it"),
    (f"{ROUTE}.color", "red", "services[0].routes[0].color: is not carried over: no binding has it."),
    ("services.0.tls_verify", True, "services[0].tls_verify: is not carried over: set konghq.com/tls-verify"),
    ("services.0.retries", "many", "services[0].retries: must be a whole number; it was left out."),
    (
        "services.0.read_timeout",
        0,
        "services[0].routes[0]: was left out, because the binding would be refused: expose.timeouts.read",
    ),
    ("services.0.routes", "none", "services[0].routes: must be a list; it was left out."),
    ("plugins.0.config.model.provider", "acme", "plugins[0].config.model.provider: is none that a binding has."),
    ("plugins.0.config.model.name", None, "plugins[0].config.model: names no model"),
    ("plugins.0.config.route_type", "preserve", "plugins[0].config.route_type: is none that a binding has."),
    ("plugins.0.config.model.options.max_tokens", "many", "plugins[0].config.model.options.max_tokens: must be a whole number"),
    (
        "plugins.0.config.model.options.temperature",
        9,
        "services[0].routes[0]: was left out, because the binding would be refused: llm.options.temperature",
    ),
    (
        "plugins.0.config.model.options.colour",
        1,
        "plugins[0].config.model.options.colour: is not carried over: /model/options/colour of ai-proxy is unknown to Kong",
    ),
    ("plugins.0.config.auth.param_name", "key", "plugins[0].config.auth.param_name: is not carried over"),
    (
        "plugins.0.config.auth.header_value",
        "Bearer ${OPENAI_API_KEY}",
        (
            "plugins[0].config.auth.header_value: this is a placeholder or a reference to a vault, not a key. "
            "Create the Secret `kong-openai` with the bare key in `api-key`."
        ),
    ),
    ("plugins.0.config.auth.header_value", '${{ env "DECK_KEY" }}', "plugins[0].config.auth.header_value: this is a placeholder"),
    ("plugins.0.config.auth.header_value", "{vault://env/openai}", "plugins[0].config.auth.header_value: this is a placeholder"),
    (
        "plugins.0.config.auth.header_value",
        "Bearer sk 1",
        "plugins[0].config.auth.header_value: this holds characters that no key has.",
    ),
    ("plugins.0.ordering", {"before": {}}, "plugins[0].ordering: is not carried over"),
    (
        "plugins.1.config.access",
        ["ngx.exit(403)"],
        "plugins[1].config.access[0]: is Lua that is neither the integration page's nor the operator's, and is never carried over.",
    ),
    ("plugins.1.config.body_filter", ["local x = 1"], "plugins[1].config.body_filter[0]: is Lua that is neither"),
    (
        "plugins.2.config.traces_endpoint",
        "${FIDDLER_URL}/v1/traces",
        "plugins[2].config.traces_endpoint: is missing, or a placeholder: give the URL of your Fiddler instance by --fiddler-url.",
    ),
    (
        "plugins.2.config.traces_endpoint",
        "http://otel:4318/v1/traces",
        "plugins[2].config.traces_endpoint: is a collector: give the URL",
    ),
    (
        "plugins.2.config.traces_endpoint",
        "https://acme.fiddler.ai/otlp",
        "plugins[2].config.traces_endpoint: must be http:// or https://, a host, and /v1/traces",
    ),
    (
        "plugins.2.config.headers",
        {"fiddler-application-id": APPLICATION},
        "plugins[2].config.headers: there is no key of Fiddler's in the file. Create the Secret `kong-fiddler`",
    ),
    ("plugins.2.config.headers.X-Other", "1", "plugins[2].config.headers.X-Other: is not carried over"),
    (
        "plugins.2.config.resource_attributes",
        {"service.name": "gateway"},
        "plugins[2].config.resource_attributes.service.name: must be kong",
    ),
    (
        "plugins.2.config.resource_attributes",
        {"application.id": "9a1b6c0e-2d4f-4e6a-8b1c-5f7d3e2a1b0c"},
        "plugins[2].config.resource_attributes.application.id: differs from the header",
    ),
    (
        "plugins.2.config.logs_endpoint",
        "https://logs.example.com",
        "plugins[2].config.logs_endpoint: is not carried over: Fiddler's key would go there too.",
    ),
    (
        "plugins.2.config.metrics",
        {"endpoint": "https://m.example.com"},
        "plugins[2].config.metrics.endpoint: is not carried over: /metrics/endpoint of opentelemetry must not be set",
    ),
    ("plugins.2.config.sampling_rate", 0, "binding kong: would be refused, so it is not printed: spec.tracing.samplingRate"),
    ("plugins.2.config.queue.max_batch_size", "${SIZE}", "plugins[2].config.queue.max_batch_size: holds a placeholder"),
]

FILES: Final[list[tuple[Json, str]]] = [
    (
        added(plugin("rate-limiting", {"minute": 5})),
        (
            "plugins[3]: rate-limiting stays yours: make a KongPlugin of it, and add its name to konghq.com/plugins of the Ingress "
            "`kong-openai`."
        ),
    ),
    (
        added(plugin("ai-proxy", OPENAI, consumer="alice")),
        "plugins[3]: is for one consumer or group, and a binding covers all callers of a route: the plugin stays yours.",
    ),
    (
        added(plugin("ai-proxy", OPENAI, service="nowhere")),
        "plugins[3]: its service or route is not in the file, or is disabled: the plugin was left out.",
    ),
    (added(plugin("ai-proxy", OPENAI)), "plugins[3]: was left out: it runs for no route that was imported."),
    (added(consumers=[{"username": "alice"}, {"username": "bob"}]), "consumers: stay yours, with their credentials"),
    (added(upstreams=[{"name": "models"}]), "upstreams: stay yours: ai-proxy calls the provider itself."),
    (added(certificates=[{}]), "certificates: stay yours"),
    (added(vaults=[{}]), "vaults: stay yours"),
    (added(_workspace="llm"), "_workspace: is not carried over"),
    (added(_info={"defaults": {"service": {}}}), "_info.defaults: is not applied"),
    (added(partials=[{}]), "partials: no binding has this: it stays yours."),
    (
        added(routes=[{"paths": ["/x"], "service": "nowhere"}]),
        "routes[0]: its service is not in the file, or is disabled: the route was left out.",
    ),
    (kong_file([service("web")], [FIDDLER]), "services[0].routes[0]: was left out: no ai-proxy handles its calls"),
    (
        kong_file([service()], [plugin("ai-proxy", OPENAI)]),
        "services[0].routes[0]: was left out: no opentelemetry plugin says where in Fiddler",
    ),
    (
        kong_file([service()], [plugin("ai-proxy", OPENAI), plugin("opentelemetry", {"traces_endpoint": "https://o.example/v1/traces"})]),
        "plugins[1]: exports to another place than Fiddler",
    ),
    (
        kong_file([service(), service("b", {"paths": ["/openai-service"]})], [plugin("ai-proxy", OPENAI), FIDDLER]),
        "services[1].routes[0]: was left out: another route of the file has the same host and path.",
    ),
]

LINES: Final = [*((changed(path, value), line) for path, value, line in CHANGES), *FILES]

NOTES: Final[list[tuple[Json, str]]] = [
    (page() | {"_format_version": "2.1"}, "Note: _format_version: is not 3.0: the file was read as if it were."),
    (page() | {"_transform": False}, "Note: _transform: only concerns credentials of consumers"),
    (changed("services.0.tags", ["llm"]), "Note: tags: 1 entities have some"),
    (added(plugin("cors", enabled=False)), "Note: plugins[3]: is disabled (enabled: false)"),
    (changed("plugins.0.config.logging", {}), "Note: plugins[0].config.logging: log_statistics is off: the operator sets it"),
]
