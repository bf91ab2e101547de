"""The operator refuses changes that Kong would refuse or that would harm others' objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.integration.arena import Arena, Manifest, changed
from tests.integration.pushed import Pushed
from tests.integration.targets import (
    ANNOTATION,
    CONFIGS,
    PLUGINS,
    TYPES,
    attached_binding,
    foreign_plugin,
    http_route,
    ingress,
    listed,
    rest_of,
    service,
)

pytestmark = pytest.mark.provided

OURS: Final = ",".join(PLUGINS)


@pytest.fixture
def _whole(arena: Arena) -> Iterator[None]:
    """After the test, Kong has no plugin twice on one object and has refused nothing."""
    before = arena.stage.gateway.refused_pushes
    yield
    assert arena.pushed().doubles() == []
    assert arena.stage.gateway.refused_pushes == before


@pytest.fixture
def _whole_again(arena: Arena) -> Iterator[None]:
    """After the test, Kong has accepted the newest push; it may have refused earlier ones."""
    yield
    assert arena.pushed().doubles() == []
    arena.put(service(arena, "newest"), ingress(arena, "newest", backend="newest"))
    arena.until_pushed(lambda pushed: any(".newest." in route["name"] for route in pushed.routes), "a route made after all else")


@pytest.fixture
def cluster_plugins(arena: Arena) -> Iterator[list[str]]:
    """Names of KongClusterPlugins to delete at the end."""
    names: list[str] = []
    yield names
    for name in names:
        arena.delete("KongClusterPlugin", name)


def cluster_plugin(name: str, kind: str, *, ingress_class: str = "kong", everywhere: bool = False) -> Manifest:
    labels = {"global": "true"} if everywhere else {}
    metadata = {"name": name, "annotations": {"kubernetes.io/ingress.class": ingress_class}, "labels": labels}
    group = "configuration.konghq.com/v1"
    return {"apiVersion": group, "kind": "KongClusterPlugin", "metadata": metadata, "plugin": kind, "config": CONFIGS[kind]}


@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize("kind", ["Service", "Ingress"])
@pytest.mark.parametrize("plugin_kind", ["KongPlugin", "KongClusterPlugin"])
def test_a_plugin_of_a_needed_type_on_the_target_is_a_clash(arena: Arena, cluster_plugins: list[str], kind: str, plugin_kind: str) -> None:
    theirs = {needed: f"{arena.namespace}-{needed}" for needed in TYPES}
    for needed, name in theirs.items():
        if plugin_kind == "KongPlugin":
            arena.put(foreign_plugin(arena, name, needed))
        else:
            cluster_plugins.append(name)
            arena.put(cluster_plugin(name, needed))
        lists = {"Service": None, "Ingress": None, kind: name}
        arena.put(service(arena, needed, lists["Service"]), ingress(arena, needed, lists["Ingress"], backend=needed))
    before = {needed: rest_of(arena.existing(kind, needed)) for needed in TYPES}
    mark = arena.mark()

    arena.put(*(attached_binding(arena, kind, needed, name=f"for-{needed}") for needed in TYPES))

    for needed, name in theirs.items():
        found = arena.until_condition("Ready", "False", "PluginClash", f"for-{needed}")
        assert f"already has {name} of type {needed}; two of a type on one {kind} freeze the gateway" in found["message"]
        assert f"Take {name} out of its annotation konghq.com/plugins" in found["message"]
    written = {write.resource for write in arena.writes(mark) if write.namespace == arena.namespace}
    assert written <= {"fiddlerkongbindings", "events", "deployments"}
    assert {needed: listed(arena, kind, needed) for needed in TYPES} == theirs
    assert {needed: rest_of(arena.existing(kind, needed)) for needed in TYPES} == before


@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize(("needed", "change"), [("ai-proxy", {"routes.0.llm": None}), ("pre-function", {"sessions": {"mode": "Disabled"}})])
def test_leaving_the_clashing_part_out_resolves_the_clash(arena: Arena, needed: str, change: dict[str, Any]) -> None:
    arena.put(foreign_plugin(arena, "theirs", needed), service(arena, plugins="theirs"), ingress(arena))
    arena.put(attached_binding(arena))
    arena.until_condition("Ready", "False", "PluginClash")

    arena.put(attached_binding(arena, changes=change))

    arena.until_ready()
    pushed = arena.until_pushed(lambda pushed: pushed.types() == list(TYPES), "one plugin of each type")
    assert pushed.plugin(needed)["config"] != {}


@pytest.mark.usefixtures("_whole_again")
@pytest.mark.parametrize("kind", ["Service", "Ingress"])
def test_ours_leave_when_a_person_adds_a_clashing_plugin_and_come_back_when_it_goes(arena: Arena, kind: str) -> None:
    arena.put(foreign_plugin(arena, "theirs", "opentelemetry"), service(arena), ingress(arena), attached_binding(arena, kind))
    arena.until_ready()
    arena.until_pushed(lambda pushed: pushed.types() == list(TYPES), "our plugins")

    arena.patch(kind, "llm", {"metadata": {"annotations": {ANNOTATION: f"{OURS},theirs"}}})

    clash = arena.until_condition("Ready", "False", "PluginClash")
    assert "already has theirs of type opentelemetry" in clash["message"]
    assert listed(arena, kind) == "theirs"
    assert arena.conditions()["Stalled"]["reason"] == "PluginClash"
    arena.until_pushed(lambda pushed: pushed.types() == ["opentelemetry"], "theirs alone: the gateway is not frozen")

    arena.patch(kind, "llm", {"metadata": {"annotations": {ANNOTATION: None}}})

    arena.until_ready()
    assert listed(arena, kind) == OURS


@pytest.mark.usefixtures("_whole_again")
def test_ours_leave_when_a_listed_name_becomes_a_clashing_plugin(arena: Arena) -> None:
    arena.put(service(arena), ingress(arena), attached_binding(arena))
    arena.until_ready()
    arena.patch("Service", "llm", {"metadata": {"annotations": {ANNOTATION: f"soon,{OURS}"}}})
    arena.until(lambda: "also lists soon" in arena.conditions()["Accepted"]["message"], "the name without a plugin")

    arena.put(foreign_plugin(arena, "soon", "pre-function"))

    arena.until_condition("Ready", "False", "PluginClash")
    assert listed(arena) == "soon"
    arena.until_pushed(lambda pushed: pushed.types() == ["pre-function"], "theirs alone")


@pytest.mark.usefixtures("_whole")
def test_of_two_bindings_on_one_object_the_first_has_it_until_it_goes(arena: Arena) -> None:
    arena.put(service(arena), ingress(arena), attached_binding(arena, name="first"))
    arena.until_ready("first")

    arena.put(attached_binding(arena))
    clash = arena.until_condition("Ready", "False", "PluginClash")
    assert "already has first-openai-ai-proxy of type ai-proxy" in clash["message"]
    arena.until_ready("first")

    arena.delete("FiddlerKongBinding", "first")

    arena.until_ready()
    assert listed(arena) == OURS


@pytest.mark.usefixtures("_whole")
def test_two_bindings_that_race_for_one_object_never_both_have_it(arena: Arena) -> None:
    arena.put(service(arena), ingress(arena))

    arena.put(attached_binding(arena, name="first"), attached_binding(arena, name="second"))

    def reasons() -> list[str]:
        return sorted(arena.conditions(name).get("Ready", {}).get("reason", "") for name in ("first", "second"))

    arena.until(lambda: reasons() == ["PluginClash", "Ready"], "one of them ready, the other refused")
    names = {name.partition("-")[0] for name in (listed(arena) or "").split(",")}
    assert len(names) == 1


@pytest.mark.usefixtures("_whole")
def test_a_path_that_another_ingress_serves_is_refused_until_that_is_gone(arena: Arena) -> None:
    arena.put(service(arena), ingress(arena, path=f"/{arena.namespace}"))
    arena.put(arena.binding())
    clash = arena.until_condition("Ready", "False", "RouteClash")
    assert f"exposes path /{arena.namespace} on all hosts, which Ingress {arena.namespace}/llm" in clash["message"]
    assert arena.get("Ingress", "assistant-openai") is None

    arena.delete("Ingress", "llm")

    arena.until_ready()


@pytest.mark.usefixtures("_whole")
def test_the_same_path_on_another_host_is_no_clash(arena: Arena) -> None:
    arena.put(service(arena), ingress(arena, path=f"/{arena.namespace}"))

    arena.put(arena.binding({"routes.0.expose.host": "ai.example.com"}))

    arena.until_ready()


@pytest.mark.usefixtures("_whole")
def test_an_object_with_the_name_of_a_child_is_left_alone_until_it_is_gone(arena: Arena) -> None:
    strangers = {
        "for-secret": arena.secret("for-secret-kong-keys", "mine"),
        "for-plugin": foreign_plugin(arena, "for-plugin-opentelemetry"),
        "for-service": service(arena, "for-service-openai"),
        "for-ingress": ingress(arena, "for-ingress-openai", backend="for-service-openai"),
    }
    arena.put(*strangers.values())
    before = {name: rest_of(arena.existing(m["kind"], m["metadata"]["name"])) for name, m in strangers.items()}

    arena.put(*(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/{name}"}, name) for name in strangers))

    for name, manifest in strangers.items():
        kind, taken = manifest["kind"], manifest["metadata"]["name"]
        found = arena.until_condition("Ready", "False", "NameTaken", name)
        assert f"do not belong to this binding: {kind} {taken}." in found["message"]
        assert rest_of(arena.existing(kind, taken)) == before[name]
        arena.delete(kind, taken)
        arena.until_ready(name)


@pytest.mark.usefixtures("_whole")
def test_a_global_plugin_that_no_longer_runs_on_the_route_is_mentioned(arena: Arena, cluster_plugins: list[str]) -> None:
    mine, other = f"{arena.namespace}-global", f"{arena.namespace}-elsewhere"
    cluster_plugins += [mine, other]
    arena.put(cluster_plugin(mine, "opentelemetry", everywhere=True))
    arena.put(cluster_plugin(other, "pre-function", ingress_class="another", everywhere=True))

    arena.put(arena.binding())

    arena.until_ready()
    accepted = arena.until_condition("Accepted", "True", "ShadowsGlobalPlugin")
    assert f"in place of the global KongClusterPlugin {mine} (opentelemetry)" in accepted["message"]
    assert other not in accepted["message"]
    assert accepted["message"] in arena.conditions()["Ready"]["message"]

    metrics = {"endpoint": "http://metrics.example:4318/v1/metrics"}
    shared = {"traces_endpoint": f"{arena.stage.sink.url}/v1/traces", "metrics": metrics}
    arena.put({**cluster_plugin(mine, "opentelemetry", everywhere=True), "config": shared})

    lost = f"{mine} sends traces to the same endpoint, {arena.stage.sink.url.partition('//')[2]}: none are lost."
    arena.until(lambda: f"{lost} {mine} exports metrics too" in arena.conditions()["Accepted"]["message"], "what the global plugin exports")

    arena.delete("KongClusterPlugin", mine)
    cluster_plugins.remove(mine)

    arena.until_condition("Accepted", "True", "Accepted")


@pytest.mark.usefixtures("_whole")
def test_a_plugin_of_the_service_that_no_longer_runs_for_an_ingress_is_mentioned(arena: Arena) -> None:
    arena.put(foreign_plugin(arena, "tracing", "opentelemetry"), service(arena, plugins="tracing"), ingress(arena))

    arena.put(attached_binding(arena, kind="Ingress"))

    arena.until_ready()
    accepted = arena.until_condition("Accepted", "True", "ShadowsServicePlugin")
    assert f"tracing (opentelemetry) of Service {arena.namespace}/llm" in accepted["message"]

    arena.put(service(arena))

    arena.until_condition("Accepted", "True", "Accepted")


# HTTPRoutes


def split_routes(pushed: Pushed) -> int:
    """Routes that Kong got from the HTTPRoute `split`."""
    return sum(".split." in route["name"] for route in pushed.routes)


@pytest.mark.usefixtures("_whole")
def test_a_service_that_shares_a_rule_is_refused_and_the_route_stays(arena: Arena) -> None:
    arena.put(service(arena), service(arena, "canary"), http_route(arena, ("llm", "canary")))
    arena.until_pushed(lambda pushed: split_routes(pushed) == 1, "the HTTPRoute")
    shared = [attached_binding(arena), attached_binding(arena, target="canary", name="other")]

    arena.put(*shared)

    for name, other in (("assistant", "canary"), ("other", "llm")):
        refused = arena.until_condition("Ready", "False", "SharedBackend", name)
        assert f"shares a rule of HTTPRoute {arena.namespace}/split with Service {other}" in refused["message"]
    assert (listed(arena), split_routes(arena.pushed())) == (None, 1)

    arena.put(http_route(arena, ("llm",), ("canary",)))

    arena.until_ready()
    arena.until_pushed(lambda pushed: split_routes(pushed) == 2 and "opentelemetry" in pushed.types(), "both rules, and our plugins")


@pytest.mark.usefixtures("_whole")
def test_ours_leave_a_service_when_a_route_comes_to_share_it(arena: Arena) -> None:
    arena.put(service(arena), service(arena, "canary"), http_route(arena, ("llm",)), attached_binding(arena))
    arena.until_ready()

    arena.put(http_route(arena, ("llm", "canary")))

    arena.until_condition("Ready", "False", "SharedBackend")
    arena.until(lambda: listed(arena) is None, "the list without ours")
    arena.until_pushed(lambda pushed: split_routes(pushed) == 1 and pushed.types() == [], "the HTTPRoute without our plugins")


@pytest.mark.usefixtures("_whole")
def test_ours_leave_it_although_the_binding_is_suspended(arena: Arena) -> None:
    arena.put(service(arena), service(arena, "canary"), http_route(arena, ("llm",)), attached_binding(arena))
    arena.until_ready()
    arena.put(attached_binding(arena, changes={"suspend": True}))
    arena.until_condition("Accepted", "Unknown", "Suspended")

    arena.put(http_route(arena, ("llm", "canary")))

    arena.until(lambda: listed(arena) is None, "the list without ours")
    arena.until(lambda: "SharedBackend" in arena.until_condition("Accepted", "Unknown", "Suspended")["message"], "why ours left")
    arena.until_pushed(lambda pushed: split_routes(pushed) == 1 and pushed.types() == [], "the HTTPRoute without our plugins")


@pytest.mark.usefixtures("_whole")
def test_a_plugin_on_a_route_to_the_target_is_mentioned(arena: Arena) -> None:
    arena.put(foreign_plugin(arena, "theirs", "opentelemetry"), service(arena), ingress(arena, plugins="theirs"), attached_binding(arena))

    arena.until_ready()

    accepted = arena.until_condition("Accepted", "True", "ShadowedPlugin")
    assert f"theirs (opentelemetry) of Ingress {arena.namespace}/llm to Service {arena.namespace}/llm" in accepted["message"]


@pytest.mark.usefixtures("_whole")
def test_a_regular_expression_that_may_take_the_path_is_mentioned(arena: Arena) -> None:
    greedy = changed(ingress(arena, path=f"/~/{arena.namespace[:3]}.*"), {"spec.rules.0.http.paths.0.pathType": "ImplementationSpecific"})
    arena.put(service(arena), greedy, arena.binding())

    arena.until_ready()

    assert f"of Ingress {arena.namespace}/llm is a regular" in arena.until_condition("Accepted", "True", "PathOverlap")["message"]


@pytest.mark.usefixtures("_whole")
def test_a_longer_path_below_the_exposed_one_is_mentioned(arena: Arena) -> None:
    arena.put(service(arena), arena.binding())
    arena.until_ready()

    exposed = arena.existing("FiddlerKongBinding", "assistant")["spec"]["routes"][0]["expose"]["path"]
    arena.put(ingress(arena, path=f"{exposed}/v1"))

    told = arena.until_condition("Accepted", "True", "PathOverlap")
    assert f"Ingress {arena.namespace}/llm serves {exposed}/v1, below the path {exposed} of route openai" in told["message"]
    arena.until_ready()


# Refusals of Kong itself. They block every configuration, so these tests do not use the shared gateway.
