"""Specs that the API server accepts and the operator refuses: changes of a valid spec, each with the expected reason and message."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

__all__ = ["REFUSED", "Refusal"]

Spec = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """One refusal. `break_` changes the given spec in place."""

    title: str
    break_: Callable[[Spec], Any]
    reason: str
    says: str
    sample: ClassVar[Spec] = {
        "fiddler": {
            "url": "https://acme.fiddler.ai",
            "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
            "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
        },
        "gateway": {"targetRef": {"name": "kong-gateway"}},
        "routes": [{"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}],
    }

    def __str__(self) -> str:
        """The title, for pytest."""
        return self.title

    def applied(self, spec: Spec) -> Spec:
        """A copy of the spec, broken."""
        broken = copy.deepcopy(spec)
        self.break_(broken)
        return broken


def _override(plugin: str, path: str, value: Any) -> Callable[[Spec], Any]:
    patch = [{"op": "add", "path": path, "value": value}]
    return lambda spec: spec.setdefault("overrides", []).append({"plugin": plugin, "patch": patch})


def _put(section: str, **values: Any) -> Callable[[Spec], Any]:
    return lambda spec: spec.setdefault(section, {}).update(values)


def _model(**options: Any) -> Callable[[Spec], Any]:
    llm = {"provider": "openai", "model": "m", "options": options, "auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
    return lambda spec: spec["routes"][0].update(llm=llm)


def _target(spec: Spec) -> None:
    spec["routes"][0].pop("expose", None)
    spec["routes"][0]["attachTo"] = {"kind": "Service", "name": "nobody"}


REFUSED: Final = (
    Refusal("suspended", lambda spec: spec.update(suspend=True), "Suspended", "spec.suspend is true"),
    Refusal(
        "endpoint elsewhere", _override("opentelemetry", "/traces_endpoint", "https://x.example"), "InvalidSpec", "use spec.fiddler.url"
    ),
    Refusal(
        "another export", _override("opentelemetry", "/logs_endpoint", "https://x.example"), "InvalidSpec", "send the Fiddler key there"
    ),
    Refusal("headers", _override("opentelemetry", "/headers/X-A", "b"), "InvalidSpec", "spec.overrides"),
    Refusal("a template", _override("opentelemetry", "/resource_attributes/x", "$(kong.version)"), "InvalidSpec", "evaluate it as Lua"),
    Refusal(
        "a vault",
        _override("opentelemetry", "/resource_attributes/x", "{vault://env/x}"),
        "InvalidSpec",
        "one of the gateway's own secrets",
    ),
    Refusal(
        "a name beyond Unicode's basic plane", _override("opentelemetry", "/queue", {"\U0001f680lua": 1}), "InvalidSpec", "\U0001f680lua"
    ),
    Refusal("a misfit", _override("opentelemetry", "/sampling_rate/x", 1), "InvalidSpec", "does not fit the config"),
    Refusal(
        "an unknown field", _override("opentelemetry", "/nowhere/at/all", 1), "InvalidSpec", "/nowhere of opentelemetry is unknown to Kong"
    ),
    Refusal(
        "out of bounds", _override("opentelemetry", "/queue/max_entries", 0), "InvalidSpec", "must be an integer between 1 and 1000000"
    ),
    Refusal(
        "an empty attribute", _override("opentelemetry", "/resource_attributes/x", ""), "InvalidSpec", "must be a string that is not empty"
    ),
    Refusal("null", _override("opentelemetry", "/queue", None), "InvalidSpec", "must have a value other than null for `add`"),
    Refusal("http", _put("fiddler", url="http://acme.fiddler.ai"), "EndpointRefused", "not inside the cluster"),
    Refusal("metadata service", _put("fiddler", url="https://169.254.169.254"), "EndpointRefused", "fiddler.url must be your Fiddler"),
    Refusal(
        "metadata service as collector",
        _put("fiddler", export={"endpoint": "https://169.254.169.254"}),
        "EndpointRefused",
        "fiddler.export.endpoint must be your collector",
    ),
    Refusal("half an IPv6 address", _put("fiddler", url="https://[2001:db8::1"), "EndpointRefused", "fiddler.url"),
    Refusal("a port in words", _put("fiddler", url="https://acme:https"), "EndpointRefused", "port that is not a number"),
    Refusal("a model nowhere", _model(upstreamUrl="https://1.2.3/call"), "InvalidSpec", "spec.routes[0].llm.options.upstreamUrl"),
    Refusal(
        "no Secret", _put("fiddler", apiKeySecretRef={"name": "none", "key": "k"}), "SecretNotFound", "the Secret `none` does not exist"
    ),
    Refusal("no key", _put("fiddler", apiKeySecretRef={"name": "fiddler", "key": "k"}), "SecretKeyNotFound", "has no key `k`"),
    Refusal("no target", _target, "TargetNotFound", "Service ai/nobody"),
)
"""The table of refusals; in each case the operator must change nothing."""
