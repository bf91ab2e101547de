"""The message about plugins that no longer run because the binding's do; `tests/golden` has whole cases."""

from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.acceptance.replaced import replaced_globals, replaced_on_services
from fiddler_kong_operator.plan.exports import read_exports
from fiddler_kong_operator.plan.snapshot import Attachable, Snapshot
from tests.unit.plan.situations import make_binding, make_snapshot, make_spec

CHAT, WEB = ObjectKey("Service", "kong", "chat"), ObjectKey("Ingress", "kong", "web")
TO_INGRESS = {"name": "web", "attachTo": {"kind": "Ingress", "name": "web"}}
FIDDLER, APPLICATION = "https://acme.fiddler.ai/v1/traces", "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"
BOTH_KEYS = {"Authorization": "Bearer key", "Fiddler-Application-Id": APPLICATION}


def exporter(config: Any = None, **more: Any) -> Manifest:
    return {"plugin": "opentelemetry", "config": config, **more}


def beside_global(raw: Manifest, export: str | None = None) -> str:
    """The message where the global plugin `company` is this one."""
    exports = read_exports(raw)
    through = {"endpoint": export, "credentials": "Omit"} if export else None
    seen = make_snapshot(
        make_binding(make_spec(export=through)),
        global_plugins={"opentelemetry": "company"},
        global_exports={"company": exports} if exports else {},
    )
    message = replaced_globals(seen) or ""
    rule = "Kong runs only the most specific plugin of a type."
    assert message.startswith(
        f"On these routes the binding's plugins run in place of the global KongClusterPlugin company (opentelemetry): {rule}"
    )
    return message.partition(rule)[2].strip()


STOPS = "ask its owner where it sends traces, and what else, because that stops for these routes."
SAME = "company sends traces to the same endpoint, acme.fiddler.ai"
NONE_LOST = f"{SAME}: none are lost."
OTHERWISE = f"{SAME}, but with headers or an application.id of its own: check that its users do not miss those of these routes."
IN_SECRET = f"company has parts of its config in a Secret: {STOPS}"
IN_VAULT = f"company takes its endpoint from a vault: {STOPS}"


def elsewhere(host: str) -> str:
    return (
        f"company sends traces to {host}, which no longer gets those of these routes: a collector (fiddler.export) can send them to both."
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (exporter({"traces_endpoint": FIDDLER}), NONE_LOST),
        (exporter({"traces_endpoint": "https://ACME.fiddler.ai:443/v1/traces/", "headers": BOTH_KEYS}), NONE_LOST),
        (exporter({"traces_endpoint": FIDDLER, "resource_attributes": {"application.id": APPLICATION.upper()}}), NONE_LOST),
        (exporter({"traces_endpoint": FIDDLER}, configPatches=[{"path": "/headers/Authorization"}]), NONE_LOST),
        (exporter({"traces_endpoint": FIDDLER, "resource_attributes": {"application.id": "another"}}), OTHERWISE),
        (exporter({"traces_endpoint": FIDDLER, "headers": {"X-Scope-OrgID": "company"}}), OTHERWISE),
        (exporter({"traces_endpoint": FIDDLER}, configPatches=[{"path": "/headers"}]), OTHERWISE),
        (exporter({"traces_endpoint": f"{FIDDLER}?team=x"}), elsewhere("acme.fiddler.ai")),
        (exporter({"traces_endpoint": "http://user:word@tempo.obs.svc:4318/v1/traces"}), elsewhere("tempo.obs.svc:4318")),
        (
            exporter({"traces_endpoint": FIDDLER, "metrics": {"endpoint": "http://m/"}}),
            f"{NONE_LOST} company exports metrics too: these stop for these routes.",
        ),
        (
            exporter({"traces_endpoint": FIDDLER, "logs_endpoint": "http://l/", "access_logs": {"endpoint": "http://a/"}}),
            f"{NONE_LOST} company exports logs and access logs too: these stop for these routes.",
        ),
        (exporter({"access_logs_endpoint": "http://a/"}), "company exports access logs too: these stop for these routes."),
        (exporter({"traces_endpoint": "{vault://env/endpoint}"}), IN_VAULT),
        (exporter(configPatches=[{"path": "/traces_endpoint"}]), IN_SECRET),
        (exporter(configFrom={"secretKeyRef": {"name": "x"}}), IN_SECRET),
    ],
    ids=[
        "the same endpoint",
        "the same in other words",
        "the same application",
        "with its key in a Secret",
        "another application",
        "headers of its own",
        "headers in a Secret",
        "the same host",
        "elsewhere",
        "with metrics",
        "with logs",
        "access logs only",
        "in a vault",
        "endpoint in a Secret",
        "config in a Secret",
    ],
)
def test_what_a_replaced_global_plugin_exported_is_told(raw: Manifest, expected: str) -> None:
    assert beside_global(raw) == expected


@pytest.mark.parametrize(
    "config", ["x", {"traces_endpoint": 5}, {"traces_endpoint": "https://[x"}, {"headers": "x", "metrics": []}], ids=str
)
def test_no_config_is_too_odd_to_be_read(config: Any) -> None:
    assert "Kong" not in beside_global(exporter(config))


def test_a_collector_that_both_send_to_loses_nothing() -> None:
    raw = exporter({"traces_endpoint": "http://otel.obs.svc:4318/v1/traces"})
    assert beside_global(raw, "http://otel.obs.svc:4318") == "company sends traces to the same endpoint, otel.obs.svc:4318: none are lost."


def behind(*plugins: str, **more: Any) -> Snapshot:
    """A binding attached to an Ingress whose Service lists these plugins."""
    web = Attachable(WEB, "uid-web", "5", ingress_class="kong", backends=((CHAT,),))
    service = Attachable(CHAT, "uid-chat", "5", plugins)
    given = {"plugin_types": {"tracing": "opentelemetry", "guard": "pre-function", "limit": "rate-limiting"}, **more}
    return make_snapshot(make_binding(make_spec(TO_INGRESS)), targets={WEB: web}, behind={CHAT: service}, **given)


def test_plugins_of_a_service_that_no_longer_run_are_told() -> None:
    exports = read_exports(exporter({"traces_endpoint": "http://tempo.obs.svc:4318/v1/traces"}))
    assert replaced_on_services(behind("tracing", "guard", "limit", exports={"tracing": exports})) == (
        "On routes to a Service the binding's plugins run in place of those of the Service, tracing (opentelemetry) of Service kong/chat "
        "and guard (pre-function) of Service kong/chat: Kong runs only the most specific plugin of a type. Check that guard is not needed "
        "here. tracing sends traces to tempo.obs.svc:4318, which no longer gets those of these routes: a collector (fiddler.export) can "
        "send them to both."
    )


@pytest.mark.parametrize(
    "seen",
    [
        behind(),
        behind("limit"),
        behind("guard", disabled=frozenset({"guard"})),
        behind("assistant-opentelemetry", plugin_owners={"assistant-opentelemetry": "uid-assistant"}),
    ],
    ids=["no list", "another type", "a disabled one", "ours"],
)
def test_what_still_runs_or_never_did_is_not_mentioned(seen: Snapshot) -> None:
    assert replaced_on_services(seen) is None
