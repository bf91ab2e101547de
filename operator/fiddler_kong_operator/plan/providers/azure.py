"""Azure OpenAI: one host for each resource, one path for each deployment; the bare key in `api-key`, or an identity of Entra."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model

from .auth import azure_auth
from .contract import Provider, all_of, calls
from .upstream import Upstream

__all__ = ["AZURE"]


def _locate(llm: Model) -> Upstream | None:
    return Upstream(f"{llm.azure.instance.lower()}.openai.azure.com") if llm.azure else None


def _options(llm: Model) -> dict[str, Any]:
    azure = llm.azure
    if azure is None:
        return {}
    version = {"azure_api_version": azure.api_version} if azure.api_version else {}
    return {"azure_instance": azure.instance, "azure_deployment_id": azure.deployment_id, **version}


def _check(llm: Model) -> tuple[str, ...]:
    if llm.route_type not in calls("responses") or llm.azure is None or llm.azure.api_version:
        return ()
    default = "Kong's default, 2023-05-15, is older than that API"
    return (f"azure.apiVersion: must be given for {llm.route_type}, for example preview: {default}.",)


AZURE: Final = Provider(
    name="azure",
    locate=_locate,
    route_types=all_of(),
    auth=azure_auth,
    options=_options,
    check=_check,
    needs="`azure.instance`, `azure.deploymentId`; `azure.apiVersion: preview` for `llm/v1/responses`",
    takes="the key of the resource; or the client secret of an Entra application; or none (`auth.azure: {}`)",
    unverified="Kong's documentation also shows the key behind `Authorization: Bearer`; the operator follows Microsoft's",
)
