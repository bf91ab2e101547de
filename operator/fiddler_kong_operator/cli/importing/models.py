"""One model of an `ai-proxy` or `ai-proxy-advanced` -> the fields that a binding has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.providers import PROVIDERS

from .auth import read_auth
from .overriding import Operation, leftover
from .parts import Part

__all__ = ["ReadModel", "Unfit", "read_model"]

_OPTIONS: Final = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "input_cost": "inputCost",
    "output_cost": "outputCost",
    "embeddings_dimensions": "embeddingsDimensions",
    "upstream_url": "upstreamUrl",
}
_WHOLE: Final = ("max_tokens", "top_k", "embeddings_dimensions")

_FLAT: Final[Mapping[str, Mapping[str, str]]] = {
    "anthropic": {"anthropic_version": "version"},
    "azure": {"azure_instance": "instance", "azure_deployment_id": "deploymentId", "azure_api_version": "apiVersion"},
    "llama2": {"llama2_format": "format"},
    "mistral": {"mistral_format": "format"},
}
"""A provider's options that Kong has beside the common ones, and their names in the provider's block."""

_RECORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "bedrock": {
        "aws_region": "region",
        "batch_bucket_prefix": "batchBucketPrefix",
        "batch_role_arn": "batchRoleArn",
        "embeddings_normalize": "embeddingsNormalize",
        "performance_config_latency": "performanceConfigLatency",
        "video_output_s3_uri": "videoOutputS3Uri",
    },
    "cohere": {"embedding_input_type": "embeddingInputType", "wait_for_model": "waitForModel"},
    "dashscope": {"international": "international"},
    "databricks": {"workspace_instance_id": "workspaceInstanceId"},
    "gemini": {"project_id": "projectId", "location_id": "locationId", "api_endpoint": "apiEndpoint", "endpoint_id": "endpointId"},
    "huggingface": {"use_cache": "useCache", "wait_for_model": "waitForModel"},
}
"""The same for options that Kong has in a record with the provider's name."""

_ROLE: Final = {"aws_assume_role_arn": "assumeRoleArn", "aws_role_session_name": "roleSessionName"}
"""Bedrock's options about its identity, which a binding has in `auth.aws`."""

_DEFAULTS: Final[Mapping[str, Any]] = {
    "azure_api_version": "2023-05-15",
    "embeddings_normalize": False,
    "embedding_input_type": "classification",
    "international": True,
}

_ROUTE_TYPES: Final = frozenset(route_type for provider in PROVIDERS.values() for route_type in provider.route_types)


class Unfit(Exception):
    """A binding cannot have this model: the text says why."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(text)
        self.place, self.text = place, text


@dataclass(frozen=True, slots=True)
class ReadModel:
    """One model: its fields in a binding, with a `Key` in place of each reference, and what concerns the whole route."""

    fields: Manifest
    route_type: str
    captured: bool
    operations: tuple[Operation, ...]


def read_model(part: Part) -> ReadModel:
    """The model; Unfit where a binding cannot have it."""
    route_type, model = part.text("route_type"), part.part("model")
    if route_type not in _ROUTE_TYPES:
        raise Unfit(part.place_of("route_type"), "is none that a binding has.")
    provider, name, options = _provider(model), model.text("name"), model.part("options")
    if name is None:
        raise Unfit(model.place, "names no model: each call chooses one, and a binding must name it.")
    record = _own_record(options, provider)
    block, role = _named(options, _FLAT.get(provider, {})) | _named(record, _RECORDS.get(provider, {})), _named(record, _ROLE)
    auth, of_auth = read_auth(part.part("auth"), provider, role)
    fields: Manifest = {
        "provider": provider,
        "model": name,
        **_section("options", _read_options(options)),
        **auth,
        **_section(provider, block),
    }
    captured = _read_logging(part.part("logging"))
    of_record = [operation.below(f"/model/options/{provider}") for operation in leftover(record, {})]
    of_options = [operation.below("/model/options") for operation in leftover(options, {})]
    of_model = [operation.below("/model") for operation in leftover(model, {})]
    return ReadModel(fields, route_type, captured, (*of_auth, *of_record, *of_options, *of_model))


def _provider(model: Part) -> str:
    provider = model.text("provider")
    if provider is None or provider not in PROVIDERS:
        raise Unfit(model.place_of("provider"), "is none that a binding has.")
    return provider


def _section(name: str, fields: Manifest) -> Manifest:
    return {name: fields} if fields else {}


def _read_options(options: Part) -> Manifest:
    read = {kong: _read_option(options, kong) for kong in _OPTIONS}
    return {_OPTIONS[kong]: value for kong, value in read.items() if value is not None}


def _read_option(options: Part, name: str) -> Any:
    if name == "upstream_url":
        return options.text(name)
    return options.integer(name) if name in _WHOLE else options.number(name)


def _own_record(options: Part, provider: str) -> Part:
    """The record of the provider's name. Options of other providers have no effect in Kong, and are dropped."""
    for other in (*_FLAT, *_RECORDS):
        if other != provider:
            for option in (*_FLAT.get(other, ()), other):
                options.take(option)
    return options.part(provider) if provider in _RECORDS else Part({}, options.place, options.report)


def _named(part: Part, known: Mapping[str, str]) -> Manifest:
    """These options, unless they have Kong's default. The binding's check refuses a wrong type."""
    given = {known[name]: (name, part.take(name)) for name in known}
    return {name: value for name, (kong, value) in given.items() if value is not None and value != _DEFAULTS.get(kong)}


def _read_logging(logging: Part) -> bool:
    if logging.flag("log_statistics") is not True:
        logging.report.note(logging.place, "log_statistics is off: the operator sets it, because Fiddler's token counts depend on it.")
    captured = logging.flag("log_payloads") is True
    logging.lose_rest("is not carried over: the operator's plugin has no such field.")
    return captured
