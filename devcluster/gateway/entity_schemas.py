"""Schemas of a declarative configuration and its entities, as far as this stand-in reads them."""

from __future__ import annotations

from typing import Final

from .field_types import Schema, array_of, boolean, field, number, record, string

__all__ = ["ENTITY_SCHEMAS", "FORMAT_VERSION"]

_ANY: Final[Schema] = {"type": "any"}
_TAGS: Final = field("set", elements={"type": "string", "format": "tag"})
_PROTOCOLS: Final = ["grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp", "ws", "wss"]
_NAME: Final = string(format="name")
_MILLISECONDS: Final = number(between=(1, 2147483646), kind="integer")

FORMAT_VERSION: Final = string(required=True, one_of=["1.1", "2.1", "3.0"])
"""The schema of `_format_version`."""


def _entity(*names: str, **fields: Schema) -> Schema:
    return record({"id": string(), "tags": _TAGS, "created_at": _ANY, "updated_at": _ANY} | dict.fromkeys(names, _ANY) | fields)


ENTITY_SCHEMAS: Final = {
    "services": _entity(
        "client_certificate",
        "tls_verify",
        "tls_verify_depth",
        "ca_certificates",
        "tls_sans",
        name=_NAME,
        protocol=string(one_of=_PROTOCOLS),
        host=string(required=True, format="host"),
        port=number(between=(0, 65535), kind="integer"),
        path=string(format="service_path"),
        retries=number(between=(0, 32767), kind="integer"),
        connect_timeout=_MILLISECONDS,
        write_timeout=_MILLISECONDS,
        read_timeout=_MILLISECONDS,
        enabled=boolean(),
    ),
    "routes": _entity(
        "snis",
        "sources",
        "destinations",
        "headers",
        "service",
        "expression",
        "priority",
        name=_NAME,
        protocols=field("set", len_min=1, elements={"type": "string", "one_of": _PROTOCOLS}),
        methods=array_of({"type": "string", "format": "method"}),
        hosts=array_of({"type": "string", "format": "route_host"}),
        paths=array_of({"type": "string", "format": "route_path"}),
        https_redirect_status_code=number(kind="integer"),
        regex_priority=number(kind="integer"),
        strip_path=boolean(),
        path_handling=string(one_of=["v0", "v1"]),
        preserve_host=boolean(),
        request_buffering=boolean(),
        response_buffering=boolean(),
    ),
    "plugins": _entity(
        "config",
        "protocols",
        "ordering",
        "service",
        "route",
        "consumer",
        "consumer_group",
        "run_on",
        name=string(required=True),
        instance_name=_NAME,
        enabled=boolean(),
    ),
    "upstreams": _entity(
        "healthchecks",
        "hash_on",
        "hash_fallback",
        "hash_on_header",
        "hash_fallback_header",
        "hash_on_cookie",
        "hash_on_cookie_path",
        "hash_on_query_arg",
        "hash_fallback_query_arg",
        "hash_on_uri_capture",
        "hash_fallback_uri_capture",
        "client_certificate",
        "host_header",
        "use_srv_name",
        "sticky_sessions_cookie",
        "sticky_sessions_cookie_path",
        name=string(required=True, format="upstream"),
        algorithm=string(),
        slots=number(kind="integer"),
    ),
    "targets": _entity(
        "upstream",
        "failover",
        target=string(required=True, format="target"),
        weight=number(between=(0, 65535), kind="integer"),
    ),
}
"""Fields of the entities that the stand-in reads; it accepts every other kind of entity unchecked. `schemas.py` has
the schemas of `config` and `protocols`, of which each type of plugin has its own."""
