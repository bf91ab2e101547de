"""Generates docs/reference/providers.md from the registry of providers and Kong's schema."""

from __future__ import annotations

from typing import Final

from codegen.text import table
from fiddler_kong_operator.plan.providers import PROVIDERS, Provider
from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS

__all__ = ["build_providers"]

_FIRST: Final = KNOWN_MINORS[0]

_INTRODUCTION: Final = """# LLM providers

This table has a row for each value of `llm.provider`. Names of fields are relative to `llm`. The tests call no provider and no real
Kong: the table follows Kong's published schema and documentation, and the documentation of the providers.

`auth.secretRef` names the bare key; the operator adds the header and the prefix. To change them, set `auth.headerName`,
`auth.headerPrefix` or `auth.paramName`. Only your own server (`options.upstreamUrl`) may have no `auth`.

"""

_IDENTITIES: Final = """
## Identities instead of keys

`{}` uses the identity of the *gateway's* pods. The operator cannot check it. The gateway's pods need:

- for `auth.aws: {}` a service account with a role (IRSA, EKS Pod Identity), the role of an instance, or `AWS_*` variables in the
  gateway's container; with `assumeRoleArn` also the permission `sts:AssumeRole`;
- for `auth.azure: {}` a managed identity (AKS workload identity, or the identity of the node) with the role *Cognitive Services OpenAI
  User*; `clientId` names a user-assigned identity;
- for `auth.gcp: {}` a Kubernetes service account that is bound to a service account of Google Cloud (workload identity), or
  `GCP_SERVICE_ACCOUNT` in the gateway's container, with the role *Vertex AI User*.

## Route types without token counts

Kong counts no tokens for `llm/v1/assistants`, `llm/v1/batches`, `llm/v1/files` and audio, so Fiddler shows these calls without tokens.
The message of `Accepted` says so for each such route. The operator does not offer `preserve`, because Kong makes no GenAI span for it.
"""


def build_providers() -> str:
    """The page."""
    header = ("Provider", "Kong", "Secret holds", "Also needed", "Route types", "`format`", "Not verified")
    return _INTRODUCTION + table(header, map(_row, PROVIDERS.values())) + _IDENTITIES


def _row(provider: Provider) -> tuple[str, ...]:
    return (
        f"`{provider.name}`",
        _since(provider),
        provider.takes,
        provider.needs or "nothing",
        ", ".join(f"`{name}`" + (" (own `format` only)" if name in provider.native else "") for name in sorted(provider.route_types)),
        ", ".join(f"`{name}`" for name in ("openai", *sorted(provider.formats))),
        provider.unverified,
    )


def _since(provider: Provider) -> str:
    field = SCHEMAS["ai-proxy"].field_at(("model", "provider"))
    newer = field.newer if field else {}
    return ".".join(map(str, newer.get(provider.name, _FIRST)))
