"""An `opentelemetry` -> where a binding sends its traces, and how: `fiddler`, `tracing` and overrides."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.acceptance.endpoint import is_in_cluster

from .kong_file import Plugin
from .overriding import Operation, leftover
from .parts import Part
from .secrets import Key, read_key, split_prefix
from .shown import is_placeholder

__all__ = ["Destination", "Given", "read_destination"]

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*")
_COLLECTORS_PORT: Final = 4318

_DEFAULTS: Final[Mapping[str, Any]] = {
    "connect_timeout": 1000,
    "send_timeout": 5000,
    "read_timeout": 5000,
    "header_type": "preserve",
    "sampling_strategy": "parent_drop_probability_fallback",
    "queue": {
        "max_batch_size": 200,
        "max_coalescing_delay": 1,
        "max_entries": 10_000,
        "max_retry_time": 60,
        "initial_retry_delay": 0.01,
        "max_retry_delay": 60,
        "concurrency_limit": 1,
    },
    "metrics": {
        "push_interval": 60,
        "enable_ai_metrics": False,
        "enable_bandwidth_metrics": False,
        "enable_consumer_attribute": False,
        "enable_latency_metrics": False,
        "enable_request_metrics": False,
        "enable_upstream_health_metrics": False,
    },
}
"""Kong's defaults."""

_OTHER_SIGNALS: Final = ("logs_endpoint", "access_logs_endpoint", "access_logs")
_NOT_HERE: Final = "is not carried over: Fiddler's key would go there too. Send it from a plugin of your own, or from a collector."


@dataclass(frozen=True, slots=True)
class Given:
    """Fiddler's URL and application from the command line. They count where the file has none, a placeholder or, as URL, a collector."""

    url: str | None = None
    application: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of traces. Routes with equal destinations can share a binding."""

    fiddler: Manifest
    """`spec.fiddler`, with a `Key` for the reference."""
    tracing: Manifest = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()

    @property
    def identity(self) -> str:
        """A text that two destinations share only where they are equal. It holds the key."""
        key = self.fiddler["apiKeySecretRef"]
        plain = {name: value for name, value in self.fiddler.items() if value is not key}
        return json.dumps([plain, key.text, key.problem, self.tracing, [operation.manifest for operation in self.operations]])


def read_destination(plugin: Plugin | None, given: Given) -> Destination | None:
    """The destination of a plugin that exports to Fiddler, else the one that is given; None if a part of it is missing."""
    if plugin and _is_fiddlers(plugin.config):
        return _read(plugin.config, given)
    if plugin:
        text = (
            "exports to another place than Fiddler: it stays yours, but on the imported routes the operator's runs in its place. "
            "A collector serves both: docs/collector.md."
        )
        plugin.config.report.lose(plugin.place, text)
    if not given.url or not given.application:
        return None
    return Destination(
        {"url": given.url, "applicationId": given.application, "apiKeySecretRef": Key("fiddler", "", "--fiddler-url", _NO_KEY)}
    )


_NO_KEY: Final = "there is no key of Fiddler's in the file."


def _is_fiddlers(config: Part) -> bool:
    headers, attributes = (found if isinstance(found := config.peek(name), dict) else {} for name in ("headers", "resource_attributes"))
    return "application.id" in attributes or any(name.lower() == names.APPLICATION_ID_HEADER for name in headers)


def _read(config: Part, given: Given) -> Destination | None:
    headers, attributes, propagation = (config.part(name) for name in ("headers", "resource_attributes", "propagation"))
    sent = _read_headers(headers)
    application = _read_application(attributes, sent, given)
    place, tracing = _read_place(config, given), _read_tracing(config, propagation)
    for name in _OTHER_SIGNALS:
        if config.take(name) is not None:
            config.lose(name, _NOT_HERE)
    operations = [operation.below("/resource_attributes") for operation in leftover(attributes, {})]
    operations += [operation.below("/propagation") for operation in leftover(propagation, {"default_format": "w3c"})]
    operations += leftover(config, _DEFAULTS)
    if application is None or place is None:
        return None
    key = sent.get("authorization") or Key("fiddler", "", headers.place, _NO_KEY)
    export = {"export": {**place["export"], "credentials": "Omit"}} if "export" in place and "authorization" not in sent else {}
    return Destination({**place, "applicationId": application, "apiKeySecretRef": key, **export}, tracing, tuple(operations))


def _read_headers(headers: Part) -> dict[str, Any]:
    """Fiddler's two headers: a `Key`, and the application's id."""
    found: dict[str, Any] = {}
    for name in headers.names():
        if name.lower() == "authorization":
            prefix, bare = split_prefix(headers.text(name) or "")
            found["authorization"] = read_key(headers, name, bare if prefix.lower() == "bearer " else f"{prefix}{bare}", "fiddler")
        elif name.lower() == names.APPLICATION_ID_HEADER:
            found[names.APPLICATION_ID_HEADER] = headers.take(name)
    headers.lose_rest("is not carried over: the operator's plugin sends only Fiddler's two headers. A collector can add others.")
    return found


def _read_application(attributes: Part, sent: Mapping[str, Any], given: Given) -> str | None:
    """The application's id, in lower case."""
    service, attribute = attributes.take("service.name"), attributes.take("application.id")
    if service not in (None, "kong"):
        attributes.lose("service.name", "must be kong, by which Fiddler recognises Kong's spans: the operator sets it.")
    found = [text for text in (sent.get(names.APPLICATION_ID_HEADER), attribute) if isinstance(text, str) and _UUID.fullmatch(text)]
    if len({text.lower() for text in found}) > 1:
        attributes.lose("application.id", "differs from the header fiddler-application-id, which was taken.")
    application = next(iter(found), given.application)
    if application is None:
        attributes.lose("application.id", "is missing or no UUID: give the application's id by --application-id.")
    return application.lower() if application else None


