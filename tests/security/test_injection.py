"""Texts that are code, templates or headers for a later consumer: refused at admission, with the name of the field."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest
from pydantic import ValidationError

from devcluster.errors import ApiError
from devcluster.stage import APPLICATION_ID
from fiddler_kong_operator.api import BindingSpec
from tests.integration.arena import Arena, Manifest, changed
from tests.integration.children import children

LONG: Final = "x" * 100_000
HOSTILE: Final = {
    "Lua that closes a string": '") os.execute("id") --',
    "Lua that closes a long string": "]] os.exit() --[[",
    "a template": "$(os.getenv('KONG_PG_PASSWORD'))",
    "a vault reference": "{vault://env/kong-pg-password}",
    "a line feed": "kong\nX-Injected: 1",
    "a line feed at the end": "kong\n",
    "a carriage return": "kong\rX-Injected: 1",
    "NUL": "kong\x00",
    "an escape sequence": "\x1b[31mkong",
    "full-width letters": "\uff4b\uff4f\uff4e\uff47",
    "a Cyrillic letter": "k\u043eng",
    "a right-to-left mark": "kong\u200f",
    "an override of direction": "\u202egnok",
    "a zero-width space": "ko\u200bng",
    "another namespace": "kube-system/kong",
    "a way up": "../../../kube-system/secrets/kong",
    "JSON": 'kong","plugin":"pre-function',
    "a long text": LONG,
}
FIELDS: Final = (
    "fiddler.url",
    "fiddler.export.endpoint",
    "fiddler.applicationId",
    "fiddler.apiKeySecretRef.name",
    "fiddler.apiKeySecretRef.key",
    "gateway.targetRef.name",
    "gateway.targetRef.namespace",
    "gateway.targetRef.kind",
    "gateway.container",
    "gateway.ingressClassName",
    "gateway.untrustedLua",
    "routes.0.name",
    "routes.0.expose.path",
    "routes.0.expose.host",
    "routes.0.attachTo.name",
    "routes.0.llm.model",
    "routes.0.llm.provider",
    "routes.0.llm.routeType",
    "routes.0.llm.auth.headerName",
    "routes.0.llm.auth.headerPrefix",
    "routes.0.llm.auth.secretRef.name",
    "routes.0.llm.options.upstreamUrl",
    "sessions.headers.0",
    "attributes.0.name",
    "attributes.0.value",
    "attributes.0.fromHeader",
    "payloads",
    "overrides.0.plugin",
    "overrides.0.route",
    "overrides.0.patch.0.path",
)
QUICK_START: Final[Manifest] = {
    "fiddler": {
        "url": "https://acme.fiddler.ai",
        "applicationId": APPLICATION_ID,
        "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
    },
    "gateway": {"targetRef": {"name": "kong-gateway"}},
    "routes": [
        {
            "name": "openai",
            "expose": {"path": "/openai"},
            "llm": {"provider": "openai", "model": "gpt-4o-mini", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}},
        }
    ],
}
OVERRIDE: Final[dict[str, Any]] = {"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/queue", "value": {}}]}
LISTS: Final[dict[str, Any]] = {
    "overrides": [OVERRIDE],
    "attributes": [{"name": "gen_ai.agent.name", "value": "support-bot"}],
}
SLASHED: Final = {
    "routes.0.expose.path": {"another namespace"},
    "routes.0.llm.model": {"another namespace"},
    "overrides.0.patch.0.path": {"another namespace", "a way up"},
    "attributes.0.value": {"another namespace", "a way up", "Lua that closes a long string"},
}
"""Fields that may contain slashes; a JSON pointer cannot go upwards. An attribute's value may contain brackets as well: it stands in
a quoted string (tests/lua)."""


def texts(field: str) -> list[tuple[str, str]]:
    """The hostile texts for a field."""
    return [(title, text) for title, text in HOSTILE.items() if title not in SLASHED.get(field, ())]


def changes(field: str, text: str) -> dict[str, Any]:
    """Changes of the quick start's binding that set one field to the text."""
    section, _, leaf = field.partition(".0.")
    also: dict[str, Any] = {section: copy.deepcopy(LISTS[section])} if section in LISTS else {}
    if leaf == "fromHeader":
        del also["attributes"][0]["value"]
    also |= {"routes.0.attachTo": {"kind": "Service"}, "routes.0.expose": None} if "attachTo" in field else {}
    also |= {"sessions": {"headers": ["X-Chat"]}} if field.startswith("sessions") else {}
    return {**also, field: f"/{text}" if field.endswith("path") else text}


