"""Databricks: a personal access token as bearer token, one host for each workspace."""

from __future__ import annotations

from typing import Final

from fiddler_kong_operator.api import Model

from .contract import Provider, calls, own_options
from .upstream import Upstream

__all__ = ["DATABRICKS"]


def _locate(llm: Model) -> Upstream | None:
    return Upstream(f"{llm.databricks.workspace_instance_id.lower()}.cloud.databricks.com") if llm.databricks else None


DATABRICKS: Final = Provider(
    name="databricks",
    locate=_locate,
    route_types=calls("chat"),
    options=own_options,
    formats=frozenset({"anthropic"}),
    since={("llm/v1/chat", "anthropic"): (3, 15)},
    needs="`databricks.workspaceInstanceId`",
    takes="a personal access token",
    unverified="workspaces on Azure and Google Cloud, which have other hosts: set `options.upstreamUrl`",
)
