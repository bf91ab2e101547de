"""The `auth` of a model in Kong -> `llm.auth` of a binding: a key, or an identity of a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fiddler_kong_operator.api import LlmAuth, Model, SecretKeyRef
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.providers import PROVIDERS

from .overriding import Operation, leftover
from .parts import Part
from .secrets import read_key, split_prefix

__all__ = ["read_auth"]

_KEYS: Final = (
    *("header_name", "header_value", "param_name", "param_value", "param_location"),
    *("aws_access_key_id", "aws_secret_access_key", "azure_client_secret", "gcp_service_account_json"),
)
_UNUSED: Final = "is not carried over: the provider takes another kind of identity, or a binding has only one."
_DEFAULTS: Final = {"allow_override": False, "azure_use_managed_identity": False, "gcp_use_service_account": False}
_IDENTITY: Final = ("azure_client_id", "azure_tenant_id")


def read_auth(part: Part, provider: str, role: Mapping[str, Any]) -> tuple[Manifest, tuple[Operation, ...]]:
    """The field `auth`, or nothing where Kong sends no key; and operations for the rest. `role` has Bedrock's options about it."""
    auth = _read(part, provider, role)
    for name in (*_KEYS, *_IDENTITY):
        if part.take(name) is not None:
            part.lose(name, _UNUSED)
    operations = tuple(operation.below("/auth") for operation in leftover(part, _DEFAULTS))
    return ({"auth": auth} if auth is not None else {}), operations


def _read(part: Part, provider: str, role: Mapping[str, Any]) -> Manifest | None:
    if provider == "bedrock":
        return {"aws": {**_read_aws(part), **role}}
    if provider == "azure" and part.take("azure_use_managed_identity") is True:
        return {"azure": _read_azure(part)}
    if provider == "gemini" and part.take("gcp_use_service_account") is True:
        return {"gcp": _read_secret(part, provider, "gcp_service_account_json", "serviceAccountRef", "service-account.json")}
    if part.has("header_name") or part.has("header_value"):
        return _read_header(part, provider)
    return _read_parameter(part, provider) if part.has("param_name") else None


def _read_secret(part: Part, provider: str, name: str, field: str, entry: str) -> Manifest:
    return {field: read_key(part, name, part.text(name), provider, entry)} if part.has(name) else {}


def _read_aws(part: Part) -> Manifest:
    return {
        **_read_secret(part, "bedrock", "aws_access_key_id", "accessKeyIdRef", "access-key-id"),
        **_read_secret(part, "bedrock", "aws_secret_access_key", "secretAccessKeyRef", "secret-access-key"),
    }


def _read_azure(part: Part) -> Manifest:
    named = {"clientId": part.text("azure_client_id"), "tenantId": part.text("azure_tenant_id")}
    secret = _read_secret(part, "azure", "azure_client_secret", "clientSecretRef", "client-secret")
    return {**{name: value for name, value in named.items() if value}, **secret}


def _read_header(part: Part, provider: str) -> Manifest:
    usual_name, usual_prefix = _usual(provider)
    name, prefix, bare = part.text("header_name") or usual_name, *split_prefix(part.text("header_value") or "")
    key = read_key(part, "header_value", bare, provider)
    if bare.startswith("{vault://") and not prefix:
        prefix = usual_prefix  # the vault holds the prefix too
    return {
        "secretRef": key,
        **({"headerName": name} if name != usual_name else {}),
        **({"headerPrefix": prefix} if prefix != usual_prefix else {}),
    }


def _read_parameter(part: Part, provider: str) -> Manifest:
    name, location = part.text("param_name"), part.text("param_location")
    key = read_key(part, "param_value", part.text("param_value"), provider)
    return {"secretRef": key, "paramName": name, **({"paramLocation": location} if location not in (None, "query") else {})}


def _usual(provider: str) -> tuple[str, str]:
    """The header and the prefix that the operator takes where a binding names none."""
    fields: dict[str, Any] = {"provider": provider, "auth": LlmAuth(secret_ref=SecretKeyRef(name="key", key="key"))}
    config, keys = PROVIDERS[provider].auth(Model.model_construct(**fields))
    return (config["header_name"], keys[0].prefix) if keys else ("", "")
