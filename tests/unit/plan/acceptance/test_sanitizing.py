"""Advice where captured text meets no ai-sanitizer."""

from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.sanitizing import sanitizer_advice
from fiddler_kong_operator.plan.own_models import OwnModel
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_binding, make_snapshot, make_spec

SERVICE, CHAT, CANARY = (ObjectKey("Service", "kong", name) for name in ("assistant-openai", "chat", "canary"))
CAPTURED = {**EXPOSED, "payloads": "Captured"}
TYPES = {"pii": "ai-sanitizer", "limit": "rate-limiting"}
LOGGED = {"models": {"model": (OwnModel(log_payloads=True),)}, "plugin_types": {**TYPES, "model": "ai-proxy"}}


def carrier(key: ObjectKey, *plugins: str, leads_to: tuple[ObjectKey, ...] = (), filters: tuple[str, ...] = ()) -> Attachable:
    return Attachable(key, f"uid-{key.name}", "5", plugins, backends=tuple((service,) for service in leads_to), filters=filters)


def front(name: str, *plugins: str, namespace: str = "kong", to: ObjectKey = SERVICE) -> Attachable:
    """An Ingress that leads to the Service."""
    return carrier(ObjectKey("Ingress", namespace, name), *plugins, leads_to=(to,))


def seen(*routes: Any, targets: tuple[Attachable, ...] = (), **more: Any) -> Snapshot:
    return make_snapshot(make_binding(make_spec(*routes)), targets={t.key: t for t in targets}, **{"plugin_types": TYPES, **more})


def to_route(*plugins: str, filters: tuple[str, ...] = (), behind: tuple[Attachable, ...] = ()) -> Snapshot:
    """A binding attached to an HTTPRoute that leads to two Services."""
    route = {**CAPTURED, "expose": None, "attachTo": {"kind": "HTTPRoute", "name": "web"}}
    web = carrier(ObjectKey("HTTPRoute", "kong", "web"), *plugins, leads_to=(CHAT, CANARY), filters=filters)
    return seen(route, targets=(web,), behind={service.key: service for service in behind})


@pytest.mark.parametrize(
    "snapshot",
    [
        seen(CAPTURED),
        seen(CAPTURED, targets=(carrier(SERVICE, "limit", "gone"),)),
        seen(CAPTURED, targets=(carrier(SERVICE, "pii"),), disabled=frozenset({"pii"})),
        seen(CAPTURED, targets=(carrier(SERVICE),), routes=(front("a", "pii"), front("b"))),
        seen(CAPTURED, targets=(carrier(SERVICE),), routes=(front("a", "pii", namespace="shop"),)),
        seen(ATTACHED, targets=(carrier(CHAT, "model"),), **LOGGED),
        to_route(),
        to_route(behind=(carrier(CHAT, "pii"), carrier(CANARY, "limit"))),
        to_route(behind=(carrier(CHAT, "pii"),)),
    ],
    ids=[
        "alone",
        "another plugin",
        "a disabled one",
        "on one of two routes",
        "a name of another namespace",
        "an ai-proxy of its own",
        "an HTTPRoute",
        "on one of two Services behind it",
        "on the only one with plugins",
    ],
)
def test_text_that_no_sanitizer_meets_is_told(snapshot: Snapshot) -> None:
    route = snapshot.binding.spec.routes[0].name if snapshot.binding.spec else ""
    told = sanitizer_advice(snapshot) or ""
    assert told.startswith(f"Prompts and answers of route {route} go to Fiddler as they were written: no ai-sanitizer plugin is visible")


@pytest.mark.parametrize(
    "snapshot",
    [
        seen(EXPOSED),
        seen(CAPTURED, global_plugins={"ai-sanitizer": "pii"}),
        seen(CAPTURED, targets=(carrier(SERVICE, "pii"),)),
        seen(CAPTURED, targets=(carrier(SERVICE),), routes=(front("a", "pii"), front("b", "pii"))),
        seen(ATTACHED, targets=(carrier(CHAT, "model", "pii"),), **LOGGED),
        seen(ATTACHED, targets=(carrier(CHAT, "model"),), plugin_types=TYPES, models={"model": (OwnModel(),)}),
        seen(ATTACHED),
        to_route("pii"),
        to_route(filters=("pii",)),
        to_route(behind=(carrier(CHAT, "pii"), carrier(CANARY, "pii"))),
    ],
    ids=[
        "no text",
        "global",
        "on the Service",
        "on both routes",
        "beside an ai-proxy",
        "an ai-proxy without text",
        "no target",
        "on the HTTPRoute",
        "in a filter",
        "on both Services behind it",
    ],
)
def test_nothing_is_said_where_there_is_no_text_or_a_sanitizer(snapshot: Snapshot) -> None:
    assert sanitizer_advice(snapshot) is None


def test_all_routes_are_told_in_one_sentence() -> None:
    second = {**CAPTURED, "name": "second", "expose": {"path": "/second"}}
    assert "Prompts and answers of routes openai, second go" in (sanitizer_advice(seen(CAPTURED, second)) or "")
