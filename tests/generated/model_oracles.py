"""Oracles of models: where each field of `llm` must appear in ai-proxy's configuration and on the Kong service. See `oracles`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.generated.case import Case, Oracle

__all__ = ["MODEL_ORACLES", "milliseconds", "of_models", "same"]

_OPTIONS: Final = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "inputCost": "input_cost",
    "outputCost": "output_cost",
    "embeddingsDimensions": "embeddings_dimensions",
}
_BLOCKS: Final = {
    "anthropic": {"version": "anthropic_version"},
    "azure": {"instance": "azure_instance", "deploymentId": "azure_deployment_id", "apiVersion": "azure_api_version"},
    "bedrock": {
        "region": "bedrock.aws_region",
        "embeddingsNormalize": "bedrock.embeddings_normalize",
        "performanceConfigLatency": "bedrock.performance_config_latency",
        "videoOutputS3Uri": "bedrock.video_output_s3_uri",
        "batchBucketPrefix": "bedrock.batch_bucket_prefix",
        "batchRoleArn": "bedrock.batch_role_arn",
    },
    "cohere": {"embeddingInputType": "cohere.embedding_input_type", "waitForModel": "cohere.wait_for_model"},
    "dashscope": {"international": "dashscope.international"},
    "databricks": {"workspaceInstanceId": "databricks.workspace_instance_id"},
    "gemini": {
        "projectId": "gemini.project_id",
        "locationId": "gemini.location_id",
        "apiEndpoint": "gemini.api_endpoint",
        "endpointId": "gemini.endpoint_id",
    },
    "huggingface": {"useCache": "huggingface.use_cache", "waitForModel": "huggingface.wait_for_model"},
    "llama2": {"format": "llama2_format"},
    "mistral": {"format": "mistral_format"},
}
"""The option of Kong for each field of a provider's block."""

_BALANCER: Final[dict[str, tuple[str, Any]]] = {
    "algorithm": ("algorithm", "round-robin"),
    "hashOnHeader": ("hash_on_header", "X-Kong-LLM-Request-ID"),
    "latencyStrategy": ("latency_strategy", "tpot"),
    "tokensCountStrategy": ("tokens_count_strategy", "total-tokens"),
    "failoverCriteria": ("failover_criteria", ["error", "timeout"]),
    "maxFails": ("max_fails", 0),
    "slots": ("slots", 10_000),
}
"""The option of Kong for each field of `balancer`, and its default."""

_DURATIONS: Final = {"1ms": 1, "5s": 5000, "15s": 15_000, "30s": 30_000, "1m30s": 90_000, "2m": 120_000, "596h": 2_145_600_000}
"""Every generated duration in milliseconds."""

_HOSTS: Final = {
    "anthropic": "api.anthropic.com",
    "cerebras": "api.cerebras.ai",
    "cohere": "api.cohere.com",
    "deepseek": "api.deepseek.com",
    "huggingface": "router.huggingface.co",
    "mistral": "api.mistral.ai",
    "openai": "api.openai.com",
    "xai": "api.x.ai",
}

_KEY_HEADERS: Final = {"anthropic": ("x-api-key", ""), "azure": ("api-key", ""), "gemini": ("x-goog-api-key", "")}

_KEY_FIELDS: Final = ("secretRef.name", "secretRef.key", "headerName", "headerPrefix", "paramName", "paramLocation")
_IDENTITY_REFS: Final = ("aws.accessKeyIdRef", "aws.secretAccessKeyRef", "azure.clientSecretRef", "gcp.serviceAccountRef")
_IDENTITY_FIELDS: Final = (
    *("aws.assumeRoleArn", "aws.roleSessionName", "azure.clientId", "azure.tenantId"),
    *(f"{ref}.{part}" for ref in _IDENTITY_REFS for part in ("name", "key")),
)


def same(what: str, found: Any, expected: Any) -> Iterator[str]:
    if found != expected:
        yield f"{what} is {found!r}, not {expected!r}"


