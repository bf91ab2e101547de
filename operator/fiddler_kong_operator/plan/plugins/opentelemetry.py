"""The `opentelemetry` plugin: exports Kong's spans to Fiddler. One for all routes of a binding.

Config as on Fiddler's integration page. `service.name` must be exactly `kong`: by it Fiddler recognises Kong's spans.
"""

from __future__ import annotations

import re
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec, Fiddler
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.keys import PluginKey

from .contract import PluginInstance, PluginKind, Protection, RefusedField

__all__ = ["OPENTELEMETRY", "fiddler_key", "traces_endpoint"]

_TYPE: Final = "opentelemetry"


def traces_endpoint(fiddler: Fiddler) -> str:
    """The URL that Kong exports spans to."""
    url = fiddler.export.endpoint if fiddler.export else fiddler.url
    return f"{url.rstrip('/')}{names.TRACES_PATH}"


def fiddler_key(fiddler: Fiddler) -> PluginKey:
    """Fiddler's API key, where Kong sends it."""
    return PluginKey(
        field="spec.fiddler.apiKeySecretRef",
        ref=fiddler.api_key_secret_ref,
        prefix="Bearer ",
        pointer="/headers/Authorization",
        entry=_TYPE,
        variable="FIDDLER_API_KEY",
    )


def _instances(spec: BindingSpec) -> tuple[PluginInstance, ...]:
    export = spec.fiddler.export
    keys = () if export and export.credentials == "Omit" else (fiddler_key(spec.fiddler),)
    config: Manifest = {
        "traces_endpoint": traces_endpoint(spec.fiddler),
        "headers": {names.APPLICATION_ID_HEADER: spec.fiddler.application_id},
        "resource_attributes": {"service.name": "kong", "application.id": spec.fiddler.application_id},
        "propagation": {"default_format": "w3c", **({"extract": []} if spec.tracing.propagation == "Ignore" else {})},
        **({"sampling_rate": spec.tracing.sampling_rate} if spec.tracing.sampling_rate < 1 else {}),
    }
    return (PluginInstance(_TYPE, config, keys),)


OPENTELEMETRY: Final = PluginKind(
    type=_TYPE,
    instances=_instances,
    protections=(
        Protection(("traces_endpoint",), "use spec.fiddler.url, or spec.fiddler.export"),
        Protection(("headers",), "they hold the Fiddler key and the application id"),
        Protection(("resource_attributes", "service.name"), "Fiddler recognises Kong's spans by it"),
        Protection(("resource_attributes", "application.id"), "use spec.fiddler.applicationId"),
    ),
    refused_fields=(
        RefusedField(re.compile(r"(.*_)?endpoint"), "Kong would send the Fiddler key there as well"),
        RefusedField(re.compile(r".*lua.*"), "nothing of a binding may run as code in the gateway"),
    ),
)
