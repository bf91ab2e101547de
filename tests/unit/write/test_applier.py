from __future__ import annotations

import traceback

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Conflict, FiddlerKongError, Gone, NotLeader, Refused, Stale, Transient
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


async def test_what_is_missing_is_created_as_it_is_wanted() -> None:
    bench = Bench()
    wanted = bench.plugin(endpoint="https://acme")
    outcome = await bench.apply(BindingPlan(plugins=(wanted,)))
    assert (outcome.written, outcome.deleted) == ((wanted.key,), ())
    assert content_digest(bench.live(wanted)) == wanted.digest


async def test_a_second_pass_finds_nothing_to_do() -> None:
    bench = Bench()
    plan = BindingPlan(secret=(bench.secret(),), plugins=(bench.plugin(),), routes=(bench.service(), bench.ingress()))
    await bench.apply(plan)
    bench.cluster.calls.clear()
    assert (await bench.apply(plan)).written == ()
    assert bench.cluster.writes == []


async def test_nothing_is_written_after_a_restart() -> None:
    bench = Bench()
    await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    restarted = Bench(*bench.cluster.objects.values())
    await restarted.apply(BindingPlan(plugins=(restarted.plugin(),)))
    assert restarted.cluster.writes == []


async def test_keys_come_before_plugins_before_services_before_ingresses_before_attachments() -> None:
    bench = Bench(service())
    plan = BindingPlan((bench.secret(),), (bench.plugin(),), (bench.ingress(), bench.service()), (attachment("a"),))
    outcome = await bench.apply(plan)
    assert [written.kind for written in outcome.written] == ["Secret", "KongPlugin", "Service", "Ingress", "Service"]
    assert [called for _, called in bench.cluster.writes] == list(outcome.written)


async def test_what_comes_later_is_not_written_after_a_failure() -> None:
    bench = Bench()
    bench.cluster.before = refusing("Secret", Refused("no", 422))
    with pytest.raises(Refused):
        await bench.apply(BindingPlan((bench.secret(),), (bench.plugin(),)))
    assert bench.cluster.writes == [("create", bench.secret().key)]


async def test_a_key_goes_only_after_the_plugin_that_needs_it() -> None:
    bench = Bench()
    keys, former = bench.secret(), bench.plugin("assistant-former-ai-proxy", "ai-proxy")
    await bench.apply(BindingPlan((keys,), (former,)))
    bench.somebody_changes(keys, data={"openai": "b2xk", "former": "czM="})
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
        await bench.apply(BindingPlan(plugins=(first, second)))
    assert bench.cache.child(second.key) is not None


async def test_a_strangers_object_that_appears_meanwhile_is_never_overwritten() -> None:
    bench = Bench()
    stranger = bench.cluster.put(plugin("assistant-opentelemetry"))
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    assert bench.cluster.objects[OWN] == stranger
    child = (await bench.snapshot()).children[OWN]
    assert child.owner_uid is None


async def test_the_other_owner_is_told_when_a_name_is_found_taken() -> None:
    bench = Bench(binding("bot"))
    bench.cluster.put(ours(plugin("assistant-opentelemetry"), "bot"))
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    assert bench.woken == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


async def test_an_object_that_came_and_went_is_asked_for_again() -> None:
    bench = Bench()

    def pass_by(verb: str, key: ObjectKey) -> None:
        if verb == "create":
            raise Stale(f"{key} already exists")

    bench.cluster.before = pass_by
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    bench.cluster.before = None
    assert (await bench.apply(BindingPlan(plugins=(bench.plugin(),)))).written == (OWN,)


# Attaching


async def test_attaching_writes_the_list_and_nothing_else() -> None:
    bench = attaching()
    await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    expected = {"annotations": {names.KONG_PLUGINS_ANNOTATION: "rate-limit,ours"}, "uid": "uid-Service-chat", "resourceVersion": "1"}
    assert bench.cluster.bodies == [{"metadata": expected}]


async def test_an_empty_list_is_taken_away() -> None:
    bench = attaching()
    await bench.apply(BindingPlan(attachments=(attachment(),)))
    assert bench.cluster.objects[CHAT]["metadata"]["annotations"] == {}


