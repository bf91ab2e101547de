"""Where the gateway may send an identity of its own pods: only to the service of the cloud that takes it.

With `auth.aws`, `auth.azure` or `auth.gcp` without a Secret, Kong takes the identity of its pod and sends proof of it, for Azure and Google
Cloud an access token, to whatever address the model has. A binding's author chooses `options.upstreamUrl`, and must not obtain a token of
the gateway's platform that way. With a Secret of its own namespace, the author gives away nothing but that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from fiddler_kong_operator.api import Model

__all__ = ["identity_problems"]

_HOSTS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = MappingProxyType(
    {
        "aws": (
            re.compile(r"([^.]+\.)?bedrock-runtime(-fips)?\.[a-z-]+-\d+(\.vpce)?\.amazonaws\.com(\.cn)?"),
            "bedrock-runtime.eu-central-1.amazonaws.com",
        ),
        "azure": (
            re.compile(r"[^.]+\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)"),
            "acme.openai.azure.com",
        ),
        "gcp": (
            re.compile(r"([^.]+-)?aiplatform(-[^.]+)?(\.p|\.[^.]+\.rep)?\.googleapis\.com"),
            "us-central1-aiplatform.googleapis.com",
        ),
    }
)
"""By identity: the hosts of the service that takes it, and one of them. Other hosts of the same cloud may be customers' machines."""

_SECRETS: Final = MappingProxyType({"aws": "access_key_id_ref", "azure": "client_secret_ref", "gcp": "service_account_ref"})
"""By identity: its field that names a Secret."""


def identity_problems(model: Model) -> tuple[str, ...]:
    """Why the gateway must not call the model with its own identity, as sentences that begin with a field of the model."""
    identity = next((name for name in _HOSTS if model.auth and getattr(model.auth, name)), None)
    url = model.options.upstream_url
    if identity is None or url is None or getattr(getattr(model.auth, identity), _SECRETS[identity]):
        return ()
    hosts, example = _HOSTS[identity]
    if hosts.fullmatch(urlsplit(url).hostname or ""):
        return ()
    where = f"a host such as {example} where auth.{identity} names no Secret"
    why = "the gateway would show the identity of its own pods to another server"
    return (f"options.upstreamUrl: must be {where}: {why}. Name a Secret, or leave upstreamUrl out.",)
