"""A stand-in for the OpenTelemetry Collector. It reads the collector's own configuration, and refuses what it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from devcluster.listener import Listener

__all__ = ["CollectorStandIn"]

Config = Mapping[str, Any]
_PROTOBUF = {"Content-Type": "application/x-protobuf"}


class CollectorStandIn:
    """Sends each export on by every pipeline, batch by batch when `flush` is called. `hosts` replaces the exporters' URLs, by exporter."""

    def __init__(self, config: Config, hosts: Mapping[str, str]) -> None:
        """KeyError or ValueError for a configuration beyond what is known here."""
        self._config, self._hosts = config, hosts
        self._batches: dict[tuple[str, tuple[tuple[str, str], ...]], ExportTraceServiceRequest] = {}
        for name, pipeline in config["service"]["pipelines"].items():
            if set(pipeline) != {"receivers", "processors", "exporters"} or pipeline["receivers"] != ["otlp"]:
                raise ValueError(f"unknown pipeline {name}")
        http = config["receivers"]["otlp"]["protocols"]["http"]
        self._keeps_headers = http.get("include_metadata", False)
        app = web.Application()
        app.router.add_post("/v1/traces", self._receive)
        self.listener = Listener(app)

    async def _receive(self, request: web.Request) -> web.Response:
        """An answer 200 says nothing about the exporters, as with the real one."""
        body = await request.read()
        if request.content_type != _PROTOBUF["Content-Type"]:
            return web.Response(status=415)
        headers = {name.lower(): value for name, value in request.headers.items()} if self._keeps_headers else {}
        for name, pipeline in self._config["service"]["pipelines"].items():
            export, keys = ExportTraceServiceRequest.FromString(body), tuple[str, ...]()
            for processor in pipeline["processors"]:
                keys = self._process(processor, export) or keys
            context = tuple((key, headers[key]) for key in keys if key in headers)
            self._batches.setdefault((name, context), ExportTraceServiceRequest()).MergeFrom(export)
        return web.Response(body=b"", headers=_PROTOBUF)

    def _process(self, name: str, export: ExportTraceServiceRequest) -> tuple[str, ...]:
        """Change the export as a processor does it; returns the headers by which a batch is kept apart."""
        settings, kind = self._config["processors"][name], name.partition("/")[0]
        if kind == "batch":
            return tuple(settings.get("metadata_keys", ()))
        if kind != "attributes" or any(action["action"] != "delete" for action in settings["actions"]):
            raise ValueError(f"unknown processor {name}")
        gone = {action["key"] for action in settings["actions"]}
        for span in (s for r in export.resource_spans for scope in r.scope_spans for s in scope.spans):
            kept = [attribute for attribute in span.attributes if attribute.key not in gone]
            del span.attributes[:]
            span.attributes.extend(kept)
        return ()

    async def flush(self) -> None:
        """Send every batch."""
        async with aiohttp.ClientSession() as session:
            for (pipeline, context), export in self._batches.items():
                for name in self._config["service"]["pipelines"][pipeline]["exporters"]:
                    headers = {**_PROTOBUF, **dict(self._headers(name, dict(context)))}
                    async with session.post(self._hosts[name], data=export.SerializeToString(), headers=headers) as response:
                        response.raise_for_status()
        self._batches.clear()

    def _headers(self, exporter: str, context: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The headers that an exporter's authenticator sets, for a request of this context."""
        settings = self._config["exporters"][exporter]
        if not settings["traces_endpoint"].endswith("/v1/traces") or not set(settings) <= {"traces_endpoint", "auth"}:
            raise ValueError(f"unknown exporter {exporter}")
        authenticator = settings.get("auth", {}).get("authenticator")
        if authenticator and authenticator in self._config["service"]["extensions"]:
            for header in self._config["extensions"][authenticator]["headers"]:
                value = header["value"] if "value" in header else context.get(header["from_context"])
                if header["action"] == "upsert" and value is not None:
                    yield header["key"], value
