"""A stand-in for Kong Gateway: small, made for this project, and not Kong.

It accepts the configuration that the real Kong Ingress Controller pushes, refuses invalid configurations with Kong's messages, proxies LLM
calls by that configuration, runs the pushed pre-function Lua in LuaJIT, makes the spans that Fiddler's integration page lists, and
exports them as the pushed opentelemetry configuration says; spans only where the gateway's *pods* carry the process settings.

It proves that the operator's objects become, through the real KIC, a configuration with the intended meaning; that keys arrive
in the right places; and that an LLM call is traced, stamped with its conversation id and delivered to an OTLP endpoint that answers 200.
It is as strict as Kong in the schemas of the plugins of the page (those of 3.13, 3.14 or 3.15, by the pods' version), the syntax of
names, tags, hosts, paths, URLs, header names and Lua, unique ids, `KONG_PLUGINS`, and the process settings that it reads.

It cannot prove the following, which needs a real Kong Gateway Enterprise:
- Kong's schemas beyond the plugins of the page (others are accepted unchecked, and not run), certificates, consumers and vaults (accepted
  unchecked), rules between the protocols of routes, `snis`, `headers` and expressions of routes, the `url` of a service (refused here,
  KIC never sends it), custom plugins in `KONG_PLUGINS`, its licence and its entity limits;
- regular expressions that only PCRE or only Python accepts, and IPv6 addresses in other than the usual spellings;
- process settings other than its version, tracing, Lua, plugins and `tls_certificate_verify`; values from ConfigMaps and Secrets (unset
  here); a rollout in which the new pods do not start (here the older ones serve on, if they are still there);
- the complete API of its Lua sandboxes, PDK and nginx phases (here: a subset, in `prelude.lua`; `body_filter` and `certificate` never run,
  and `kong.response.exit` in `header_filter` counts as an error);
- the internals of its tracer: which further `kong.*` spans there are, when exactly they end, the number type of token counts, the JSON
  form of messages (here: the OpenTelemetry GenAI conventions' `parts`), `$(...)` templates in resource attributes, vault references;
- the form of calls to providers (`drivers`): beyond OpenAI's form chat only, without streams, as Kong's open-source code of 3.10 has it;
  other values of `llm_format`; Vertex AI; the identities that pods have or that Kong gets tokens for;
- its batching to the millisecond, several workers, TLS trust towards Fiddler and the provider, HTTP/2, load, and every bug of a version.
"""

from __future__ import annotations

from .admin import Refusal
from .exporter import ExportCounters, ExportLimits
from .process import ClusterProcess, FixedProcess, Workload
from .process_settings import ProcessSettings
from .standin import GatewayStandIn, StandInOptions

__all__ = [
    "ClusterProcess",
    "ExportCounters",
    "ExportLimits",
    "FixedProcess",
    "GatewayStandIn",
    "ProcessSettings",
    "Refusal",
    "StandInOptions",
    "Workload",
]
