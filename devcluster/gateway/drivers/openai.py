"""OpenAI, Azure OpenAI, and the providers that take OpenAI's form under paths of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from yarl import URL

from .contract import Driver, Target

__all__ = ["ALIKE", "AZURE", "OPENAI"]

_OPERATIONS: Final = {
    "llm/v1/chat": "/chat/completions",
    "llm/v1/completions": "/completions",
    "llm/v1/embeddings": "/embeddings",
    "llm/v1/responses": "/responses",
}
_CHAT: Final = ("llm/v1/chat",)
_AND_EMBEDDINGS: Final = (*_CHAT, "llm/v1/embeddings")


def _at(base: Callable[[Target], str], *route_types: str) -> Callable[[Target], URL | None]:
    def url(target: Target) -> URL | None:
        return URL(base(target) + _OPERATIONS[target.route_type]) if target.route_type in route_types else None

    return url


def _dashscope(target: Target) -> str:
    international = target.part("dashscope").get("international", True)
    return f"https://dashscope{'-intl' if international else ''}.aliyuncs.com/compatible-mode/v1"


def _databricks(target: Target) -> str:
    return f"https://{target.part('databricks').get('workspace_instance_id')}.cloud.databricks.com/serving-endpoints/v1"


OPENAI: Final = Driver("openai", _at(lambda _: "https://api.openai.com/v1", *_OPERATIONS))

ALIKE: Final = (
    Driver("cerebras", _at(lambda _: "https://api.cerebras.ai/v1", *_CHAT)),
    Driver("dashscope", _at(_dashscope, *_AND_EMBEDDINGS)),
    Driver("databricks", _at(_databricks, *_CHAT)),
    Driver("deepseek", _at(lambda _: "https://api.deepseek.com/v1", *_CHAT)),
    Driver("mistral", _at(lambda _: "https://api.mistral.ai/v1", *_AND_EMBEDDINGS)),
    Driver("xai", _at(lambda _: "https://api.x.ai/v1", *_CHAT)),
)


def _azure(target: Target) -> URL | None:
    options, operation = target.options, _OPERATIONS.get(target.route_type)
    if operation is None or target.route_type == "llm/v1/responses":
        return None
    host = f"https://{options['azure_instance']}.openai.azure.com"
    url = URL(f"{host}/openai/deployments/{options['azure_deployment_id']}{operation}")
    return url.with_query({"api-version": options["azure_api_version"]})


AZURE: Final = Driver("azure", _azure)
