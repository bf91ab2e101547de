from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.kinds import BINDING, HTTP_ROUTE, INGRESS_CLASS, KINDS, KONG_CLUSTER_PLUGIN, REFERENCE_GRANT
from fiddler_kong_operator.plan.snapshot import Snapshot
from fiddler_kong_operator.plan.workload import Workload
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    CHAT,
    EXPOSED,
    FIDDLER,
    GATEWAY,
    OPENAI,
    binding,
    cluster_plugin,
    consumer,
    deployment,
    http_route,
    ingress,
    key,
    leading,
    ours,
    plugin,
    raw_object,
    reference_grant,
    secret,
    service,
    spec,
    warning,
)
from tests.unit.write.fake_cluster import FakeCluster

FROM_THEN = 1767225600.0
"""2026-01-01T00:00:00Z."""
OWN = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))


class Desk:
    """A reader of a cache that has seen `seen`, in a cluster that holds `live`."""

    def __init__(self, *seen: Manifest, live: tuple[Manifest, ...] = (), namespaces: tuple[str, ...] = ()) -> None:
        self.cluster = FakeCluster(*live)
        self.cache = Cache()
        self.requeued: set[ObjectKey] = set()
        feed = Feed(self.cache, lambda keys, _lane, _delay: self.requeued.update(keys), lambda _kind: None)
        self.reader = Reader(feed, self.cluster, namespaces=namespaces, clock=lambda: 12.0)
        for raw in seen:
            self.cache.observe(raw)

    async def snapshot(self) -> Snapshot:
        found = await self.reader.gather(ASSISTANT)
        assert found
        return found

    @property
    def asked(self) -> list[ObjectKey]:
        """The objects read live, sorted, since last asked."""
        asked = sorted(called for _, called in self.cluster.calls)
        self.cluster.calls.clear()
        return asked


async def test_a_binding_that_does_not_exist_has_no_snapshot() -> None:
    desk = Desk()
    assert await desk.reader.gather(ASSISTANT) is None
    assert desk.asked == []


async def test_a_snapshot_says_when_it_was_taken() -> None:
    found = await Desk(binding()).snapshot()
    assert (found.binding.name, found.now) == ("assistant", 12.0)


async def test_a_reference_that_is_not_cached_is_read_live_once() -> None:
    desk = Desk(binding(), live=(secret(value=b"live"), deployment()))
    found = await desk.snapshot()
    assert found.secrets == {"fiddler": {"api-key": b"live"}, "openai": None}
    assert (found.workload is not None, desk.asked) == (True, [GATEWAY, FIDDLER, OPENAI])
    await desk.snapshot()
    assert desk.asked == []


async def test_a_cached_reference_is_not_read() -> None:
    desk = Desk(binding(spec_=spec(EXPOSED, ATTACHED)), secret(), secret("openai"), deployment(), service())
    await desk.snapshot()
    assert desk.asked == []


async def test_a_live_read_requeues_the_other_bindings_that_it_concerns() -> None:
    """Applied together, a binding and the Ingress it attaches to come over two watches; the later event of the Ingress changes nothing."""
    attaching = spec({"name": "shop", "attachTo": {"kind": "Ingress", "name": "shop"}})
    exposing = spec({**EXPOSED, "expose": {"path": "/openai", "host": "llm.example.com"}})
    desk = Desk(binding(spec_=attaching), binding("bot", spec_=exposing), live=(ingress("shop", 1, ("llm.example.com", "/openai")),))

    await desk.snapshot()

    assert desk.requeued == {ASSISTANT._replace(name="bot")}


async def test_an_event_that_overtakes_an_answer_takes_precedence() -> None:
    desk = Desk(binding(), live=(secret(version=5, value=b"old"),))

    def overtake(_: str, called: ObjectKey) -> None:
        if called == FIDDLER:
            desk.cache.observe(secret(version=6, value=b"new"))

    desk.cluster.after = overtake
    assert (await desk.snapshot()).secrets["fiddler"] == {"api-key": b"new"}


