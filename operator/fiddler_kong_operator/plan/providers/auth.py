"""The ways in which the gateway identifies itself to a provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.api import Model, SecretKeyRef
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.keys import PluginKey

__all__ = ["Auth", "aws_auth", "azure_auth", "gcp_auth", "key_auth"]

Auth = tuple[Manifest, tuple[PluginKey, ...]]
"""The `auth` part of ai-proxy's config, and the keys that belong in it (relative, see `PluginKey`)."""

_NOTHING: Final[Auth] = ({}, ())


def key_auth(header: str = "Authorization", prefix: str = "Bearer ") -> Callable[[Model], Auth]:
    """For a provider that takes its one key in a request header, unless the binding names another header, prefix or a parameter."""

    def auth(llm: Model) -> Auth:
        found = llm.auth
        if found is None or found.secret_ref is None:
            return _NOTHING
        variable = f"{llm.provider.upper()}_API_KEY"
        if found.param_name:
            key = _key("secretRef", found.secret_ref, "/param_value", variable)
            return {"param_name": found.param_name, "param_location": found.param_location}, (key,)
        usual = prefix if found.header_prefix is None else found.header_prefix
        key = _key("secretRef", found.secret_ref, "/header_value", variable, prefix=usual)
        return {"header_name": found.header_name or header}, (key,)

    return auth


def _key(field: str, ref: SecretKeyRef, pointer: str, variable: str, *, prefix: str = "", entry: str = "") -> PluginKey:
    return PluginKey(field=f"auth.{field}", ref=ref, prefix=prefix, pointer=pointer, entry=entry, variable=variable)


def aws_auth(llm: Model) -> Auth:
    """An access key of AWS, or nothing: then Kong takes the identity of its pod."""
    aws = llm.auth.aws if llm.auth else None
    if aws is None or aws.access_key_id_ref is None or aws.secret_access_key_ref is None:
        return _NOTHING
    return {}, (
        _key("aws.accessKeyIdRef", aws.access_key_id_ref, "/aws_access_key_id", "AWS_ACCESS_KEY_ID", entry="access-key-id"),
        _key("aws.secretAccessKeyRef", aws.secret_access_key_ref, "/aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", entry="secret-key"),
    )


_AZURE_KEY: Final = key_auth("api-key", "")


def azure_auth(llm: Model) -> Auth:
    """A key in the header `api-key`, or an identity of Entra: an application's, or the one that Kong's pod has."""
    azure = llm.auth.azure if llm.auth else None
    if azure is None:
        return _AZURE_KEY(llm)
    named = {"azure_client_id": azure.client_id, "azure_tenant_id": azure.tenant_id}
    config = {"azure_use_managed_identity": True, **{name: value for name, value in named.items() if value}}
    if azure.client_secret_ref is None:
        return config, ()
    return config, (_key("azure.clientSecretRef", azure.client_secret_ref, "/azure_client_secret", "AZURE_CLIENT_SECRET"),)


_GEMINI_KEY: Final = key_auth("x-goog-api-key", "")


def gcp_auth(llm: Model) -> Auth:
    """A key in the header `x-goog-api-key`, or an identity of Google Cloud: a service account's, or the one that Kong's pod has."""
    gcp = llm.auth.gcp if llm.auth else None
    if gcp is None:
        return _GEMINI_KEY(llm)
    config = {"gcp_use_service_account": True}
    if gcp.service_account_ref is None:
        return config, ()
    ref, pointer = gcp.service_account_ref, "/gcp_service_account_json"
    key = PluginKey("auth.gcp.serviceAccountRef", ref, "", pointer, "", "GCP_SERVICE_ACCOUNT", form="service account")
    return config, (key,)
