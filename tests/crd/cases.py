"""Valid and invalid bindings: changes to a minimal one, and the text that the refusal must contain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.crd.bindings import EXPOSED, ROUTE

__all__ = ["INVALID", "RULED", "VALID", "Case"]


@dataclass(frozen=True)
class Case:
    """One binding. `says` is part of the refusal; "" for a valid one."""

    title: str
    changes: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    name: str = "sample"

    def __str__(self) -> str:
        """The title, for pytest."""
        return self.title


VALID: Final = (
    Case("minimal"),
    Case("exposed", {"routes": [EXPOSED]}),
    Case("exposed on two hosts", {"routes": [EXPOSED, EXPOSED | {"name": "two", "expose": {"path": "/openai", "host": "a.example"}}]}),
    Case("attached with a model", {"routes": [ROUTE | {"llm": EXPOSED["llm"]}]}),
    Case("sixteen routes", {"routes": [ROUTE | {"name": f"r{i}", "attachTo": {"kind": "Service", "name": f"s{i}"}} for i in range(16)]}),
    Case("a name of 40 characters", name="a" * 40),
    Case("in-cluster http with a port", {"fiddler.url": "http://sink.fiddler.svc:4318"}),
    Case("IPv6 host", {"fiddler.url": "https://[2001:db8::1]:8443/"}),
    Case("Lua off-hand", {"gateway.untrustedLua": "Unmanaged"}),
    Case("a Kong version", {"gateway.kongVersion": "3.13.0.7"}),
    Case(
        "an override of any shape",
        {"overrides": [{"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/queue", "value": {"a": [1]}}]}]},
    ),
)

RULED: Final = (
    Case("url without scheme", {"fiddler.url": "acme.fiddler.ai"}, "url must be http:// or https:// and a host"),
    Case("url with a path", {"fiddler.url": "https://acme.fiddler.ai/v1/traces"}, "url must be http:// or https:// and a host"),
    Case("url with another scheme", {"fiddler.url": "ftp://acme.fiddler.ai"}, "url must be http:// or https:// and a host"),
    Case("url with credentials", {"fiddler.url": "https://me:secret@acme.fiddler.ai"}, "url must be http:// or https:// and a host"),
    Case("url with a Lua template", {"fiddler.url": "https://$(os.exit())"}, "url must be http:// or https:// and a host"),
    Case("url with a newline", {"fiddler.url": "https://acme.fiddler.ai\n"}, "url must be http:// or https:// and a host"),
    Case("placeholder url", {"fiddler.url": "${FIDDLER_URL}"}, "url must be http:// or https:// and a host"),
    Case("placeholder application", {"fiddler.applicationId": "${FIDDLER_APP_ID}"}, "applicationId must be the UUID"),
    Case("application without dashes", {"fiddler.applicationId": "3f0c9a548a5e4c1c9d536d1f6d1b7c11"}, "applicationId must be the UUID"),
    Case("a tag as Kong version", {"gateway.kongVersion": "3.13-ubuntu"}, "kongVersion must be two to four numbers"),
    Case(
        "expose and attachTo",
        {"routes": [EXPOSED | {"attachTo": ROUTE["attachTo"]}]},
        "each route must have exactly one of expose and attachTo",
    ),
    Case(
        "an address as host",
        {"routes": [EXPOSED | {"expose": {"path": "/x", "host": "10.0.0.7"}}]},
        "host must be a name, not an IP address",
    ),
    Case("neither of them", {"routes": [{"name": "x"}]}, "each route must have exactly one of expose and attachTo"),
    Case("expose without llm", {"routes.0": {"name": "x", "expose": {"path": "/x"}}}, "a route with expose must have llm"),
    Case(
        "two routes of one name",
        {"routes": [ROUTE, ROUTE | {"attachTo": {"kind": "Service", "name": "other"}}]},
        "routes must have names that differ",
    ),
    Case(
        "one object attached twice", {"routes": [ROUTE, ROUTE | {"name": "two"}]}, "an object must be named by attachTo in only one route"
    ),
    Case(
        "a key in the header Host",
        {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"auth": EXPOSED["llm"]["auth"] | {"headerName": "hOST"}}}]},
        "headerName must not be one that HTTP itself uses",
    ),
    Case("credentials as session ids", {"sessions": {"header": "AUTHORIZATION"}}, "header must not be one that carries credentials"),
    Case("one path exposed twice", {"routes": [EXPOSED, EXPOSED | {"name": "two"}]}, "a host and path must be exposed by only one route"),
)
"""Refused by a rule, in CEL and in Python with the same words."""

INVALID: Final = (
    Case("no routes", {"routes": []}, "spec.routes: Invalid value: 0: spec.routes in body should have at least 1 items"),
    Case("17 routes", {"routes": [ROUTE | {"name": f"r{i}"} for i in range(17)]}, "must have at most 16 items"),
    Case("no gateway", {"gateway": None}, "spec.gateway: Required value"),
    Case("no Secret", {"fiddler.apiKeySecretRef": None}, "spec.fiddler.apiKeySecretRef: Required value"),
    Case("a path with a quote", {"routes": [EXPOSED | {"expose": {"path": '/a"b'}}]}, "spec.routes[0].expose.path"),
    Case("a path that Kong reads as an expression", {"routes": [EXPOSED | {"expose": {"path": "/~......"}}]}, "spec.routes[0].expose.path"),
    Case("an upper-case route", {"routes.0.name": "Chat"}, "spec.routes[0].name"),
    Case("a route name of 21", {"routes.0.name": "a" * 21}, "spec.routes[0].name: Too long: may not be more than 20"),
    Case("a header with a quote", {"sessions": {"header": 'X-"]'}}, "spec.sessions.header"),
    Case("a header with a line break", {"sessions": {"header": "X-A\r\nB"}}, "spec.sessions.header"),
    Case("an unknown provider", {"routes": [EXPOSED | {"llm": EXPOSED["llm"] | {"provider": "acme"}}]}, 'supported values: "openai"'),
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
        "an override that is no pointer",
        {"overrides": [{"plugin": "ai-proxy", "patch": [{"op": "remove", "path": "x"}]}]},
        "spec.overrides[0].patch[0].path",
    ),
)
"""Refused by the schema."""
