"""The data that Fiddler lacks on routes with an ai-proxy of the user's; `tests/golden` has a case for each sentence."""

from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.own_models import own_model_advice
from fiddler_kong_operator.plan.own_models import OwnModel, OwnModels, read_models
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot
from tests.unit.plan.situations import ATTACHED, make_binding, make_snapshot, make_spec

CHAT, WEB = ObjectKey("Service", "kong", "chat"), ObjectKey("HTTPRoute", "kong", "web")
TO_ROUTE = {"name": "web", "attachTo": {"kind": "HTTPRoute", "name": "web"}}
GOOD, UNCOUNTED = OwnModel("llm/v1/chat", log_statistics=True), OwnModel("llm/v1/chat")


def service(*plugins: str, **more: Any) -> Snapshot:
    """A binding that is attached to a Service."""
    return snapshot(ATTACHED, Attachable(CHAT, "uid-chat", "5", plugins), **more)


def route(*plugins: str, filters: tuple[str, ...] = (), leads_to: ObjectKey = CHAT, **more: Any) -> Snapshot:
    """A binding that is attached to an HTTPRoute."""
    return snapshot(TO_ROUTE, Attachable(WEB, "uid-web", "5", plugins, backends=((leads_to,),), filters=filters), **more)


def snapshot(attached: Any, target: Attachable, models: dict[str, OwnModels] | None = None, **more: Any) -> Snapshot:
    types = {name: "cors" for name in (*target.plugins, *target.filters) if name != "ghost"}
    seen = {"models": models or {}, "plugin_types": types | dict.fromkeys(models or {}, "ai-proxy"), **more}
    return make_snapshot(make_binding(make_spec(attached)), targets={target.key: target}, **seen)


def front(*plugins: str, namespace: str = "kong") -> Attachable:
    """An Ingress that leads to the Service."""
    return Attachable(ObjectKey("Ingress", namespace, "front"), "uid-front", "5", plugins, "kong", backends=((CHAT,),))


BEHIND = {CHAT: Attachable(CHAT, "uid-chat", "5", ("model",))}
NONE, TOKENS = "no ai-proxy or ai-proxy-advanced is visible", "model has logging.log_statistics off"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (service("model", models={"model": (GOOD,)}), []),
        (service("model", models={"model": (UNCOUNTED,)}), [TOKENS]),
        (service(), [NONE]),
        (service("ghost"), []),
        (service(global_models={"model": (UNCOUNTED,)}), [TOKENS]),
        (service("model", models={"model": (GOOD,)}, global_models={"other": (UNCOUNTED,)}), []),
        (service(routes=(front("model"),), models={"model": (UNCOUNTED,)}), [TOKENS]),
        (service(routes=(front(namespace="shop"),)), []),
        (route("model", models={"model": (UNCOUNTED,)}), [TOKENS]),
        (route(filters=("model",), models={"model": (UNCOUNTED,)}), [TOKENS]),
        (route(behind=BEHIND, models={"model": (UNCOUNTED,)}), [TOKENS]),
        (route("better", behind=BEHIND, models={"better": (GOOD,), "model": (UNCOUNTED,)}), []),
        (route(), [NONE]),
        (route(leads_to=ObjectKey("Service", "shop", "chat")), []),
    ],
    ids=[
        "its own",
        "without statistics",
        "none",
        "a name without a plugin",
        "a global one",
        "its own before a global one",
        "on a route to the Service",
        "a route of another namespace",
        "on the HTTPRoute",
        "in a filter",
        "on a Service behind",
        "on the HTTPRoute before one behind",
        "none on an HTTPRoute",
        "a Service in another namespace",
    ],
)
def test_the_plugins_that_calls_meet_are_looked_at(seen: Snapshot, expected: list[str]) -> None:
    told = [*own_model_advice(seen)]
    assert ([phrase for phrase, text in zip(expected, told, strict=False) if phrase in text], len(told)) == (expected, len(expected))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"plugin": "cors"}, ()),
        ({"plugin": "ai-proxy", "disabled": True}, ()),
        ({"plugin": "ai-proxy"}, (OwnModel(),)),
        ({"plugin": "ai-proxy", "config": {"logging": {"log_payloads": True}}}, (OwnModel(log_payloads=True),)),
        ({"plugin": "ai-proxy", "config": {"logging": "yes", "route_type": ["x"]}}, (OwnModel("['x']"),)),
        ({"plugin": "ai-proxy", "config": [], "configPatches": {"path": "/x"}}, (OwnModel(),)),
        ({"plugin": "ai-proxy", "configPatches": [{"path": "/auth/header_value"}, "x"]}, (OwnModel(),)),
        ({"plugin": "ai-proxy", "configPatches": [{"path": "/logging/log_statistics"}]}, None),
        ({"plugin": "ai-proxy", "configFrom": {"secretKeyRef": {"name": "x"}}}, None),
        (
            {"plugin": "ai-proxy", "config": {"model": {"provider": "azure"}, "auth": {"header_name": "api-key"}}},
            (OwnModel(provider="azure", key_header="api-key"),),
        ),
        ({"plugin": "ai-proxy", "config": {"model": "x", "auth": ["y"]}}, (OwnModel(),)),
        ({"plugin": "ai-proxy-advanced", "config": {"targets": "x"}}, ()),
        ({"plugin": "ai-proxy-advanced", "config": {"targets": [{"route_type": "llm/v1/chat"}, 1]}}, (OwnModel("llm/v1/chat"),)),
    ],
    ids=str,
)
def test_a_plugin_is_read_whatever_its_config_holds(raw: dict[str, Any], expected: OwnModels) -> None:
    assert read_models(raw) == expected


def test_nothing_is_said_where_nobody_looked() -> None:
    seen = make_snapshot(make_binding(make_spec(ATTACHED)), targets={CHAT: Attachable(CHAT, "uid-chat", "5")})
    assert [*own_model_advice(seen)] == []
