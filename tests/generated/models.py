"""Valid models: each kind of call of each provider, every option and every identity, with names, numbers and keys from the schema.

One model for a route, or several that share its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fiddler_kong_operator.plan.providers import PROVIDERS
from tests.generated.fields import Schema, node_at

__all__ = ["ACCOUNT", "MODEL_PATHS", "REALTIME", "VARIANTS", "models"]

Draw = Callable[[SearchStrategy[Any]], Any]
Values = Callable[[Schema, str, Mapping[str, SearchStrategy[Any]]], SearchStrategy[Any]]

ACCOUNT: Final = '{"type": "service_account", "client_email": "llm@acme.example", "private_key": "-----BEGIN PRIVATE KEY-----\\nAA\\n"}'
"""The JSON key of a service account."""

_LLM: Final = "routes[].llm"
_TARGET: Final = f"{_LLM}.targets[]"
_BALANCER: Final = f"{_LLM}.balancer"

MODEL_PATHS: Final = (_LLM, _TARGET)
"""The places of a model in a spec."""

REALTIME: Final = "realtime/v1/realtime"
"""Only attached routes may have such calls."""

_KEY: Final = {"name": "", "key": ""}
"""Stands for any reference to a key."""

_KEYED: Final = {"auth": {"secretRef": _KEY}}
_VERTEX: Final = {"auth": {"gcp": {}}, "gemini": {"projectId": "acme-1", "locationId": "global"}}
_MINIMAL: Final[dict[str, dict[str, Any]]] = {
    **dict.fromkeys(PROVIDERS, _KEYED),
    "azure": {**_KEYED, "azure": {"instance": "acme", "deploymentId": "gpt"}},
    "bedrock": {"auth": {"aws": {}}, "bedrock": {"region": "us-east-1", "videoOutputS3Uri": "s3://out/videos"}},
    "databricks": {**_KEYED, "databricks": {"workspaceInstanceId": "dbc-1a2b"}},
    "gemini": _VERTEX,
    "llama2": {"llama2": {"format": "openai"}},
}
_SELF_HOSTED: Final = ("llama2", "ollama", "vllm")

_ALSO: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("azure", "llm/v1/responses"): {**_KEYED, "azure": {"instance": "acme", "deploymentId": "gpt", "apiVersion": "preview"}},
    ("gemini", "llm/v1/files"): _KEYED,
}
"""The same where a kind of call needs other fields."""


def _calls() -> Iterator[dict[str, Any]]:
    """Not realtime, which only targets have (`_shared`); in its own form what Kong translates only from a version on."""
    for name, provider in PROVIDERS.items():
        for kind in sorted(provider.route_types - {REALTIME}):
            own = {"format": name} if kind in provider.native or (kind, "openai") in provider.since else {}
            yield {"provider": name, "routeType": kind, **_ALSO.get((name, kind), _MINIMAL[name]), **own}


def _others() -> Iterator[dict[str, Any]]:
    for name, provider in PROVIDERS.items():
        own = (form for form in provider.formats if ("llm/v1/chat", form) not in provider.since)
        yield from ({"provider": name, "format": form, **_MINIMAL[name]} for form in own)
    role = {"assumeRoleArn": "arn:aws:iam::123456789012:role/llm", "roleSessionName": "kong"}
    bedrock = {"region": "eu-west-1", "embeddingsNormalize": True, "performanceConfigLatency": "optimized"}
    yield {"provider": "bedrock", "auth": {"aws": {"accessKeyIdRef": _KEY, "secretAccessKeyRef": _KEY, **role}}, "bedrock": bedrock}
    batches = {"region": "us-east-1", "batchBucketPrefix": "s3://batches/", "batchRoleArn": "arn:aws:iam::123456789012:role/batch"}
    yield {"provider": "bedrock", "auth": {"aws": {}}, "bedrock": batches}
    azure = {"azure": {"instance": "Acme", "deploymentId": "d", "apiVersion": "2024-10-21"}}
    yield {"provider": "azure", "auth": {"azure": {}}, **azure}
    yield {"provider": "azure", "auth": {"azure": {"clientId": "c-1", "tenantId": "t-1", "clientSecretRef": _KEY}}, **azure}
    gemini = {"projectId": "p", "locationId": "us-central1", "apiEndpoint": "Private.P.googleapis.com", "endpointId": "7"}
    yield {"provider": "gemini", "auth": {"gcp": {"serviceAccountRef": _KEY}}, "gemini": gemini}
    yield {"provider": "gemini", "auth": {"secretRef": _KEY, "paramName": "key", "paramLocation": "query"}}
    yield {"provider": "gemini", **_KEYED}
    yield {"provider": "openai", "format": "openai", **_KEYED}
    yield {"provider": "openai", "auth": {"secretRef": _KEY, "paramName": "key", "paramLocation": "body"}}
    yield {"provider": "anthropic", **_KEYED, "anthropic": {"version": "2024-01-01"}}
    for use in ("classification", "clustering", "image", "search_document", "search_query"):
        yield {"provider": "cohere", **_KEYED, "cohere": {"embeddingInputType": use, "waitForModel": True}}
    yield from ({"provider": "dashscope", **_KEYED, "dashscope": {"international": choice}} for choice in (True, False))
    yield {"provider": "huggingface", **_KEYED, "huggingface": {"useCache": False, "waitForModel": True}}
    yield from ({"provider": "llama2", "llama2": {"format": form}} for form in ("raw", "ollama"))
    yield from ({"provider": "mistral", **_KEYED, "mistral": {"format": form}} for form in ("openai", "ollama"))


_ALONE: Final = [
    *({"provider": name, **_MINIMAL[name]} for name in PROVIDERS),
    *(variant for variant in _others() if "format" not in variant),
]
"""Models of `llm/v1/chat` in OpenAI's form, which every provider has."""