def _read_place(config: Part, given: Given) -> Manifest | None:
    """`url`, and `export` where Kong sends to a collector."""
    endpoint = config.take("traces_endpoint") or config.take("endpoint")
    name = config.place_of("traces_endpoint")
    origin = endpoint.removesuffix("/").removesuffix(names.TRACES_PATH) if isinstance(endpoint, str) else ""
    if not endpoint or is_placeholder(endpoint):
        if given.url is None:
            config.report.lose(name, "is missing, or a placeholder: give the URL of your Fiddler instance by --fiddler-url.")
        return {"url": given.url} if given.url else None
    if not _ORIGIN.fullmatch(origin) or origin == endpoint:
        config.report.lose(name, f"must be http:// or https://, a host, and {names.TRACES_PATH}: the operator exports to no other URL.")
        return None
    if not _is_collector(origin, given):
        return {"url": origin}
    if given.url is None:
        config.report.lose(name, "is a collector: give the URL of the Fiddler instance behind it by --fiddler-url.")
        return None
    return {"url": given.url, "export": {"endpoint": origin}}


def _is_collector(origin: str, given: Given) -> bool:
    """Whether a URL is that of an OpenTelemetry Collector and not of a Fiddler instance."""
    if given.url:
        return given.url.rstrip("/").lower() != origin.lower()
    try:
        parts = urlsplit(origin)
        return parts.port == _COLLECTORS_PORT or is_in_cluster(parts.hostname or "") or "." not in (parts.hostname or "")
    except ValueError:
        return False


def _read_tracing(config: Part, propagation: Part) -> Manifest:
    rate, ignored = config.number("sampling_rate"), propagation.peek("extract") == []
    if ignored:
        propagation.take("extract")
    return {
        **({"samplingRate": rate} if rate not in (None, 1) else {}),
        **({"propagation": "Ignore"} if ignored else {}),
    }
