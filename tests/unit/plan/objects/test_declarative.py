from __future__ import annotations

from typing import Any

import yaml

from fiddler_kong_operator.plan.objects.declarative import build_declarative, placeholders
from tests.unit.plan.plans import ATTACHED, EXPOSED, LLM, spec_of

# The file of Fiddler's integration page, filled in but for the keys, without the Lua: ours does the same more carefully (tests/lua).
PAGE = """
_format_version: "3.0"
services:
- name: openai-service
  host: api.openai.com
  port: 443
  protocol: https
  routes:
  - name: openai-chat-route
    paths:
    - /openai
    strip_path: true
plugins:
- name: ai-proxy
  service: openai-service
  config:
    route_type: llm/v1/chat
    auth:
      header_name: Authorization
      header_value: "Bearer ${OPENAI_API_KEY}"
    model:
      provider: openai
      name: gpt-4o-mini
      options:
        max_tokens: 512
        temperature: 0.7
    logging:
      log_statistics: true
      log_payloads: true
- name: pre-function
- name: opentelemetry
  config:
    traces_endpoint: "https://acme.fiddler.ai/v1/traces"
    headers:
      Authorization: "Bearer ${FIDDLER_API_KEY}"
      fiddler-application-id: "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
    resource_attributes:
      service.name: kong
      application.id: "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
    propagation:
      default_format: w3c
"""


def test_the_quickstart_is_the_file_of_the_integration_page() -> None:
    spec = spec_of(payloads="Captured")
    made = build_declarative(spec, placeholders(spec))
    (lua,) = [plugin.pop("config") for plugin in made["plugins"] if plugin["name"] == "pre-function"]
    assert made == yaml.safe_load(PAGE)
    assert sorted(lua) == ["access", "header_filter", "log"]


def test_keys_of_several_routes_are_told_apart() -> None:
    other = {**LLM, "auth": {"secretRef": {"name": "other", "key": "k"}}}
    spec = spec_of(EXPOSED, {"name": "two", "expose": {"path": "/two", "host": "llm.example.com"}, "llm": other})
    made = build_declarative(spec, placeholders(spec))
    assert _header_values(made) == ["Bearer ${OPENAI_API_KEY}", "Bearer ${OPENAI_API_KEY_2}"]
    assert made["services"][1]["routes"][0]["hosts"] == ["llm.example.com"]


def test_the_caller_decides_what_stands_for_a_key() -> None:
    spec = spec_of()
    assert _header_values(build_declarative(spec, dict.fromkeys(placeholders(spec), "REDACTED"))) == ["Bearer REDACTED"]


def test_attached_routes_refer_to_what_the_file_has_already() -> None:
    on_ingress = {**ATTACHED, "name": "two", "attachTo": {"kind": "Ingress", "name": "web"}}
    on_http_route = {**ATTACHED, "name": "three", "attachTo": {"kind": "HTTPRoute", "name": "split"}}
    spec = spec_of(ATTACHED, on_ingress, on_http_route)
    made = build_declarative(spec, placeholders(spec))
    assert made["services"] == []
    models = [(p.get("service"), p.get("route")) for p in made["plugins"] if p["name"] == "ai-proxy"]
    assert models == [("chat", None), (None, "web"), (None, "split")]


def _header_values(made: dict[str, Any]) -> list[str]:
    return [plugin["config"]["auth"]["header_value"] for plugin in made["plugins"] if plugin["name"] == "ai-proxy"]
