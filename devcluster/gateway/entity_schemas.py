"""Schemas of the entities of a declarative configuration, as far as this stand-in reads them."""

from __future__ import annotations

from typing import Final

from .field_types import Schema, array_of, boolean, field, number, record, string

__all__ = ["ENTITY_SCHEMAS"]

_ANY: Final[Schema] = {"type": "any"}
_TAGS: Final = field("set", elements={"type": "string"})


def _entity(*names: str, **fields: Schema) -> Schema:
    return record({"id": string(), "tags": _TAGS, "created_at": _ANY, "updated_at": _ANY} | dict.fromkeys(names, _ANY) | fields)


ENTITY_SCHEMAS: Final = {
    "services": _entity(
        "client_certificate",
        "tls_verify",
        "tls_verify_depth",
        "ca_certificates",
        "tls_sans",
        name=string(),
        url=string(),
        protocol=string(one_of=["grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp", "ws", "wss"]),
        host=string(),
        port=number(between=(0, 65535), kind="integer"),
        path=string(),
        retries=number(between=(0, 32767), kind="integer"),
        connect_timeout=number(kind="integer"),
        write_timeout=number(kind="integer"),
        read_timeout=number(kind="integer"),
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
        name=string(),
        protocols=array_of(),
        methods=array_of(),
        hosts=array_of(),
        paths=array_of(),
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
        "ordering",
        "service",
        "route",
        "consumer",
        "consumer_group",
        "run_on",
        name=string(required=True),
        instance_name=string(),
        enabled=boolean(),
        protocols=array_of(),
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
        name=string(required=True),
        algorithm=string(),
        slots=number(kind="integer"),
    ),
    "targets": _entity("upstream", "failover", target=string(required=True), weight=number(between=(0, 65535), kind="integer")),
}
"""Fields of the entities that the stand-in reads; it accepts every other kind of entity unchecked."""
