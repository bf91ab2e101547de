"""Valid and invalid bindings: changes to a minimal one, and the text that the refusal must contain."""

from __future__ import annotations

from typing import Any, Final

from tests.crd.bindings import EXPOSED, ROUTE
from tests.crd.case import Case
from tests.crd.target_cases import RULED_TARGETS, VALID_TARGETS

__all__ = ["INVALID", "RULED", "VALID", "Case"]


def _exposed(**fields: Any) -> dict[str, Any]:
    return {"routes": [EXPOSED | {"expose": {"path": "/x"} | fields}]}


def _auth(**fields: Any) -> dict[str, Any]:
    return {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"auth": EXPOSED["llm"]["auth"] | fields}}]}


def _upstream(url: str, route_type: str = "llm/v1/chat") -> dict[str, Any]:
    return {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"routeType": route_type, "options": {"upstreamUrl": url}}}]}


def _model(provider: str, **fields: Any) -> dict[str, Any]:
    return {"routes": [EXPOSED | {"llm": {"provider": provider, "model": "m"} | fields}]}


def _attribute(**fields: Any) -> dict[str, Any]:
    return {"attributes": [{"name": "gen_ai.agent.name"} | fields]}


_OF_USERS: Final = "must be gen_ai.agent.name, or fiddler.session.user."
_PRINTABLE: Final = "must be printable ASCII characters except quotes"
_KEY: Final = {"secretRef": {"name": "openai", "key": "api-key"}}
_AZURE: Final = {"instance": "acme", "deploymentId": "d"}
_OWN_SERVER: Final = {"upstreamUrl": "http://models.ai.svc:8080/api/chat"}
_REF: Final = {"name": "cloud", "key": "id"}
_LLM: Final = "spec.routes[0].llm"

VALID: Final = (
    Case("minimal"),
    Case("a key of Azure", _model("azure", auth=_KEY, azure=_AZURE)),
    Case("an identity of Azure", _model("azure", auth={"azure": {}}, azure=_AZURE)),
    Case("an identity of AWS", _model("bedrock", auth={"aws": {"assumeRoleArn": "arn:aws:iam::1:role/llm"}}, bedrock={"region": "x-1"})),
    Case("an identity of Google", _model("gemini", auth={"gcp": {}}, gemini={"projectId": "p", "locationId": "global"})),
    Case("a key as a parameter", _model("gemini", auth=_KEY | {"paramName": "key"})),
    Case("a server of one's own", _model("ollama", options=_OWN_SERVER)),
    Case("exposed", {"routes": [EXPOSED]}),
    Case("exposed on two hosts", {"routes": [EXPOSED, EXPOSED | {"name": "two", "expose": {"path": "/openai", "host": "a.example"}}]}),
    Case("exposed with timeouts", _exposed(timeouts={"connect": "1ms", "read": "1h30m", "write": "596h"}, retries=0)),
    Case("a model with a URL of its own", _upstream("http://10.0.0.7:8080/v1/chat/completions?api-version=2024-10-21")),
    Case("a model with a path of its own", _upstream("https://proxy.example/team-a/invocations")),
    Case("completions", _upstream("https://a.example/v1/completions", "llm/v1/completions")),
    Case("a host of digits and letters", _exposed(host="1.2.3.example")),
    Case("a certificate", _exposed(host="a.example", tlsSecretName="a-tls")),
    Case("a Gateway", _exposed(gatewayRef={"name": "kong"})),
    Case("a listener of a Gateway elsewhere", _exposed(gatewayRef={"namespace": "kong", "name": "kong", "sectionName": "https"})),
    Case("attached with a model", {"routes": [ROUTE | {"llm": EXPOSED["llm"]}]}),
    Case("payloads of one route", {"routes": [EXPOSED | {"payloads": "Captured"}]}),
    *VALID_TARGETS,
    Case("sixteen routes", {"routes": [ROUTE | {"name": f"r{i}", "attachTo": {"kind": "Service", "name": f"s{i}"}} for i in range(16)]}),
    Case("a name of 40 characters", name="a" * 40),
    Case("in-cluster http with a port", {"fiddler.url": "http://sink.fiddler.svc:4318"}),
    Case("IPv6 host", {"fiddler.url": "https://[2001:db8::1]:8443/"}),
    Case("Lua off-hand", {"gateway.untrustedLua": "Unmanaged"}),
    Case("eight headers", {"sessions": {"headers": [f"X-{number}" for number in range(8)]}}),
    Case(
        "attributes",
        {
            "attributes": [
                {"name": "gen_ai.agent.name", "value": "~ support bot #7 [a/b] (c) |!%&*+,-.;<=>?@^_"},
                {"name": "fiddler.session.user.team", "fromHeader": "X-Team"},
                {"name": "fiddler.span.user.a-b.c_d", "fromHeader": "User-Agent"},
            ]
        },
    ),
    Case("through a collector", {"fiddler.export": {"endpoint": "http://otel.observability.svc:4318"}}),
    Case("through a collector that has the key", {"fiddler.export": {"endpoint": "https://otel.example/", "credentials": "Omit"}}),
    Case("every thousandth call", {"tracing": {"samplingRate": 0.001}}),
    Case("the trace of the client left aside", {"tracing": {"propagation": "Ignore"}}),
    Case("a Kong version", {"gateway.kongVersion": "3.13.0.7"}),
    Case(
        "an override of any shape",
        {"overrides": [{"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/queue", "value": {"a": [1]}}]}]},
    ),
)