async def test_an_object_made_while_its_absence_was_reported_is_seen() -> None:
    desk = Desk(binding())

    def overtake(_: str, called: ObjectKey) -> None:
        if called == FIDDLER:
            desk.cache.observe(secret())

    desk.cluster.after = overtake
    assert (await desk.snapshot()).secrets["fiddler"] == {"api-key": b"the-key"}


async def test_a_binding_that_changes_while_it_is_read_is_read_to_the_end() -> None:
    desk = Desk(binding(), live=(service(), secret(), secret("openai"), deployment()))

    def change(_: str, called: ObjectKey) -> None:
        if called == FIDDLER:
            desk.cache.observe(binding(version=2, spec_=spec(ATTACHED), generation=2))

    desk.cluster.after = change
    found = await desk.snapshot()
    assert (found.binding.generation, list(found.targets)) == (2, [CHAT])


async def test_a_binding_that_goes_while_it_is_read_has_no_snapshot() -> None:
    desk = Desk(binding())

    def delete(*_: object) -> None:
        desk.cache.apply_event(KINDS["FiddlerKongBinding"], "DELETED", binding(version=2))

    desk.cluster.after = delete
    assert await desk.reader.gather(ASSISTANT) is None


async def test_a_server_that_cannot_answer_is_not_taken_for_absence() -> None:
    desk = Desk(binding(), live=(secret(),))

    def fail(*_: object) -> None:
        raise Transient("busy")

    desk.cluster.before = fail
    assert set((await desk.snapshot()).unread) == {FIDDLER, OPENAI, GATEWAY}
    with pytest.raises(Transient):
        await desk.reader.gather_workload(GATEWAY)
    desk.cluster.before = None
    found = await desk.snapshot()
    assert (found.secrets["fiddler"], found.unread) == ({"api-key": b"the-key"}, {})


async def test_a_workload_in_a_namespace_not_watched_is_not_asked_for() -> None:
    desk = Desk(binding(), live=(deployment(),), namespaces=("ai",))
    found = await desk.snapshot()
    assert (found.workload, found.workload_visible, GATEWAY in desk.asked) == (None, False, False)


async def test_siblings_are_the_oldest_of_those_that_ask_something_else_of_the_gateway() -> None:
    elsewhere = binding("elsewhere", spec_=spec(gateway={"targetRef": {"name": "another"}}))
    others = [binding(name, spec_=spec(gateway={"untrustedLua": "strict"})) for name in ("bot", "cat")]
    found = await Desk(binding(), *others, elsewhere).snapshot()
    assert [sibling.name for sibling in found.siblings] == ["bot"]


async def test_siblings_that_ask_the_same_make_no_difference() -> None:
    found = await Desk(binding(), binding("bot")).snapshot()
    assert found.siblings == ()


async def test_the_owner_of_an_ingress_on_the_same_place_is_a_sibling() -> None:
    found = await Desk(binding(), binding("bot"), ours(ingress("bot-openai", 1, ("", "/openai")), "bot")).snapshot()
    assert [sibling.name for sibling in found.siblings] == ["bot"]


async def test_a_uid_copied_into_another_namespace_makes_neither_a_sibling_nor_a_child() -> None:
    copied = [ours(ingress("copied", 1, ("", "/openai"), namespace="other"), owner) for owner in ("bot", "assistant")]
    for raw in copied:
        found = await Desk(binding(), binding("bot"), raw).snapshot()
        assert (found.siblings, dict(found.children), [shown.key for shown in found.ingresses]) == ((), {}, [key(raw)])


async def test_an_invalid_binding_has_a_snapshot_with_its_children() -> None:
    desk = Desk(binding(spec_={}), OWN)
    found = await desk.snapshot()
    assert (found.binding.spec, list(found.children), found.siblings, desk.asked) == (None, [key(OWN)], (), [])


