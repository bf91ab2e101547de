"""attachTo: the operator attaches our plugins to a user's Service or Ingress, and never changes anything else of that object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from devcluster.crds import INGRESS_CLASS
from fiddler_kong_operator.names import FINALIZER
from tests.integration.arena import Arena, changed
from tests.integration.targets import ANNOTATION, PLUGINS, attached_binding, foreign_plugin, ingress, listed, rest_of, service

pytestmark = pytest.mark.provided

OURS: Final = ",".join(PLUGINS)
TYPES: Final = ["ai-proxy", "opentelemetry", "pre-function"]


@pytest.fixture(autouse=True)
def _gateway_stays_whole(arena: Arena) -> Iterator[None]:
    """After each test, Kong has no plugin twice on one object and has refused nothing."""
    before = arena.stage.gateway.refused_pushes
    yield
    assert arena.pushed().doubles() == []
    assert arena.stage.gateway.refused_pushes == before


def finalizers(arena: Arena, name: str = "assistant") -> list[str]:
    return list(arena.existing("FiddlerKongBinding", name)["metadata"].get("finalizers") or [])


def places(arena: Arena) -> tuple[str, str]:
    """Kong's names of the Service and the Ingress `llm`."""
    return f"service {arena.namespace}.llm.443", f"route {arena.namespace}.llm.llm..443"


def until_listed(arena: Arena, wanted: str | None, kind: str = "Service", name: str = "llm") -> None:
    arena.until(lambda: listed(arena, kind, name) == wanted, f"the list {wanted!r} on {kind} {name}")