_URL: Final = "must be http:// or https:// and a host"
_UUID: Final = "must be the UUID in the application's settings"
_LABEL: Final = "must be lower-case letters, digits and '-'"
_SUBDOMAIN: Final = "must be lower-case letters, digits, '-' and '.'"
_DURATION: Final = "must be a duration such as 30s, 10m or 1m30s"


RULED: Final = (
    Case("url without scheme", {"fiddler.url": "acme.fiddler.ai"}, _URL, field="spec.fiddler.url"),
    Case("url with a path", {"fiddler.url": "https://acme.fiddler.ai/v1/traces"}, _URL, field="spec.fiddler.url"),
    Case("url with another scheme", {"fiddler.url": "ftp://acme.fiddler.ai"}, _URL, field="spec.fiddler.url"),
    Case("url with credentials", {"fiddler.url": "https://me:secret@acme.fiddler.ai"}, _URL, field="spec.fiddler.url"),
    Case("url with a Lua template", {"fiddler.url": "https://$(os.exit())"}, _URL, field="spec.fiddler.url"),
    Case("url with a newline", {"fiddler.url": "https://acme.fiddler.ai\n"}, _URL, field="spec.fiddler.url"),
    Case("placeholder url", {"fiddler.url": "${FIDDLER_URL}"}, _URL, field="spec.fiddler.url"),
    Case("placeholder application", {"fiddler.applicationId": "${FIDDLER_APP_ID}"}, _UUID, field="spec.fiddler.applicationId"),
    Case(
        "application without dashes",
        {"fiddler.applicationId": "3f0c9a548a5e4c1c9d536d1f6d1b7c11"},
        _UUID,
        field="spec.fiddler.applicationId",
    ),
    Case("a tag as Kong version", {"gateway.kongVersion": "3.13-ubuntu"}, "must be two to four numbers", field="spec.gateway.kongVersion"),
    Case("an upper-case Secret", {"fiddler.apiKeySecretRef.name": "Fiddler"}, _SUBDOMAIN, field="spec.fiddler.apiKeySecretRef.name"),
    Case(
        "a Secret's key with a slash",
        {"fiddler.apiKeySecretRef.key": "a/b"},
        "must be letters, digits",
        field="spec.fiddler.apiKeySecretRef.key",
    ),
    Case("an upper-case namespace", {"gateway.targetRef.namespace": "Kong"}, _LABEL, field="spec.gateway.targetRef.namespace"),
    Case("an upper-case route", {"routes.0.name": "Chat"}, _LABEL, field="spec.routes[0].name"),
    Case(
        "expose and attachTo",
        {"routes": [EXPOSED | {"attachTo": ROUTE["attachTo"]}]},
        "must not be given beside expose",
        field="spec.routes[0].attachTo",
    ),
    Case("neither of them", {"routes": [{"name": "x"}]}, "must be given where attachTo is not", field="spec.routes[0].expose"),
    Case(
        "expose without llm",
        {"routes.0": {"name": "x", "expose": {"path": "/x"}}},
        "must be given beside expose",
        field="spec.routes[0].llm",
    ),
    Case(
        "payloads of a route without a model",
        {"routes": [ROUTE | {"payloads": "Captured"}]},
        "must be given only beside llm",
        field="spec.routes[0].payloads",
    ),
    *RULED_TARGETS,
    Case("an address as host", _exposed(host="10.0.0.7"), "must be a name, not digits and dots", field="spec.routes[0].expose.host"),
    Case("half an address as host", _exposed(host="1.2.3"), "must be a name, not digits and dots", field="spec.routes[0].expose.host"),
    Case("a number as host", _exposed(host="123"), "must be a name, not digits and dots", field="spec.routes[0].expose.host"),
    Case("a path with a quote", _exposed(path='/a"b'), "must be a path such as /openai", field="spec.routes[0].expose.path"),
    Case(
        "a path that Kong reads as an expression",
        _exposed(path="/~......"),
        "must be a path such as /openai",
        field="spec.routes[0].expose.path",
    ),
    Case(
        "a certificate beside a Gateway",
        _exposed(host="a.example", tlsSecretName="a-tls", gatewayRef={"name": "kong"}),
        "must not be given beside gatewayRef",
        field="spec.routes[0].expose.tlsSecretName",
    ),
    Case(
        "a certificate without a host",
        _exposed(tlsSecretName="a-tls"),
        "must be given beside tlsSecretName",
        field="spec.routes[0].expose.host",
    ),
    Case("an upper-case Gateway", _exposed(gatewayRef={"name": "Kong"}), _SUBDOMAIN, field="spec.routes[0].expose.gatewayRef.name"),
    Case("a timeout without a unit", _exposed(timeouts={"read": "600"}), _DURATION, field="spec.routes[0].expose.timeouts.read"),
    Case("a timeout of nothing", _exposed(timeouts={"connect": "0s"}), _DURATION, field="spec.routes[0].expose.timeouts.connect"),
    Case("a timeout of a month", _exposed(timeouts={"write": "720h"}), _DURATION, field="spec.routes[0].expose.timeouts.write"),
    Case(
        "a model with a template",
        {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"model": "$(headers.x)"}}]},
        "must be the model's name",
        field="spec.routes[0].llm.model",
    ),
    Case(
        "an upstream of another scheme", _upstream("ftp://a.example/x"), "must be http://", field="spec.routes[0].llm.options.upstreamUrl"
    ),
    Case("a base URL", _upstream("https://a.example/v1"), "must be the full URL", field="spec.routes[0].llm.options.upstreamUrl"),
    Case("a URL with a host only", _upstream("https://a.example"), "must be the full URL", field="spec.routes[0].llm.options.upstreamUrl"),
    Case(
        "http without a port",
        _upstream("http://a.example/v1/chat/completions"),
        "must name the port where it is http",
        field="spec.routes[0].llm.options.upstreamUrl",
    ),
    Case(
        "a key in the query",
        _upstream("https://a.example/v1/chat/completions?v=1&Key=x"),
        "must hold no key in its query",
        field="spec.routes[0].llm.options.upstreamUrl",
    ),
    Case(
        "the URL of another operation",
        _upstream("https://a.example/v1/chat/completions", "llm/v1/embeddings"),
        "must be the URL of the operation that routeType names",
        field="spec.routes[0].llm.options.upstreamUrl",
    ),
    Case("no call at all", {"tracing": {"samplingRate": 0}}, "must be greater than or equal to", field="spec.tracing.samplingRate"),
    Case(
        "no cost",
        {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"options": {"inputCost": 0}}}]},
        "must be greater than or equal to",
        field="spec.routes[0].llm.options.inputCost",
    ),
    Case(
        "one object attached twice",
        {"routes": [ROUTE, ROUTE | {"name": "two"}]},
        "must name an object by attachTo in only one",
        field="spec.routes",
    ),
    Case(
        "one path exposed twice",
        {"routes": [EXPOSED, EXPOSED | {"name": "two"}]},
        "must expose a host and path by only one",
        field="spec.routes",
    ),
    Case(
        "a key in the header Host",
        _auth(headerName="hOST"),
        "must not be a header that HTTP itself uses",
        field="spec.routes[0].llm.auth.headerName",
    ),
    Case("another provider's options", _model("openai", auth=_KEY, azure=_AZURE), "must be given only where", field=f"{_LLM}.azure"),
    Case("Azure without its options", _model("azure", auth=_KEY), "must be given where provider is azure", field=f"{_LLM}.azure"),
    Case(
        "a host as an instance",
        _model("azure", auth=_KEY, azure=_AZURE | {"instance": "a.b"}),
        "must be letters, digits and '-', and begin",
        field=f"{_LLM}.azure.instance",
    ),
    Case(
        "a key for Bedrock",
        _model("bedrock", auth=_KEY, bedrock={"region": "x-1"}),
        "must be given where provider",
        field=f"{_LLM}.auth.aws",
    ),
    Case(
        "a version with a blank",
        _model("azure", auth=_KEY, azure=_AZURE | {"apiVersion": "2024 10"}),
        "must be letters, digits and . _ -, beginning with a letter or digit",
        field=f"{_LLM}.azure.apiVersion",
    ),
    Case(
        "a URL as a host",
        _model("gemini", auth={"gcp": {}}, gemini={"projectId": "p", "locationId": "l", "apiEndpoint": "https://a.googleapis.com"}),
        "must be a host name below googleapis.com",
        field=f"{_LLM}.gemini.apiEndpoint",
    ),
    Case(
        "a host that is not Google's",
        _model("gemini", auth={"gcp": {}}, gemini={"projectId": "p", "locationId": "l", "apiEndpoint": "169.254.169.254"}),
        "must be a host name below googleapis.com",
        field=f"{_LLM}.gemini.apiEndpoint",
    ),
    Case(
        "a bucket without its scheme",
        _model("bedrock", auth={"aws": {}}, bedrock={"region": "x-1", "videoOutputS3Uri": "videos/out"}),
        "must be the URI of a bucket",
        field=f"{_LLM}.bedrock.videoOutputS3Uri",
    ),
    Case(
        "a role with a template",
        _model("bedrock", auth={"aws": {"assumeRoleArn": "$(role)"}}, bedrock={"region": "x-1"}),
        "must be letters, digits and . _ : / @ + = , -",
        field=f"{_LLM}.auth.aws.assumeRoleArn",
    ),
    Case("a parameter with a blank", _auth(paramName="a b"), "must be letters, digits and _ . -", field=f"{_LLM}.auth.paramName"),
    Case("AWS for OpenAI", _model("openai", auth={"aws": {}}), "must be given where provider", field=f"{_LLM}.auth.aws"),
    Case("Entra for OpenAI", _model("openai", auth={"azure": {}}), "must be given only where", field=f"{_LLM}.auth.azure"),
    Case("Google for AI Studio", _model("gemini", auth={"gcp": {}}), "must be given together with gemini", field=f"{_LLM}.auth.gcp"),
    Case("no key", _model("openai"), "must be given where options.upstreamUrl is not", field=f"{_LLM}.auth"),
    Case("Ollama nowhere", _model("ollama", auth=_KEY), "must be given where provider is", field=f"{_LLM}.options.upstreamUrl"),
    Case("two identities", _model("azure", auth=_KEY | {"azure": {}}, azure=_AZURE), "must have exactly one of", field=f"{_LLM}.auth"),
    Case("no identity", _model("openai", auth={}), "must have exactly one of", field=f"{_LLM}.auth"),
    Case(
        "a header without a key",
        _model("azure", auth={"azure": {}, "headerName": "X-Key"}, azure=_AZURE),
        "must be given where headerName",
        field=f"{_LLM}.auth.secretRef",
    ),
    Case(
        "a header and a parameter", _auth(paramName="key", headerName="X-Key"), "must not be given beside", field=f"{_LLM}.auth.paramName"
    ),
    Case(
        "half a key of AWS",
        _model("bedrock", auth={"aws": {"accessKeyIdRef": _REF}}, bedrock={"region": "x-1"}),
        "must be given together with accessKeyIdRef",
        field=f"{_LLM}.auth.aws.secretAccessKeyRef",
    ),
    Case(
        "a client secret of nobody",
        _model("azure", auth={"azure": {"clientSecretRef": _REF}}, azure=_AZURE),
        "must be given only with clientId",
        field=f"{_LLM}.auth.azure.clientSecretRef",
    ),
    Case(
        "a prefix without its space",
        _auth(headerPrefix="Bearer"),
        "must be empty, or one word",
        field="spec.routes[0].llm.auth.headerPrefix",
    ),
    Case(
        "credentials as session ids",
        {"sessions": {"headers": ["X-Chat", "AUTHORIZATION"]}},
        "must not be a header that carries credentials",
        field="spec.sessions.headers[1]",
    ),
    Case(
        "a header with a quote", {"sessions": {"headers": ['X-"]']}}, "must be the name of an HTTP header", field="spec.sessions.headers[0]"
    ),
    Case(
        "a header with a line break",
        {"sessions": {"headers": ["X-A\r\nB"]}},
        "must be the name of an HTTP header",
        field="spec.sessions.headers[0]",
    ),
    Case(
        "a collector's whole URL",
        {"fiddler.export": {"endpoint": "http://otel.observability.svc:4318/v1/traces"}},
        _URL,
        field="spec.fiddler.export.endpoint",
    ),
    Case(
        "a header twice",
        {"sessions": {"headers": ["X-Chat", "x-chat"]}},
        "must differ from each other",
        field="spec.sessions.headers",
    ),
    Case("an attribute of Kong's", _attribute(name="gen_ai.request.model"), _OF_USERS, field="spec.attributes[0].name"),
    Case("an attribute without a key", _attribute(name="fiddler.span.user."), _OF_USERS, field="spec.attributes[0].name"),
    Case("an attribute that is Lua", _attribute(value="x' .. os.getenv('A')"), _PRINTABLE, field="spec.attributes[0].value"),
    Case("an attribute of two lines", _attribute(value="a\nb"), _PRINTABLE, field="spec.attributes[0].value"),
    Case("an attribute of spaces", _attribute(value="  "), _PRINTABLE, field="spec.attributes[0].value"),
    Case("an attribute of nothing", _attribute(), "must be given where fromHeader is not", field="spec.attributes[0].value"),
    Case(
        "an attribute of two sources",
        _attribute(value="a", fromHeader="X-A"),
        "must not be given beside value",
        field="spec.attributes[0].fromHeader",
    ),
    Case(
        "credentials as an attribute",
        _attribute(fromHeader="cookie"),
        "must not be a header that carries credentials",
        field="spec.attributes[0].fromHeader",
    ),
    Case(
        "an override that is no pointer",
        {"overrides": [{"plugin": "ai-proxy", "patch": [{"op": "remove", "path": "x"}]}]},
        "must be a JSON pointer",
        field="spec.overrides[0].patch[0].path",
    ),
)
"""Refused by a rule, in CEL and in Python with the same field and words."""