async def test_other_bindings_on_the_target_are_woken_by_an_attachment() -> None:
    bench = attaching()
    await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    assert bench.woken == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


async def test_a_list_that_changed_meanwhile_is_decided_anew_by_everybody() -> None:
    bench = attaching()
    bench.cluster.put(service(plugins="other"))
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    assert (await bench.snapshot()).targets[CHAT].plugins == ("other",)
    assert bench.woken == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


async def test_a_target_that_is_gone_wakes_everybody_who_refers_to_it() -> None:
    bench = attaching()
    del bench.cluster.objects[CHAT]
    with pytest.raises(Stale):
        await bench.apply(BindingPlan(attachments=(attachment("rate-limit", "ours"),)))
    assert CHAT not in (await bench.snapshot()).targets
    assert bench.woken == [frozenset({ObjectKey("FiddlerKongBinding", "ai", "bot")})]


# Status and finalizers


async def test_status_is_applied_to_this_very_binding() -> None:
    bench = Bench()
    await bench.applier.write_status(bench.binding, {"routes": "1/1"})
    (sent,) = bench.cluster.bodies
    assert bench.cluster.writes == [("apply status by force", ASSISTANT)]
    pinned = {"name": "assistant", "namespace": "ai", "uid": "uid-assistant", "resourceVersion": "1"}
    assert (sent["metadata"], sent["status"]) == (pinned, {"routes": "1/1"})


async def test_a_status_is_for_the_version_that_was_seen_last() -> None:
    bench = Bench()
    decided_on = bench.binding
    await bench.applier.set_finalizers(decided_on, [names.FINALIZER])
    version = bench.cluster.objects[ASSISTANT]["metadata"]["resourceVersion"]
    await bench.applier.write_status(decided_on, {"routes": "1/1"})
    assert bench.cluster.bodies[-1]["metadata"]["resourceVersion"] == version


async def test_a_status_that_comes_too_late_is_followed_by_a_look_at_the_binding() -> None:
    """A watch that lags behind must not make every further attempt fail as well."""
    bench = Bench()
    newest = bench.cluster.put(bench.cluster.objects[ASSISTANT])
    bench.cluster.before = refusing("FiddlerKongBinding", Stale("changed"))
    with pytest.raises(Stale):
        await bench.applier.write_status(bench.binding, {})
    assert bench.binding.resource_version == newest["metadata"]["resourceVersion"]


async def test_the_status_of_a_deleted_binding_goes_nowhere() -> None:
    bench = Bench()
    del bench.cluster.objects[ASSISTANT]
    with pytest.raises(Gone):
        await bench.applier.write_status(bench.binding, {})


async def test_finalizers_are_replaced_and_seen_at_once() -> None:
    bench = Bench()
    await bench.applier.set_finalizers(bench.binding, ["theirs", names.FINALIZER])
    assert bench.binding.finalizers == ("theirs", names.FINALIZER)
    assert ASSISTANT not in frozenset().union(*bench.woken)


async def test_finalizers_of_a_binding_that_changed_are_not_touched() -> None:
    bench = Bench()
    before = bench.cluster.put(binding(finalizers=["theirs"]))
    with pytest.raises(Stale):
        await bench.applier.set_finalizers(bench.binding, [])
    assert bench.cluster.objects[ASSISTANT] == before


# Errors


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("config.header_value: Bearer sk-secret-key is not allowed", "config.header_value: Bearer [redacted] is not allowed"),
        ("sk-secret-key, sk-secret-key-2 and sk-openai-key", "[redacted], [redacted]-2 and [redacted]"),
        ("cut off at sk-secr", "cut off at [redacted]"),
        ("nothing to hide", "nothing to hide"),
    ],
)
@pytest.mark.parametrize("error", [Refused, Transient, Stale, Conflict])
async def test_keys_are_blotted_out_of_errors(error: type[FiddlerKongError], message: str, expected: str) -> None:
    bench = Bench(key_value=b"sk-secret-key\n")
    bench.cluster.before = refusing("KongPlugin", error(message, 422) if error is Refused else error(message))
    with pytest.raises(error) as caught:
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    assert str(caught.value) == expected
    assert "sk-" not in "".join(traceback.format_exception(caught.value))