async def test_children_are_the_owned_objects_and_those_with_a_wanted_name() -> None:
    former = ours(plugin("assistant-former-ai-proxy"))
    stranger = service("assistant-openai")
    found = await Desk(binding(), binding("bot"), former, stranger, ours(plugin("bot-opentelemetry"), "bot")).snapshot()
    assert {called: child.owner_uid for called, child in found.children.items()} == {key(former): "uid-assistant", key(stranger): None}


async def test_targets_are_those_named_and_those_that_name_our_plugins() -> None:
    other = service("other", plugins="assistant-opentelemetry")
    unrelated = service("unrelated", plugins="rate-limit")
    found = await Desk(binding(spec_=spec(ATTACHED)), OWN, service(), other, unrelated).snapshot()
    assert list(found.targets) == [CHAT, key(other)]


async def test_a_target_that_does_not_exist_is_not_among_them() -> None:
    assert (await Desk(binding(spec_=spec(ATTACHED))).snapshot()).targets == {}


async def test_plugins_on_targets_have_types_and_owners() -> None:
    target = service(plugins="rate-limit,assistant-opentelemetry,kong:auth,metrics,unknown")
    auth = plugin("auth", type_="key-auth", namespace="kong")
    found = await Desk(binding(spec_=spec(ATTACHED)), OWN, target, plugin(), auth, cluster_plugin("metrics")).snapshot()
    assert found.plugin_types == {
        "rate-limit": "rate-limiting",
        "assistant-opentelemetry": "opentelemetry",
        "kong:auth": "",
        "metrics": "prometheus",
    }
    assert found.plugin_owners == {"assistant-opentelemetry": "uid-assistant"}


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ([reference_grant("kong")], "key-auth"),
        ([reference_grant("kong", plugin="auth")], "key-auth"),
        ([reference_grant("kong", plugin="other")], ""),
        ([reference_grant("kong", source={"kind": "Ingress", "group": "networking.k8s.io"})], ""),
        ([reference_grant("kong", source={"namespace": "shop"})], ""),
        ([reference_grant("shop")], ""),
        ([reference_grant("shop"), reference_grant("kong")], "key-auth"),
    ],
    ids=["all plugins", "this plugin", "another plugin", "another kind", "another namespace", "a grant elsewhere", "one of two"],
)
async def test_a_plugin_of_another_namespace_counts_where_a_grant_lets_the_list_name_it(granted: list[Manifest], expected: str) -> None:
    auth = plugin("auth", type_="key-auth", namespace="kong")
    found = await Desk(binding(spec_=spec(ATTACHED)), service(plugins="kong:auth"), auth, *granted).snapshot()
    assert found.plugin_types == {"kong:auth": expected}


async def test_where_grants_cannot_be_read_every_plugin_counts() -> None:
    auth = plugin("auth", type_="key-auth", namespace="kong")
    desk = Desk(binding(spec_=spec(ATTACHED)), service(plugins="kong:auth"), auth)
    desk.cache.set_forbidden(REFERENCE_GRANT, None, "ReferenceGrant cannot be watched")
    found = await desk.snapshot()
    assert (found.plugin_types, found.forbidden) == ({"kong:auth": "key-auth"}, ())


async def test_a_grant_requeues_the_bindings_of_the_namespaces_that_it_names() -> None:
    desk = Desk(binding(), binding("other", namespace="shop"))
    assert desk.cache.observe(reference_grant("kong")) == frozenset({ASSISTANT})


FROM_SHOP = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}