INVALID: Final = (
    Case("no routes", {"routes": []}, "spec.routes: Invalid value: 0: spec.routes in body should have at least 1 items"),
    Case("17 routes", {"routes": [ROUTE | {"name": f"r{i}"} for i in range(17)]}, "must have at most 16 items"),
    Case("no gateway", {"gateway": None}, "spec.gateway: Required value"),
    Case("no Secret", {"fiddler.apiKeySecretRef": None}, "spec.fiddler.apiKeySecretRef: Required value"),
    Case("a route name of 21", {"routes.0.name": "a" * 21}, "spec.routes[0].name: Too long: may not be more than 20"),
    Case("an unknown provider", {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"provider": "acme"}}]}, 'supported values: "anthropic"'),
    Case("a hot temperature", {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"options": {"temperature": 6}}}]}, "less than or equal to 5"),
    Case(
        "max tokens in words",
        {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"options": {"maxTokens": "many"}}}]},
        "must be of type integer",
    ),
    Case("Lua off", {"gateway.untrustedLua": "off"}, 'supported values: "on", "sandbox"'),
    Case("a bare on of YAML 1.1", {"gateway.untrustedLua": True}, "spec.gateway.untrustedLua in body must be of type string"),
    Case("an unknown field", {"gateway.manage": "Verify"}, 'unknown field "spec.gateway.manage"'),
    Case(
        "two routes of one name",
        {"routes": [ROUTE, ROUTE | {"attachTo": {"kind": "Service", "name": "other"}}]},
        'spec.routes[1]: Duplicate value: {"name":"chat"}',
    ),
    Case(
        "an override of the Lua",
        {"overrides": [{"plugin": "pre-function", "patch": [{"op": "add", "path": "/access", "value": ["os.exit()"]}]}]},
        'supported values: "ai-proxy", "ai-proxy-advanced", "opentelemetry"',
    ),
    Case(
        "two attributes of one name",
        {"attributes": [{"name": "gen_ai.agent.name", "value": value} for value in ("a", "b")]},
        "spec.attributes[1]: Duplicate value",
    ),
    Case("nine headers", {"sessions": {"headers": [f"X-{number}" for number in range(9)]}}, "must have at most 8 items"),
    Case("no header", {"sessions": {"headers": []}}, "should have at least 1 items"),
    Case("a collector without a URL", {"fiddler.export": {}}, "spec.fiddler.export.endpoint: Required value"),
    Case("retries beyond Kong's", _exposed(retries=32768), "less than or equal to 32767"),
)
"""Refused by the schema."""
