"""Alibaba Cloud Model Studio: a bearer token, to an international host or the one in China."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model
from fiddler_kong_operator.api.provider_options import DashscopeOptions

from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["DASHSCOPE"]


def _is_international(llm: Model) -> bool:
    return (llm.dashscope or DashscopeOptions()).international


def _locate(llm: Model) -> Upstream:
    return Upstream("dashscope-intl.aliyuncs.com" if _is_international(llm) else "dashscope.aliyuncs.com")


def _options(llm: Model) -> dict[str, Any]:
    return {"dashscope": {"international": _is_international(llm)}}


DASHSCOPE: Final = Provider(
    name="dashscope",
    locate=_locate,
    route_types=calls("chat", "embeddings", "images/generations", "images/edits"),
    options=_options,
    takes="the API key of the region",
    unverified="the hosts in the United States and Hong Kong, which only `options.upstreamUrl` can name",
)