@pytest.mark.parametrize(
    ("grant", "watched", "expected"),
    [
        ({"source": FROM_SHOP}, ("ai",), {"shop"}),
        ({"source": FROM_SHOP, "plugin": "chat"}, ("ai",), {"shop"}),
        ({"source": FROM_SHOP, "plugin": "other"}, ("ai",), set()),
        ({"source": {**FROM_SHOP, "kind": "TCPRoute"}}, ("ai",), set()),
        ({"source": FROM_SHOP, "namespace": "kong"}, ("ai", "kong"), set()),
        ({"source": FROM_SHOP}, ("ai", "shop"), set()),
        ({"source": FROM_SHOP}, (), set()),
    ],
    ids=["all Services", "this Service", "another Service", "another kind", "a grant elsewhere", "a watched namespace", "all are watched"],
)
async def test_routes_that_a_grant_lets_in_from_a_namespace_that_is_not_watched(
    grant: dict[str, Any], watched: tuple[str, ...], expected: set[str]
) -> None:
    desk = Desk(binding(spec_=spec(ATTACHED)), service(), namespaces=watched)

    requeued = desk.cache.observe(reference_grant(**{"namespace": "ai", "to": ("", "Service"), **grant}))

    assert (ASSISTANT in requeued) == (grant.get("namespace") != "kong")
    assert {name for by in (await desk.snapshot()).unseen_routes.values() for name in by} == expected


async def test_routes_of_a_watched_namespace_that_may_not_be_read_there_are_unseen() -> None:
    grant = reference_grant("ai", source=FROM_SHOP, to=("", "Service"))
    desk = Desk(binding(spec_=spec(ATTACHED)), service(), grant, namespaces=("ai", "shop"))

    assert desk.cache.set_forbidden(HTTP_ROUTE, "shop", "no") == frozenset({ASSISTANT})

    assert {name for by in (await desk.snapshot()).unseen_routes.values() for name in by} == {"shop"}


@pytest.mark.parametrize(("watched", "expected"), [(("ai",), False), ((), True)], ids=["some namespaces", "all"])
async def test_without_the_grants_the_routes_of_namespaces_that_are_not_watched_are_unknown(
    watched: tuple[str, ...], *, expected: bool
) -> None:
    desk = Desk(binding(spec_=spec(ATTACHED)), service(), namespaces=watched)
    desk.cache.set_forbidden(REFERENCE_GRANT, "ai" if watched else None, "no")
    assert (await desk.snapshot()).routes_readable is expected


async def test_grants_do_not_matter_where_the_cluster_knows_no_routes() -> None:
    desk = Desk(binding(spec_=spec(ATTACHED)), service(), namespaces=("ai",))
    desk.cache.set_forbidden(REFERENCE_GRANT, "ai", "no")
    desk.cache.set_installed(HTTP_ROUTE, installed=False)
    assert (await desk.snapshot()).routes_readable is True


async def test_a_plugin_of_a_namespace_that_is_not_watched_is_not_taken_for_the_cluster_plugin_of_its_name() -> None:
    seen = binding(spec_=spec(ATTACHED)), service(plugins="kong:metrics"), cluster_plugin("metrics")
    assert (await Desk(*seen, namespaces=("ai",)).snapshot()).plugin_types == {}


@pytest.mark.parametrize(
    ("grant", "watched", "unwatched", "unlisted"),
    [
        ("ai", ("ai", "kong"), False, True),
        ("ai, shop", ("ai", "kong"), True, True),
        ("shop", ("shop", "kong", "ai"), False, False),
        ("*", ("ai", "kong"), True, True),
        ("*", (), False, True),
        (None, ("kong", "ai"), False, False),
    ],
)
async def test_bindings_that_are_not_seen_may_use_a_gateway_if_its_owner_allows_their_namespace(
    grant: str | None, watched: tuple[str, ...], *, unwatched: bool, unlisted: bool
) -> None:
    desk = Desk(binding(), deployment(annotations={names.GRANT_ANNOTATION: grant} if grant else {}), namespaces=watched)
    workload = desk.cache.value(GATEWAY, Workload)
    assert workload
    assert desk.reader.has_unseen_tenants(workload) is unwatched

    desk.cache.set_forbidden(BINDING, "ai", "no")
    assert desk.reader.has_unseen_tenants(workload) is unlisted