def milliseconds(duration: str | None, default: int) -> int:
    """Of a generated duration; KeyError for one that the table lacks."""
    return default if duration is None else _DURATIONS[duration]


def of_models(check: Callable[[Case, dict[str, Any], Mapping[str, Any]], Iterator[str]]) -> Oracle:
    def oracle(case: Case) -> Iterator[str]:
        for route in case.models:
            for llm, config in case.called(route):
                yield from (f"{llm['model']} of {route['name']}: {problem}" for problem in check(case, llm, config))

    return oracle


def _model(_case: Case, llm: dict[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    yield from same("model", (config["model"]["provider"], config["model"]["name"]), (llm["provider"], llm["model"]))
    yield from same("route_type", config["route_type"], llm["routeType"])


def _format(_case: Case, llm: dict[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    yield from same("llm_format", config["llm_format"], llm["format"])


def _options(_case: Case, llm: dict[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    found = config["model"].get("options") or {}
    for field, option in _OPTIONS.items():
        yield from same(option, found.get(option), llm.get("options", {}).get(field))
    if llm["provider"] != "mistral":
        yield from same("upstream_url", found.get("upstream_url"), llm.get("options", {}).get("upstreamUrl"))


def _block(_case: Case, llm: dict[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    found = config["model"].get("options") or {}
    for field, value in (llm.get(llm["provider"]) or {}).items():
        record, _, option = _BLOCKS[llm["provider"]][field].rpartition(".")
        wanted = value.lower() if field == "apiEndpoint" else value
        yield from same(field, (found[record] if record else found).get(option), wanted)


def _host_of(llm: Mapping[str, Any]) -> str:
    provider, own = llm["provider"], llm.get(llm["provider"]) or {}
    if provider == "dashscope":
        return "dashscope-intl.aliyuncs.com" if own.get("international", True) else "dashscope.aliyuncs.com"
    if provider == "gemini" and own:
        return str(own.get("apiEndpoint") or f"{own['locationId']}-aiplatform.googleapis.com".removeprefix("global-")).lower()
    hosts = {
        "azure": f"{own.get('instance')}.openai.azure.com",
        "bedrock": f"bedrock-runtime.{own.get('region')}.amazonaws.com",
        "databricks": f"{own.get('workspaceInstanceId')}.cloud.databricks.com",
        "gemini": "generativelanguage.googleapis.com",
    }
    return (_HOSTS | hosts)[provider].lower()


def _upstream(case: Case) -> Iterator[str]:
    """The Kong service has the host of the model, the first of several, and the plugin calls the URL."""
    yield from of_models(_options)(case)
    for route in case.exposed:
        (model, *_) = route["llm"].get("targets", [route["llm"]])
        url = model.get("options", {}).get("upstreamUrl") or f"https://{_host_of(model)}"
        scheme, _, rest = url.partition("://")
        host, _, port = rest.partition("/")[0].lower().partition(":")
        upstream = f"{host}:{port or 443}"
        service = case.service(route)
        if service:
            targets = [t["target"] for u in case.pushed.upstreams if u["name"] == service["host"] for t in u["targets"]]
            yield from same(f"upstream of {route['name']}", (service["protocol"], targets), (scheme, [upstream]))


def _provider_key(case: Case, llm: dict[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    auth, found = llm.get("auth") or {}, config.get("auth") or {}
    if "secretRef" not in auth:
        yield from same("header_name and param_name", (found.get("header_name"), found.get("param_name")), (None, None))
        return
    key, (header, prefix) = _key(case, auth["secretRef"]), _KEY_HEADERS.get(llm["provider"], ("Authorization", "Bearer "))
    if "paramName" in auth:
        wanted = (auth["paramName"], auth["paramLocation"], key)
        yield from same("param_name, _location and _value", tuple(found[f"param_{part}"] for part in ("name", "location", "value")), wanted)
        return
    yield from same("header_name", found["header_name"], auth.get("headerName", header))
    yield from same("header_value", found["header_value"], auth.get("headerPrefix", prefix) + key)


def _key(case: Case, ref: Mapping[str, str] | None) -> str | None:
    return case.keys[ref["name"], ref["key"]] if ref else None


def _cloud_identity(case: Case, llm: dict[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """The identities of AWS, Azure and Google Cloud, with the keys that they have."""
    auth, found, options = llm.get("auth") or {}, config.get("auth") or {}, config["model"].get("options") or {}
    aws, azure, gcp = (auth.get(name) or {} for name in ("aws", "azure", "gcp"))
    wanted = {
        "aws_access_key_id": _key(case, aws.get("accessKeyIdRef")),
        "aws_secret_access_key": _key(case, aws.get("secretAccessKeyRef")),
        "azure_client_id": azure.get("clientId"),
        "azure_client_secret": _key(case, azure.get("clientSecretRef")),
        "azure_tenant_id": azure.get("tenantId"),
        "gcp_service_account_json": _key(case, gcp.get("serviceAccountRef")),
    }
    yield from same("identity", {name: found.get(name) for name in wanted}, wanted)
    switches = tuple(bool(found.get(name)) for name in ("azure_use_managed_identity", "gcp_use_service_account"))
    yield from same("kind of identity", switches, ("azure" in auth, "gcp" in auth))
    bedrock = options.get("bedrock") or {}
    role = (bedrock.get("aws_assume_role_arn"), bedrock.get("aws_role_session_name"))
    yield from same("role", role, (aws.get("assumeRoleArn"), aws.get("roleSessionName")))


def _shares(case: Case) -> Iterator[str]:
    """Weights and the balancer, with Kong's defaults where the binding gives nothing; what `expose` says about connections counts."""
    for route in (route for route in case.models if "targets" in route["llm"]):
        for config in case.configs(case.proxy(route)):
            weights = [target.get("weight", 100) for target in route["llm"]["targets"]]
            yield from same(f"weights of {route['name']}", [target["weight"] for target in config["targets"]], weights)
            wanted = _balancer(route)
            yield from same(f"balancer of {route['name']}", {name: config["balancer"].get(name) for name in wanted}, wanted)


def _balancer(route: dict[str, Any]) -> dict[str, Any]:
    given, expose = route["llm"].get("balancer", {}), route.get("expose", {})
    timeouts = {**expose.get("timeouts", {}), **given.get("timeouts", {})}
    return {
        **{option: given.get(field, default) for field, (option, default) in _BALANCER.items()},
        "retries": given.get("retries", expose.get("retries", 5)),
        "fail_timeout": milliseconds(given.get("failTimeout"), 10_000),
        **{f"{name}_timeout": milliseconds(timeouts.get(name), 60_000) for name in ("connect", "read", "write")},
    }


def _of_model(path: str) -> dict[str, Oracle]:
    return {
        f"{path}.provider": of_models(_model),
        f"{path}.model": of_models(_model),
        **dict.fromkeys((f"{path}.options.{field}" for field in (*_OPTIONS, "upstreamUrl")), _upstream),
        **dict.fromkeys((f"{path}.{block}.{field}" for block, fields in _BLOCKS.items() for field in fields), of_models(_block)),
        **dict.fromkeys((f"{path}.auth.{field}" for field in _KEY_FIELDS), of_models(_provider_key)),
        **dict.fromkeys((f"{path}.auth.{field}" for field in _IDENTITY_FIELDS), of_models(_cloud_identity)),
    }


MODEL_ORACLES: Final[dict[str, Oracle]] = {
    "routes[].llm.routeType": of_models(_model),
    "routes[].llm.format": of_models(_format),
    **_of_model("routes[].llm"),
    **_of_model("routes[].llm.targets[]"),
    "routes[].llm.targets[].weight": _shares,
    "routes[].llm.balancer.failoverCriteria[]": _shares,
    **dict.fromkeys(
        (f"routes[].llm.balancer.{field}" for field in (*_BALANCER, "retries", "failTimeout") if field != "failoverCriteria"), _shares
    ),
    **dict.fromkeys((f"routes[].llm.balancer.timeouts.{name}" for name in ("connect", "read", "write")), _shares),
}
"""One oracle for each field of `llm`."""
