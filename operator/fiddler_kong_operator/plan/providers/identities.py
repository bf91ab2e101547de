"""Where the gateway may send an identity of its own pods: only to the cloud that gave it.

With `auth.aws`, `auth.azure` or `auth.gcp` without a Secret, Kong takes the identity of its pod and sends proof of it, for Azure and Google
Cloud an access token, to whatever address the model has. A binding's author chooses `options.upstreamUrl`, and must not obtain a token of
the gateway's platform that way. With a Secret of its own namespace, the author gives away nothing but that.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from fiddler_kong_operator.api import Model

__all__ = ["identity_problems"]

_DOMAINS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "aws": (".amazonaws.com", ".amazonaws.com.cn"),
        "azure": tuple(
            f".{service}.{cloud}"
            for service in ("openai", "cognitiveservices", "services.ai")
            for cloud in ("azure.com", "azure.us", "azure.cn")
        ),
        "gcp": (".googleapis.com",),
    }
)
"""By identity: domains whose hosts the cloud itself runs. A customer's machine may have a name in others, such as `cloudapp.azure.com`."""

_SECRETS: Final = MappingProxyType({"aws": "access_key_id_ref", "azure": "client_secret_ref", "gcp": "service_account_ref"})
"""By identity: its field that names a Secret."""


def identity_problems(model: Model) -> tuple[str, ...]:
    """Why the gateway must not call the model with its own identity, as sentences that begin with a field of the model."""
    identity = next((name for name in _DOMAINS if model.auth and getattr(model.auth, name)), None)
    url = model.options.upstream_url
    if identity is None or url is None or getattr(getattr(model.auth, identity), _SECRETS[identity]):
        return ()
    if (urlsplit(url).hostname or "").endswith(_DOMAINS[identity]):
        return ()
    where = f"a host below {_listed(_DOMAINS[identity])} where auth.{identity} names no Secret"
    why = "the gateway would show the identity of its own pods to another server"
    return (f"options.upstreamUrl: must be {where}: {why}. Name a Secret, or leave upstreamUrl out.",)


def _listed(domains: tuple[str, ...]) -> str:
    return " or ".join(domain.removeprefix(".") for domain in domains[:2])