async def test_a_list_in_another_namespace_is_none_of_the_bindings_though_it_names_its_plugin() -> None:
    elsewhere = service("elsewhere", plugins="ai:assistant-opentelemetry,rate-limit", namespace="aa")
    theirs = plugin(type_="acl", namespace="aa")
    found = await Desk(binding(spec_=spec(ATTACHED)), OWN, elsewhere, service(plugins="rate-limit"), theirs, plugin()).snapshot()
    assert ([str(key) for key in found.targets], found.plugin_types["rate-limit"]) == (["Service ai/chat"], "rate-limiting")


async def test_a_plugin_hides_the_cluster_plugin_of_its_name() -> None:
    target = service(plugins="rate-limit")
    found = await Desk(binding(spec_=spec(ATTACHED)), target, plugin(), cluster_plugin("rate-limit")).snapshot()
    assert found.plugin_types == {"rate-limit": "rate-limiting"}


@pytest.mark.parametrize(("granting", "expected"), [("kong", "prometheus"), ("shop", "")], ids=["granted", "not granted"])
async def test_a_cluster_plugin_takes_the_place_of_a_missing_one_of_another_namespace(granting: str, expected: str) -> None:
    seen = service(plugins="kong:metrics"), cluster_plugin("metrics"), reference_grant(granting)
    found = await Desk(binding(spec_=spec(ATTACHED)), *seen).snapshot()
    assert found.plugin_types == {"kong:metrics": expected}


async def test_global_plugins_are_those_of_the_bindings_class() -> None:
    plugins = [
        cluster_plugin("metrics"),
        cluster_plugin("internal", type_="zipkin", ingress_class="internal"),
        cluster_plugin("local", type_="cors", labels={}),
    ]
    assert (await Desk(binding(), *plugins).snapshot()).global_plugins == {"prometheus": "metrics"}


async def test_ingresses_in_its_places_are_shown_from_every_namespace() -> None:
    there = ingress("shop", 1, ("", "/openai/"), namespace="other")
    elsewhere = ingress("elsewhere", 1, ("", "/other"))
    found = await Desk(binding(), there, elsewhere).snapshot()
    assert [shown.key for shown in found.ingresses] == [key(there)]


async def test_warnings_are_those_about_its_objects_and_those_it_is_attached_to() -> None:
    seen = (binding(spec_=spec(EXPOSED, ATTACHED)), OWN, ours(ingress("assistant-openai")), plugin(), service("chat"))
    said = [("assistant-opentelemetry", "KongPlugin"), ("assistant-openai", "Ingress"), ("chat", "Service"), ("rate-limit", "KongPlugin")]
    events = (warning(name, name=f"event-{number}", kind=kind) for number, (name, kind) in enumerate(said))
    assert [shown.about.name for shown in (await Desk(*seen, *events).snapshot()).warnings] == [
        "assistant-openai",
        "assistant-opentelemetry",
        "chat",
    ]


def refusal(about: str = "alice", version: int = 5, kind: str = "KongConsumer", **more: Any) -> Manifest:
    return {**warning(about, version, kind=kind), "reason": "KongConfigurationApplyFailed", **more}


OTHERS = ingress("shop", 1, ("", "/shop"), address="192.0.2.1", namespace="shop")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (OTHERS, True),
        (ingress("shop", 1, ("", "/shop"), namespace="shop"), False),
        (ingress("shop", 1, ("", "/shop"), address="192.0.2.1", ingress_class="nginx"), False),
    ],
    ids=["an address", "nobody has an address", "of another class"],
)
async def test_a_binding_sees_whether_its_class_is_published(others: Manifest, *, expected: bool) -> None:
    assert (await Desk(binding(), others).snapshot()).class_published == expected


