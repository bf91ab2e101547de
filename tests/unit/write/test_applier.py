from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Gone, Refused, Stale, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.desired import Attachment, BindingPlan
from fiddler_kong_operator.plan.objects.digest import content_digest
from tests.unit.observe.objects import ASSISTANT, CHAT, binding, ours, plugin, service, spec
from tests.unit.write.bench import Bench, refusing

OWN = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")


def attachment(*plugins: str, version: str = "1", uid: str = "uid-Service-chat") -> Attachment:
    return Attachment(CHAT, uid, version, plugins)


def attaching() -> Bench:
    """Two bindings attach to the Service `chat`."""
    route = {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}
    return Bench(binding("assistant", 2, spec(route), generation=2), binding("bot", 2, spec(route)), service(plugins="rate-limit"))


# Creating


async def test_a_missing_object_is_created_as_it_is_wanted() -> None:
    bench = Bench()
    wanted = bench.plugin(endpoint="https://acme")
    assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)
    assert content_digest(bench.live(wanted)) == wanted.digest


async def test_a_second_pass_finds_nothing_to_do() -> None:
    bench = Bench()
    plan = BindingPlan((bench.secret(), bench.plugin(), bench.service(), bench.ingress()))
    await bench.apply(plan)
    bench.cluster.calls.clear()
    assert await bench.apply(plan) == ()
    assert bench.cluster.writes == []


async def test_nothing_is_written_after_a_restart() -> None:
    bench = Bench()
    await bench.apply(BindingPlan((bench.plugin(),)))
    restarted = Bench(*bench.cluster.objects.values())
    await restarted.apply(BindingPlan((restarted.plugin(),)))
    assert restarted.cluster.writes == []


async def test_keys_come_before_plugins_before_services_before_ingresses_before_attachments() -> None:
    bench = Bench(service())
    plan = BindingPlan((bench.secret(), bench.plugin(), bench.ingress(), bench.service()), (attachment("a"),))
    written = await bench.apply(plan)
    assert [key.kind for key in written] == ["Secret", "KongPlugin", "Service", "Ingress", "Service"]
    assert tuple(called for _, called in bench.cluster.writes) == written


async def test_later_stages_are_not_written_after_a_failure() -> None:
    bench = Bench()
    bench.cluster.before = refusing("Secret", Refused("no", 422))
    with pytest.raises(Refused):
        await bench.apply(BindingPlan((bench.secret(), bench.plugin())))
    assert bench.cluster.writes == [("create", bench.secret().key)]


async def test_a_key_goes_only_after_the_plugin_that_needs_it() -> None:
    bench = Bench()
    keys, former = bench.secret(), bench.plugin("assistant-former-ai-proxy", "ai-proxy")
    await bench.apply(BindingPlan((keys, former)))
    bench.drift(keys, data={"openai": "b2xk", "former": "czM="})
    bench.cluster.calls.clear()

    await bench.apply(BindingPlan((keys,)), [former.key])

    assert bench.cluster.writes == [("merge_patch", keys.key), ("delete", former.key), ("merge_patch", keys.key)]
    assert [body["data"] for body in bench.cluster.bodies[-2:]] == [{"openai": "czM="}, {"former": None}]


async def test_a_changed_key_is_one_write() -> None:
    bench = Bench()
    await bench.apply(BindingPlan((bench.secret(),)))
    bench.cluster.calls.clear()

    await bench.apply(BindingPlan((bench.secret("bmV3"),)))

    assert bench.cluster.writes == [("merge_patch", bench.secret().key)]


async def test_writes_of_one_stage_all_end_before_an_error_is_raised() -> None:
    bench = Bench()
    first, second = bench.plugin(), bench.plugin("assistant-pre-function", "pre-function")
    bench.cluster.before = refusing(first.key.name, Transient("not now"))
    with pytest.raises(Transient):
        await bench.apply(BindingPlan((first, second)))
    assert bench.cache.child(second.key) is not None


async def test_a_strangers_object_that_appears_meanwhile_is_never_overwritten() -> None:
    bench = Bench()
    stranger = bench.cluster.put(plugin("assistant-opentelemetry"))
    with pytest.raises(Stale):
        await bench.apply(BindingPlan((bench.plugin(),)))
    assert bench.cluster.objects[OWN] == stranger
    child = (await bench.snapshot()).children[OWN]
    assert child.owner_uid is None


