"""Generates docs/reference/providers.md from the registry of providers and Kong's schema."""

from __future__ import annotations

from typing import Final

from codegen.text import table
from fiddler_kong_operator.plan.providers import PROVIDERS, Provider
from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS

__all__ = ["build_providers"]

_FIRST: Final = KNOWN_MINORS[0]

_INTRODUCTION: Final = """# LLM providers

A row for each value of `llm.provider`. Names of fields are relative to `llm`. None of the providers was called in the tests, and no
real Kong was: the table follows Kong's published schema and documentation, and the providers' own.

`auth.secretRef` names the bare key; the operator adds the header and the prefix. `auth.headerName`, `auth.headerPrefix` and
`auth.paramName` say otherwise. Only a server of your own (`options.upstreamUrl`) may have no `auth`.

"""

_IDENTITIES: Final = """
## Identities instead of keys

`{}` takes the identity that the *gateway's* pods have. The operator cannot see or check it. The gateway's pods need:

- for `auth.aws: {}` a service account with a role (IRSA, EKS Pod Identity), the role of an instance, or `AWS_*` variables in the
  gateway's container; with `assumeRoleArn` also the permission `sts:AssumeRole`;
- for `auth.azure: {}` a managed identity (AKS workload identity, or the node's) with the role *Cognitive Services OpenAI User*;
  `clientId` names one that the user assigned;
- for `auth.gcp: {}` a Kubernetes service account that is bound to one of Google Cloud (workload identity), or
  `GCP_SERVICE_ACCOUNT` in the gateway's container, with the role *Vertex AI User*.

## Route types without token counts

Kong counts no tokens of `llm/v1/assistants`, `llm/v1/batches`, `llm/v1/files` and of audio, so Fiddler shows such calls without them.
The message of `Accepted` says so for each such route. `preserve` makes no GenAI span and is not offered.
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