SUCCESS = raw_object(
    "Event",
    "kong.1",
    6,
    {"involvedObject": {"kind": "Pod", "namespace": "kong", "name": "controller"}, "reason": "KongConfigurationSucceeded"},
    namespace="kong",
    creationTimestamp="2026-01-01T00:00:07Z",
)
LIMITED = ingress("shop", 1, plugins="limits")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((refusal(),), ["alice"]),
        ((refusal("limits", kind="KongPlugin"), plugin("limits"), LIMITED), ["limits"]),
        ((refusal("limits", kind="KongPlugin"), plugin("limits"), consumer("alice", 1, plugins="limits", namespace="ai")), ["limits"]),
        ((refusal("limits", kind="KongPlugin"), plugin("limits"), consumer("a", 1, "limits", ingress_class="nginx", namespace="ai")), []),
        ((refusal("limits", kind="KongPlugin"), plugin("limits")), []),
        ((refusal("limits", kind="KongPlugin"), plugin("limits", 6), LIMITED), []),
        ((refusal("limits", kind="KongPlugin"), plugin("limits"), ingress("shop", 1, plugins="limits", ingress_class="nginx")), []),
        ((refusal("shop", kind="Ingress"), LIMITED), ["shop"]),
        ((refusal("shop", kind="Ingress"),), []),
        ((refusal(), SUCCESS), []),
        ((refusal(version=7), SUCCESS), ["alice"]),
        ((refusal(), {**SUCCESS, "metadata": {**SUCCESS["metadata"], "namespace": "elsewhere"}}), ["alice"]),
        ((refusal(), {**SUCCESS, "reason": "FallbackKongConfigurationSucceeded"}), ["alice"]),
    ],
    ids=[
        "of a kind that shows no class",
        "a plugin on a list",
        "a plugin of a consumer",
        "a plugin of a consumer of another class",
        "a plugin on no list any more",
        "a plugin that was changed since",
        "a plugin of another class",
        "an Ingress",
        "an Ingress that is gone",
        "over",
        "begun again",
        "another gateway's success",
        "the last good configuration is none",
    ],
)
async def test_a_binding_sees_what_freezes_its_gateway(seen: tuple[Manifest, ...], expected: list[str]) -> None:
    found = await Desk(binding(), *seen).snapshot()
    assert [warning.about.name for warning in found.refusals] == expected


async def test_a_binding_sees_when_its_gateway_took_everything() -> None:
    assert (await Desk(binding(), SUCCESS).snapshot()).taken_at == FROM_THEN + 7
    assert (await Desk(binding()).snapshot()).taken_at == 0


async def test_a_missing_kind_is_shown() -> None:
    desk = Desk(binding())
    desk.cache.set_installed(KINDS["KongPlugin"], installed=False)
    assert not (await desk.snapshot()).kong_installed


async def test_a_gateway_is_gathered_with_the_oldest_of_each_demand_oldest_first() -> None:
    strict = spec(gateway={"untrustedLua": "strict"})
    younger = [binding(name, spec_=strict, creationTimestamp="2026-02-01T00:00:00Z") for name in ("young", "z")]
    desk = Desk(*younger, binding("b"), binding("a"), live=(deployment(),))
    workload, bindings = await desk.reader.gather_workload(GATEWAY)
    assert workload is not None
    assert [found.name for found in bindings] == ["a", "young"]


async def test_a_gateway_that_does_not_exist_still_has_bindings() -> None:
    workload, bindings = await Desk(binding()).reader.gather_workload(GATEWAY)
    assert (workload, len(bindings)) == (None, 1)


async def test_a_gateway_in_a_namespace_not_watched_is_not_asked_for() -> None:
    desk = Desk(binding(), live=(deployment(),), namespaces=("ai",))
    assert (await desk.reader.gather_workload(GATEWAY))[0] is None
    assert desk.asked == []


async def test_routes_are_those_to_targets_and_own_services_with_the_types_of_their_plugins() -> None:
    chat = http_route("split", 1, "chat", "canary", plugins="rate-limit")
    own = leading(ingress("front"), "assistant-openai")
    seen = (binding(spec_=spec(EXPOSED, ATTACHED)), service(), ours(service("assistant-openai", plugins="x")), plugin())
    found = await Desk(*seen, chat, own, http_route("other", 1, "web")).snapshot()
    assert [str(route.key) for route in found.routes] == ["HTTPRoute ai/split", "Ingress ai/front"]
    assert found.plugin_types == {"rate-limit": "rate-limiting"}