_ONLY_FOR: Final = {"hashOnHeader": "consistent-hashing", "latencyStrategy": "lowest-latency", "tokensCountStrategy": "lowest-usage"}
"""Fields that one algorithm reads."""


def _shared() -> Iterator[dict[str, Any]]:
    yield from ({"targets": [target]} for target in _ALONE)
    usage = node_at(f"{_BALANCER}.tokensCountStrategy")["enum"]
    yield from ({"targets": _ALONE[:1], "balancer": {"algorithm": "lowest-usage", "tokensCountStrategy": kind}} for kind in usage)
    latency = node_at(f"{_BALANCER}.latencyStrategy")["enum"]
    yield from ({"targets": _ALONE[:1], "balancer": {"algorithm": "lowest-latency", "latencyStrategy": kind}} for kind in latency)
    criteria = node_at(f"{_BALANCER}.failoverCriteria[]")["enum"]
    yield {"targets": _ALONE[:1], "balancer": {"algorithm": "consistent-hashing", "hashOnHeader": "X-User", "failoverCriteria": criteria}}
    timeouts = {"connect": "5s", "read": "2m", "write": "1m30s"}
    yield {"targets": _ALONE[:1], "balancer": {"retries": 2, "failTimeout": "15s", "timeouts": timeouts}}
    yield {"routeType": REALTIME, "targets": [{"provider": "openai", **_KEYED}]}


VARIANTS: Final = [*_calls(), *_others(), *_shared()]


@st.composite
def models(draw: Draw, values: Values, fields: Mapping[str, SearchStrategy[Any]]) -> dict[str, Any]:
    """Values of `llm`; `values` makes those that the schema admits."""

    def some(path: str, *names: str) -> Any:
        node = node_at(path)
        pruned = {**node, "properties": {name: node["properties"][name] for name in names}} if names else node
        return draw(values(pruned, path, fields))

    variant = draw(st.sampled_from(VARIANTS))
    if "targets" not in variant:
        return _one(draw, some, variant, _LLM)
    calls = {"routeType": variant["routeType"]} if "routeType" in variant else {}
    more = [] if calls else draw(st.lists(st.sampled_from(_ALONE), max_size=2))
    targets = [{**_one(draw, some, target, _TARGET), **some(_TARGET, "weight")} for target in (*variant["targets"], *more)]
    balancer = variant.get("balancer") or (_coherent(some(_BALANCER)) if draw(st.booleans()) else None)
    return {**calls, "targets": targets, **({"balancer": balancer} if balancer is not None else {})}


def _coherent(balancer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in balancer.items() if _ONLY_FOR.get(name) in (None, balancer.get("algorithm"))}


def _one(draw: Draw, some: Callable[..., Any], variant: dict[str, Any], path: str) -> dict[str, Any]:
    """The variant with all that the schema admits besides."""
    model = {**some(path, "options"), "model": some(f"{path}.model"), **_with_keys(variant, path, some)}
    if model["provider"] in _SELF_HOSTED:
        model["options"] = {**model.get("options", {}), "upstreamUrl": some(f"{path}.options.upstreamUrl")}
    if _has_the_pods_identity(model.get("auth", {})):
        model.get("options", {}).pop("upstreamUrl", None)  # such an identity goes to its own cloud only
    if model.get("auth") == {"secretRef": model.get("auth", {}).get("secretRef")} and draw(st.booleans()):
        model["auth"] |= some(f"{path}.auth", "headerName", "headerPrefix")
    return model


def _has_the_pods_identity(auth: Mapping[str, Any]) -> bool:
    return any(name in auth and not any(field.endswith("Ref") for field in auth[name]) for name in ("aws", "azure", "gcp"))


def _with_keys(value: Any, path: str, some: Callable[[str], Any]) -> Any:
    """The value with a reference to a key drawn wherever one stands."""
    if value is _KEY:
        return some(path)
    return {name: _with_keys(item, f"{path}.{name}", some) for name, item in value.items()} if isinstance(value, dict) else value