def attempt(arena: Arena, manifest: Manifest) -> str:
    """The API server's answer to a binding in a dry run."""
    try:
        arena.stage.cluster.api.request("POST", f"{arena.path('FiddlerKongBinding')}?dryRun=All", manifest)
    except ApiError as error:
        return str(error)
    return "accepted"


def named(field: str) -> str:
    """The field in the form of messages."""
    steps = field.split(".")
    return "spec" + "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps)


def names_it(answer: str, field: str) -> bool:
    """Whether an answer names the field, or, as messages of rules do, its parent and the field."""
    parent, _, leaf = named(field).rpartition(".")
    return named(field) in answer or (f"{parent}: Invalid value" in answer and f"{leaf} must " in answer)


def test_each_is_refused_at_admission_with_the_fields_name(arena: Arena) -> None:
    attempts = ((field, title, attempt(arena, arena.binding(changes(field, text)))) for field in FIELDS for title, text in texts(field))

    assert [(field, title) for field, title, answer in attempts if not names_it(answer, field)] == []


def test_each_is_refused_as_a_bindings_name(arena: Arena) -> None:
    answers = {title: attempt(arena, arena.binding(name=text)) for title, text in HOSTILE.items()}

    assert [title for title, answer in answers.items() if "metadata.name" not in answer] == []


@pytest.mark.parametrize("field", FIELDS)
def test_a_file_rendered_offline_is_refused_as_well(field: str) -> None:
    assert [title for title, text in texts(field) if is_accepted(changed(QUICK_START, changes(field, text)))] == []


def is_accepted(spec: Manifest) -> bool:
    try:
        BindingSpec.model_validate(spec)
    except ValidationError:
        return False
    return True


def test_the_quick_start_itself_is_accepted_by_both(arena: Arena) -> None:
    assert (is_accepted(QUICK_START), is_accepted(arena.binding()["spec"]), attempt(arena, arena.binding())) == (True, True, "accepted")


OVERRIDES: Final = {
    "a template": ("opentelemetry", "/resource_attributes/x", HOSTILE["a template"], "evaluate it as Lua"),
    "a vault reference": ("opentelemetry", "/resource_attributes/x", HOSTILE["a vault reference"], "own secrets"),
    "a line break": ("opentelemetry", "/http_response_header_for_traceid", "X\r\nY: 1", "control characters"),
    "an override of direction": ("opentelemetry", "/resource_attributes/x", "\u202ex", "control characters"),
    "a long text": ("opentelemetry", "/resource_attributes/x", LONG, "at most 4096 characters"),
    "a second endpoint": ("opentelemetry", "/logs_endpoint", "https://evil.example", "send the Fiddler key there"),
    "a header": ("opentelemetry", "/headers/X-Copy", "1", "hold the Fiddler key"),
    "Lua": ("opentelemetry", "/access_logs/custom_attributes_by_lua/a", "os.exit()", "nothing of a binding may run as code"),
    "where calls go": ("ai-proxy", "/model/options/upstream_url", "http://169.254.169.254", "use llm.options.upstreamUrl"),
    "a key": ("ai-proxy", "/auth/header_value", "{vault://env/x}", "must not be changed"),
}


def test_hostile_overrides_are_reported_by_a_condition_and_never_reach_kong(arena: Arena) -> None:
    for index, (title, (plugin, path, value, _)) in enumerate(OVERRIDES.items()):
        patch = {"op": "add", "path": path, "value": value}
        place = {"routes.0.expose.path": f"/{arena.namespace}/{index}"}
        arena.put(arena.binding({"overrides": [{"plugin": plugin, "patch": [patch]}], **place}, f"o{index}"))
        assert title

    for index, (_, path, _, words) in enumerate(OVERRIDES.values()):
        message = arena.until_condition("Accepted", "False", "InvalidSpec", f"o{index}")["message"]
        assert message.startswith(f"spec.overrides[0].patch[0]: {path} of ")
        assert words in message
        assert children(arena, f"o{index}") == {}
    assert arena.pushed().plugins == ()


def test_a_path_that_kongs_controller_reads_as_an_expression_takes_no_other_traffic(arena: Arena) -> None:
    """Seen with `/~......`: Kong's route `~....../` matched every path whose first part has six characters."""
    paths = ["/~......", "/a/~b", "/......", "/a.b", "/a/../b", "/a%2e%2e"]

    assert [
        path for path in paths if "spec.routes[0].expose.path" not in attempt(arena, arena.binding({"routes.0.expose.path": path}))
    ] == []