async def test_a_target_of_a_binding_is_known_by_its_owner() -> None:
    found = await Desk(binding(spec_=spec(ATTACHED)), binding("bot"), ours(service(plugins="x"), "bot")).snapshot()
    assert found.target_owners == {CHAT: "bot"}


async def test_ingress_classes_are_known_where_they_may_be_read() -> None:
    kong = raw_object("IngressClass", "kong", annotations={"ingressclass.kubernetes.io/is-default-class": "true"})
    kong["spec"] = {"controller": "ingress-controllers.konghq.com/kong"}
    desk = Desk(binding(), kong, raw_object("IngressClass", "nginx"))
    found = await desk.snapshot()
    assert (found.ingress_classes, found.kong_classes) == ({"kong": True, "nginx": False}, frozenset({"kong"}))
    desk.cache.set_forbidden(INGRESS_CLASS, None, "no")
    found = await desk.snapshot()
    assert (found.ingress_classes, found.kong_classes) == ({}, frozenset())


async def test_a_snapshot_says_what_cannot_be_read() -> None:
    desk = Desk(binding())
    found = await desk.snapshot()
    assert (found.routes_readable, found.cluster_plugins_readable) == (True, True)
    requeued = desk.cache.set_forbidden(HTTP_ROUTE, "ai", "no")
    desk.cache.set_forbidden(KONG_CLUSTER_PLUGIN, None, "no")
    found = await desk.snapshot()
    assert (requeued, found.routes_readable, found.cluster_plugins_readable) == (frozenset({ASSISTANT}), False, False)


TO_ROUTE = {"name": "split", "attachTo": {"kind": "HTTPRoute", "name": "split"}}


async def test_http_routes_that_may_not_be_read_hold_back_only_bindings_that_name_one() -> None:
    desk = Desk(binding(), binding("other", spec_=spec(TO_ROUTE)), http_route("split", 1, "chat"))
    desk.cache.set_forbidden(HTTP_ROUTE, None, "HTTPRoute cannot be watched")
    found = [await desk.reader.gather(ObjectKey("FiddlerKongBinding", "ai", name)) for name in ("assistant", "other")]
    assert [(seen.forbidden, bool(seen.lists_forbidden)) for seen in found if seen] == [
        ((), False),
        (("HTTPRoute cannot be watched",), True),
    ]


async def test_a_gateway_api_that_is_installed_later_is_noticed() -> None:
    desk = Desk(binding(spec_=spec(TO_ROUTE)))
    desk.cache.set_installed(HTTP_ROUTE, installed=False)
    before = await desk.snapshot()
    requeued = desk.cache.set_installed(HTTP_ROUTE, installed=True) | desk.cache.observe(http_route("split", 1, "chat"))
    after = await desk.snapshot()
    assert (before.routes_installed, after.routes_installed, requeued) == (False, True, frozenset({ASSISTANT}))
    assert [str(key) for key in after.targets] == ["HTTPRoute ai/split"]


async def test_an_http_route_with_a_plugin_of_the_binding_is_among_its_targets() -> None:
    desk = Desk(binding(), ours(plugin("assistant-opentelemetry")), http_route("former", 1, "web", plugins="assistant-opentelemetry"))
    assert [str(key) for key in (await desk.snapshot()).targets] == ["HTTPRoute ai/former"]


