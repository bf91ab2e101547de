"""Amazon Bedrock: the Converse API, signed by the configured access key for the configured region.

The identities that only a pod has, and roles to assume, are left out: without an access key there is no signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from yarl import URL

from devcluster.sigv4 import AccessKey, Signable, authorization

from .contract import Driver, Target, completion, separate_system

__all__ = ["BEDROCK"]

_SETTINGS: Final = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP"}


def _url(target: Target) -> URL | None:
    region = target.part("bedrock").get("aws_region")
    if target.route_type != "llm/v1/chat" or not region or not target.auth.get("aws_access_key_id"):
        return None
    return URL(f"https://bedrock-runtime.{region}.amazonaws.com/model/{target.model}/converse")


def _ask(body: Mapping[str, Any], _: Target) -> Mapping[str, Any]:
    system, messages = separate_system(body)
    turns = [{"role": m.get("role", "user"), "content": [{"text": m.get("content")}]} for m in messages]
    settings = {new: body[old] for old, new in _SETTINGS.items() if body.get(old) is not None}
    return {"messages": turns, "inferenceConfig": settings, **({"system": [{"text": system}]} if system else {})}


def _read(answer: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    usage, text = answer["usage"], answer["output"]["message"]["content"][0]["text"]
    return completion(text, target.model, answer["stopReason"], (usage["inputTokens"], usage["outputTokens"]))


def _sign(url: URL, content: bytes, target: Target) -> Mapping[str, str]:
    auth, region = target.auth, target.part("bedrock")["aws_region"]
    key = AccessKey(auth["aws_access_key_id"], auth["aws_secret_access_key"], region, "bedrock")
    stamp = {"x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")}
    request = Signable("POST", url.raw_path, {"host": url.host or "", **stamp}, content)
    return {**stamp, "authorization": authorization(request, key)}


BEDROCK: Final = Driver("bedrock", _url, ask=_ask, read=_read, sign=_sign)