async def test_a_key_that_begins_with_another_is_blotted_out_whole() -> None:
    bench = Bench(key_value=b"sk-openai-key-of-acme")
    bench.cluster.before = refusing("KongPlugin", Refused("sk-openai-key-of-acme", 422))
    with pytest.raises(Refused) as caught:
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    assert (str(caught.value), caught.value.status) == ("[redacted]", 422)


async def test_keys_are_blotted_out_of_a_refused_deletion() -> None:
    bench = Bench(ours(plugin("assistant-opentelemetry")))
    bench.cluster.before = refusing("KongPlugin", Refused("sk-secret-key", 422))
    with pytest.raises(Refused, match=r"^\[redacted\]$"):
        await bench.apply(BindingPlan(), [OWN])


async def test_short_values_are_no_keys() -> None:
    bench = Bench(key_value=b"a")
    bench.cluster.before = refusing("KongPlugin", Refused("a bad plugin", 422))
    with pytest.raises(Refused, match=r"^a bad plugin$"):
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))


async def test_patience_a_server_asks_for_is_passed_on() -> None:
    bench = Bench()
    bench.cluster.before = refusing("KongPlugin", Transient("busy", 7.0))
    with pytest.raises(Transient) as caught:
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))
    assert caught.value.retry_after == 7.0


async def test_a_lost_lease_ends_the_work() -> None:
    bench = Bench()
    bench.cluster.before = refusing("KongPlugin", NotLeader("lost"))
    with pytest.raises(NotLeader):
        await bench.apply(BindingPlan((bench.secret(),), (bench.plugin(),), (bench.service(),)))
    assert [key.kind for _, key in bench.cluster.writes] == ["Secret", "KongPlugin"]


@pytest.mark.parametrize("write", ["status", "finalizers"])
async def test_a_binding_that_turns_out_to_be_deleted_is_forgotten(write: str) -> None:
    bench = Bench()
    binding = bench.binding
    del bench.cluster.objects[ASSISTANT]

    with pytest.raises(Gone):
        await (bench.applier.write_status(binding, {}) if write == "status" else bench.applier.set_finalizers(binding, []))

    assert bench.cache.binding(ASSISTANT) is None


@pytest.mark.parametrize("successor", [None, "uid-of-another"])
async def test_nothing_is_made_again_for_a_binding_that_was_deleted_meanwhile(successor: str | None) -> None:
    bench = Bench()
    bench.cache.observe(bench.cluster.put({**bench.cluster.objects[ASSISTANT], "status": {"routes": "1/1"}}))
    live = bench.cluster.objects.pop(ASSISTANT)
    if successor:
        bench.cluster.put({**live, "metadata": {**live["metadata"], "uid": successor}})
    bench.cluster.calls.clear()

    with pytest.raises(Gone):
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))

    assert bench.cluster.writes == []
    assert bench.cache.binding(ASSISTANT) is None


async def test_nothing_is_made_again_for_a_binding_that_is_being_deleted() -> None:
    bench = Bench()
    bench.cache.observe(bench.cluster.put({**bench.cluster.objects[ASSISTANT], "status": {"routes": "1/1"}}))
    live = bench.cluster.objects[ASSISTANT]
    bench.cluster.put({**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    bench.cluster.calls.clear()

    with pytest.raises(Stale):
        await bench.apply(BindingPlan(plugins=(bench.plugin(),)))

    assert bench.cluster.writes == []
    assert bench.binding.deleting


async def test_a_binding_whose_last_finalizer_was_taken_away_is_gone_at_once() -> None:
    bench = Bench()
    live = bench.cluster.objects[ASSISTANT]
    metadata = {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [names.FINALIZER]}
    bench.cache.observe(bench.cluster.put({**live, "metadata": metadata}))

    await bench.applier.set_finalizers(bench.binding, ())

    assert bench.cache.binding(ASSISTANT) is None
