"""Generates docs/reference/providers.md from the registry of providers and Kong's schema."""

from __future__ import annotations

from typing import Final

from codegen.text import table
from fiddler_kong_operator.plan.providers import PROVIDERS, Provider
from fiddler_kong_operator.plan.schemas import KNOWN_MINORS, SCHEMAS, dotted

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

## Realtime

Calls of `realtime/v1/realtime` are WebSockets. By Kong's documentation they need `ai-proxy-advanced`, and a Service and a route with the
protocol `ws` or `wss`. So such a route needs `attachTo` and `llm.targets` (one target is enough), and you set the protocols on the Service
and the route. This was never tried. By Kong's schemas, `opentelemetry` and `pre-function` run for `ws` and `wss` only where their
`protocols` say so, which the operator does not set: Fiddler may show nothing of these calls.

## Large calls

By default, `ai-proxy` and `ai-proxy-advanced` read at most 1 MiB of a call's body (`max_request_body_size`), which is too little for many
calls with audio, images or files. An override raises this:

```yaml
  overrides:
    - plugin: ai-proxy
      route: speech
      patch:
        - {op: add, path: /max_request_body_size, value: 33554432}
```

The value is in bytes; 0 sets no limit but that of nginx (`KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE`).
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
        ", ".join(_route_type(provider, name) for name in sorted(provider.route_types)),
        ", ".join(_format(provider, name) for name in ("openai", *sorted(provider.formats))),
        provider.unverified,
    )


def _route_type(provider: Provider, name: str) -> str:
    since = provider.since.get((name, "openai"))
    if name in provider.native:
        return f"`{name}` (own `format` only)"
    return f"`{name}` (own `format` only before Kong {dotted(since)})" if since else f"`{name}`"


def _format(provider: Provider, name: str) -> str:
    if name == "openai":
        return f"`{name}`"
    since = (f"Kong {dotted(minor)}" for (_, form), minor in provider.since.items() if form == name)
    said = ", ".join(filter(None, (*since, provider.own_form)))
    return f"`{name}`" + (f" ({said})" if said else "")


def _since(provider: Provider) -> str:
    field = SCHEMAS["ai-proxy"].field_at(("model", "provider"))
    newer = field.newer if field else {}
    return dotted(newer.get(provider.name, _FIRST))