async def test_an_own_http_route_that_another_implementation_claims_requeues_its_binding() -> None:
    on_gateway = {**EXPOSED, "expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}}
    desk = Desk(binding(spec_=spec(on_gateway)), ours(http_route("assistant-openai", 1, "assistant-openai")))
    claim = {"parentRef": {"name": "kong"}, "controllerName": "example.com/gateways", "conditions": []}
    claimed = {**ours(http_route("assistant-openai", 2, "assistant-openai")), "status": {"parents": [claim]}}

    assert ASSISTANT in desk.cache.observe(claimed)
    assert (await desk.snapshot()).targets[ObjectKey("HTTPRoute", "ai", "assistant-openai")].foreign


async def test_an_http_route_on_an_exposed_place_is_among_the_ingresses() -> None:
    seen = (http_route("web", 1, "chat", paths=["/openai"]), http_route("other", 1, "chat", paths=["/else"]))
    found = await Desk(binding(spec_=spec(EXPOSED)), *seen).snapshot()
    assert [str(route.key) for route in found.ingresses] == ["HTTPRoute ai/web"]


async def test_regular_expressions_of_the_class_are_among_the_ingresses() -> None:
    found = await Desk(binding(), ingress("web", 1, ("", "/~/.*")), ingress("other", 1, ("", "/~/.*"), ingress_class="nginx")).snapshot()
    assert [shown.key.name for shown in found.ingresses] == ["web"]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((consumer("alice", plugins="tracing"),), ["KongConsumer shop/alice tracing opentelemetry"]),
        ((consumer("gold", plugins="tracing", kind="KongConsumerGroup"),), ["KongConsumerGroup shop/gold tracing opentelemetry"]),
        ((consumer("alice", plugins="limit, shop:tracing"),), ["KongConsumer shop/alice shop:tracing opentelemetry"]),
        ((consumer("alice", plugins="tracing", namespace="other"),), []),
        ((consumer("alice", plugins="limit"),), []),
        ((consumer("alice", plugins="tracing", ingress_class="internal"),), []),
        ((consumer("alice", plugins="tracing", ingress_class=None),), ["KongConsumer shop/alice tracing opentelemetry"]),
        ((consumer("alice", plugins="tracing", ingress_class=None), raw_object("IngressClass", "kong")), []),
        ((consumer("alice", plugins="tracing"), service("web", plugins="tracing", namespace="shop")), []),
    ],
    ids=["consumer", "group", "qualified", "elsewhere", "of another type", "other class", "no class", "no default", "only on a Service"],
)
async def test_plugins_of_the_types_of_a_binding_that_consumers_of_its_class_list(seen: tuple[Manifest, ...], expected: list[str]) -> None:
    plugins = (plugin("tracing", type_="opentelemetry", namespace="shop"), plugin("limit", namespace="shop"))
    found = (await Desk(binding(), *plugins, *seen).snapshot()).consumer_plugins
    assert [f"{listed.consumer} {listed.plugin} {listed.type}" for listed in found] == expected


FREEZING = ingress("front", 1, ("", "/x"), plugins="rate-limit, rate-limit")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((FREEZING, plugin()), ["Ingress ai/front"]),
        ((http_route("front", 1, "chat", plugins="rate-limit,rate-limit"), plugin()), ["HTTPRoute ai/front"]),
        ((service(plugins="rate-limit,rate-limit"), leading(ingress("front"), "chat"), plugin()), ["Service ai/chat"]),
        ((service(plugins="rate-limit,rate-limit"), plugin()), []),
        ((service(plugins="rate-limit,rate-limit"), leading(ingress("front", ingress_class="nginx"), "chat"), plugin()), []),
        ((FREEZING,), []),
        ((ingress("front", 1, ("", "/x"), plugins="rate-limit,rate-limit", ingress_class="nginx"), plugin()), []),
    ],
    ids=[
        "an Ingress",
        "an HTTPRoute",
        "a Service in use",
        "one that nothing leads to",
        "one of another class",
        "no plugin",
        "another class",
    ],
)
async def test_what_freezes_the_gateway_is_found(seen: tuple[Manifest, ...], expected: list[str]) -> None:
    found = await Desk(binding(), *seen).snapshot()
    assert [(str(key), name) for key, name in found.frozen_by] == [(key, "rate-limit") for key in expected]