@pytest.fixture(params=["Service", "Ingress"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def targets(arena: Arena) -> Arena:
    """A Service and an Ingress `llm`, each with two users' plugins, which the gateway serves."""
    arena.put(foreign_plugin(arena, "cors"), foreign_plugin(arena, "limits", "rate-limiting"))
    arena.put(service(arena, plugins="limits, cors"), ingress(arena, plugins="limits, cors"))
    return arena


@pytest.fixture
def attached(targets: Arena, kind: str) -> Arena:
    targets.put(attached_binding(targets, kind))
    targets.until_ready()
    return targets


def test_our_plugins_join_the_list_behind_the_others_in_their_order(targets: Arena, kind: str) -> None:
    before = targets.existing(kind, "llm")

    targets.put(attached_binding(targets, kind))
    targets.until_ready()

    assert listed(targets, kind) == f"limits,cors,{OURS}"
    assert rest_of(targets.existing(kind, "llm")) == rest_of(before)


def test_kong_runs_them_where_they_are_attached(attached: Arena, kind: str) -> None:
    place = dict(zip(("Service", "Ingress"), places(attached), strict=True))[kind]

    pushed = attached.until_pushed(lambda pushed: set(pushed.types()) >= set(TYPES), "our plugins")

    assert sorted(pushed.attached()) == sorted(
        [*((our, place) for our in TYPES), *((foreign, where) for foreign in ("cors", "rate-limiting") for where in places(attached))]
    )


def test_the_finalizer_is_there_before_the_attachment_is_written(targets: Arena) -> None:
    mark = targets.mark()

    targets.put(attached_binding(targets))
    targets.until_ready()

    mine = [(w.resource, w.subresource, w.name) for w in targets.writes(mark) if w.namespace == targets.namespace]
    assert mine.index(("fiddlerkongbindings", "", "assistant")) < mine.index(("services", "", "llm"))
    assert finalizers(targets) == [FINALIZER]


def test_a_binding_that_attaches_nothing_holds_no_finalizer(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()

    assert finalizers(arena) == []


def test_deleting_the_binding_gives_the_list_back(attached: Arena, kind: str) -> None:
    before = attached.existing(kind, "llm")

    attached.delete("FiddlerKongBinding", "assistant")
    attached.until_gone("FiddlerKongBinding", "assistant")

    assert listed(attached, kind) == "limits,cors"
    assert rest_of(attached.existing(kind, "llm")) == rest_of(before)
    attached.until_pushed(lambda pushed: set(pushed.types()) == {"cors", "rate-limiting"}, "only the foreign plugins")


def test_a_list_that_was_not_there_is_not_left_behind_empty(arena: Arena) -> None:
    arena.put(service(arena))
    arena.put(attached_binding(arena))
    arena.until_ready()
    assert listed(arena) == OURS

    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("FiddlerKongBinding", "assistant")

    assert listed(arena) is None


def test_removing_the_route_gives_the_list_back_and_the_finalizer_with_it(targets: Arena) -> None:
    targets.put(attached_binding(targets))
    targets.until_ready()

    targets.put(targets.binding())

    until_listed(targets, "limits,cors")
    targets.until(lambda: finalizers(targets) == [], "the end of the finalizer")
    targets.until_ready()


def test_another_target_gets_the_plugins_and_the_former_one_is_restored(targets: Arena) -> None:
    targets.put(service(targets, "other"), attached_binding(targets, "Ingress"))
    targets.until_ready()

    targets.put(attached_binding(targets, "Service", "other"))

    until_listed(targets, OURS, "Service", "other")
    until_listed(targets, "limits,cors", "Ingress")
    targets.until_ready()
    assert finalizers(targets) == [FINALIZER]


def test_odd_lists_keep_every_name(arena: Arena) -> None:
    odd = {"a": "  limits ,cors  ", "b": ",limits,,cors,", "c": "", "d": " , "}
    arena.put(foreign_plugin(arena, "cors"), foreign_plugin(arena, "limits", "rate-limiting"))
    arena.put(*(service(arena, name, written) for name, written in odd.items()))
    routes = [{"name": f"on-{name}", "attachTo": {"kind": "Service", "name": name}} for name in odd]
    arena.put(arena.binding({"routes": routes}))
    arena.until_ready()
    ours = ",".join(PLUGINS[1:])
    attached = {"a": f"limits,cors,{ours}", "b": f"limits,cors,{ours}", "c": ours, "d": ours}
    assert {name: listed(arena, "Service", name) for name in odd} == attached

    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("FiddlerKongBinding", "assistant")

    given_back = {"a": "limits,cors", "b": "limits,cors", "c": None, "d": None}
    assert {name: listed(arena, "Service", name) for name in odd} == given_back


def test_a_name_without_a_plugin_is_refused_until_there_is_one(arena: Arena) -> None:
    arena.put(service(arena, plugins="later"), ingress(arena))
    arena.put(attached_binding(arena))

    refused = arena.until_condition("Ready", "False", "UnknownPlugin")
    assert "lists later, but there is no KongPlugin or KongClusterPlugin of that name" in refused["message"]
    assert listed(arena) == "later"

    arena.put(foreign_plugin(arena, "later"))

    arena.until_ready()
    assert listed(arena) == f"later,{OURS}"


def test_a_name_without_a_plugin_beside_ours_is_mentioned(targets: Arena) -> None:
    targets.put(attached_binding(targets))
    targets.until_ready()

    targets.patch("Service", "llm", {"metadata": {"annotations": {ANNOTATION: f"gone,{OURS}"}}})

    targets.until(lambda: "also lists gone: no plugin" in targets.conditions()["Accepted"]["message"], "the name in the message")
    targets.until_ready()
    assert listed(targets) == f"gone,{OURS}"


def test_an_object_of_a_binding_is_no_target(arena: Arena) -> None:
    arena.put(arena.binding(name="owner"))
    arena.until_ready("owner")

    arena.put(attached_binding(arena, target="owner-openai"))

    refused = arena.until_condition("Ready", "False", "TargetOwned")
    assert f"Service {arena.namespace}/owner-openai (route openai, attachTo) belongs to the binding owner" in refused["message"]
    assert "assistant" not in (listed(arena, "Service", "owner-openai") or "")


def test_an_ingress_of_another_class_is_no_target_and_keeps_every_byte(arena: Arena) -> None:
    arena.put(service(arena), changed(ingress(arena, plugins="limits,\n  cors\n"), {"spec.ingressClassName": "internal"}))
    before = arena.existing("Ingress", "llm")

    arena.put(attached_binding(arena, "Ingress"))

    refused = arena.until_condition("Ready", "False", "OtherIngressClass")
    assert "has the ingress class internal, but gateway.ingressClassName is kong" in refused["message"]
    assert arena.existing("Ingress", "llm") == before


def test_a_service_that_another_kong_comes_to_serve_is_left(arena: Arena) -> None:
    internal = {**INGRESS_CLASS, "metadata": {"name": f"internal-{arena.namespace}"}}
    arena.put(internal, service(arena, plugins="limits"), ingress(arena), attached_binding(arena), foreign_plugin(arena, "limits"))
    arena.until_ready()

    other = changed(ingress(arena, "other"), {"spec.ingressClassName": internal["metadata"]["name"]})
    arena.put(other)

    refused = arena.until_condition("Ready", "False", "OtherIngressClass")
    assert f"is reached through Ingress {arena.namespace}/other, which another Kong serves" in refused["message"]
    until_listed(arena, "limits")

    arena.delete("Ingress", "other")

    arena.until_ready()
    assert listed(arena) == f"limits,{OURS}"


def test_a_missing_target_is_waited_for(arena: Arena, kind: str) -> None:
    arena.put(attached_binding(arena, kind))
    found = arena.until_condition("Ready", "False", "TargetNotFound")
    assert f"{kind} {arena.namespace}/llm (route openai, attachTo) does not exist" in found["message"]

    arena.put(service(arena), ingress(arena))

    arena.until_ready()
    assert listed(arena, kind) == OURS


def test_a_target_that_was_created_again_is_attached_again(attached: Arena, kind: str) -> None:
    attached.delete(kind, "llm")
    attached.until_condition("Accepted", "False", "TargetNotFound")
    attached.until(lambda: finalizers(attached) == [], "the end of the finalizer: nothing is attached any more")

    attached.put(service(attached, plugins="cors") if kind == "Service" else ingress(attached, plugins="cors"))

    until_listed(attached, f"cors,{OURS}", kind)
    attached.until_ready()
    assert finalizers(attached) == [FINALIZER]


@pytest.mark.parametrize("left", ["limits,cors", f"limits,{PLUGINS[0]},cors", None])
def test_what_a_person_takes_away_is_put_back(targets: Arena, left: str | None) -> None:
    targets.put(attached_binding(targets))
    targets.until_ready()

    targets.patch("Service", "llm", {"metadata": {"annotations": {ANNOTATION: left}}})

    whole = {*PLUGINS, *(() if left is None else ("limits", "cors"))}
    targets.until(lambda: sorted((listed(targets) or "").split(",")) == sorted(whole), "our names again, each once")


def test_a_name_that_a_person_wrote_twice_is_there_once(targets: Arena) -> None:
    targets.put(attached_binding(targets))
    targets.until_ready()
    # Without a route to the Service, Kong does not get its plugins and cannot refuse the double meanwhile.
    targets.delete("Ingress", "llm")
    targets.until_pushed(lambda pushed: pushed.services == (), "no service")

    targets.patch("Service", "llm", {"metadata": {"annotations": {ANNOTATION: f"limits,cors,{OURS},{PLUGINS[1]}"}}})

    until_listed(targets, f"limits,cors,{OURS}")


def test_a_route_without_llm_joins_an_object_with_an_ai_proxy_of_its_own(arena: Arena) -> None:
    arena.put(foreign_plugin(arena, "my-model", "ai-proxy"), service(arena), ingress(arena, plugins="my-model"))

    arena.put(attached_binding(arena, "Ingress", changes={"routes.0.llm": None}))

    arena.until_ready()
    assert listed(arena, "Ingress") == f"my-model,{PLUGINS[1]},{PLUGINS[2]}"
    pushed = arena.until_pushed(lambda pushed: pushed.types() == TYPES, "one plugin of each type")
    assert pushed.plugin("ai-proxy")["config"]["model"]["name"] == "gpt-4o"


def test_two_routes_of_one_binding_stand_on_two_objects(targets: Arena) -> None:
    second = {"name": "plain", "attachTo": {"kind": "Ingress", "name": "llm"}}
    targets.put(attached_binding(targets, changes={"routes.1": second}))

    targets.until_ready()

    assert listed(targets, "Service") == f"limits,cors,{OURS}"
    assert listed(targets, "Ingress") == f"limits,cors,{PLUGINS[1]},{PLUGINS[2]}"


def test_a_binding_deleted_while_the_operator_is_down_is_cleaned_up_at_its_start(targets: Arena) -> None:
    targets.put(attached_binding(targets))
    targets.until_ready()
    targets.operator.stop()
    try:
        targets.delete("FiddlerKongBinding", "assistant")
        held = targets.existing("FiddlerKongBinding", "assistant")["metadata"]
    finally:
        targets.operator.start()

    assert held["finalizers"] == [FINALIZER]
    targets.until_gone("FiddlerKongBinding", "assistant")
    assert listed(targets) == "limits,cors"