async def test_the_other_owner_is_requeued_when_a_name_is_found_taken() -> None:
    bench = Bench(binding("bot"))
    bench.cluster.put(ours(plugin("assistant-opentelemetry"), "bot"))
    with pytest.raises(Stale):
        await bench.apply(BindingPlan((bench.plugin(),)))
    assert bench.requeued == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


async def test_an_object_that_came_and_went_is_created_on_the_next_pass() -> None:
    bench = Bench()

    def pass_by(verb: str, key: ObjectKey) -> None:
        if verb == "create":
            raise Stale(f"{key} already exists")

    bench.cluster.before = pass_by
    with pytest.raises(Stale):
        await bench.apply(BindingPlan((bench.plugin(),)))
    bench.cluster.before = None
    assert await bench.apply(BindingPlan((bench.plugin(),))) == (OWN,)


# Attaching


async def test_attaching_writes_the_list_and_nothing_else() -> None:
    bench = attaching()
    await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    expected = {"annotations": {names.KONG_PLUGINS_ANNOTATION: "rate-limit,ours"}, "uid": "uid-Service-chat", "resourceVersion": "1"}
    assert bench.cluster.bodies == [{"metadata": expected}]


async def test_an_empty_list_is_removed() -> None:
    bench = attaching()
    await bench.apply(BindingPlan(attachments=(attachment(),)))
    assert bench.cluster.objects[CHAT]["metadata"]["annotations"] == {}


async def test_other_bindings_on_the_target_are_requeued_by_an_attachment() -> None:
    bench = attaching()
    await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    assert bench.requeued == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


async def test_a_list_that_changed_meanwhile_requeues_the_other_bindings_on_it() -> None:
    bench = attaching()
    bench.cluster.put(service(plugins="other"))
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    assert (await bench.snapshot()).targets[CHAT].plugins == ("other",)
    assert bench.requeued == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


async def test_a_target_that_is_gone_requeues_the_other_bindings_on_it() -> None:
    bench = attaching()
    del bench.cluster.objects[CHAT]
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    assert CHAT not in (await bench.snapshot()).targets
    assert bench.requeued == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


# A binding that was deleted meanwhile


@pytest.mark.parametrize("successor", [None, "uid-of-another"])
async def test_nothing_is_made_again_for_a_binding_that_was_deleted_meanwhile(successor: str | None) -> None:
    bench = Bench()
    bench.cache.observe(bench.cluster.put({**bench.cluster.objects[ASSISTANT], "status": {"routes": "1/1"}}))
    live = bench.cluster.objects.pop(ASSISTANT)
    if successor:
        bench.cluster.put({**live, "metadata": {**live["metadata"], "uid": successor}})
    bench.cluster.calls.clear()

    with pytest.raises(Gone):
        await bench.apply(BindingPlan((bench.plugin(),)))

    assert bench.cluster.writes == []
    assert bench.cache.binding(ASSISTANT) is None


async def test_nothing_is_made_again_for_a_binding_that_is_being_deleted() -> None:
    bench = Bench()
    bench.cache.observe(bench.cluster.put({**bench.cluster.objects[ASSISTANT], "status": {"routes": "1/1"}}))
    live = bench.cluster.objects[ASSISTANT]
    bench.cluster.put({**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    bench.cluster.calls.clear()

    with pytest.raises(Stale):
        await bench.apply(BindingPlan((bench.plugin(),)))

    assert bench.cluster.writes == []
    assert bench.binding.deleting


async def test_an_edit_that_is_found_before_its_event_requeues_the_binding() -> None:
    bench = Bench()
    bench.cache.observe(bench.cluster.put({**bench.cluster.objects[ASSISTANT], "status": {"routes": "1/1"}}))
    live = bench.cluster.objects[ASSISTANT]
    edited = {**live, "spec": {**live["spec"], "suspend": True}, "metadata": {**live["metadata"], "generation": 2}}
    bench.cluster.put(edited)

    await bench.apply(BindingPlan((bench.plugin(),)))

    assert bench.binding.generation == 2
    assert any(ASSISTANT in keys for keys in bench.requeued)
