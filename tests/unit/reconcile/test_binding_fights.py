"""Other writers of our objects and of the lists that we are attached to."""

from __future__ import annotations

import base64

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused, Stale
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.reconcile.binding import REPAIR_LIMIT, REPAIR_WINDOW
from fiddler_kong_operator.reconcile.report import NOTICES
from tests.unit.observe.objects import ASSISTANT, CHAT, OPENAI, plugin, service
from tests.unit.reconcile.stages import Stage, attaching, elapse, exposing

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
OTHER = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")
KEYS = ObjectKey("Secret", "ai", "assistant-kong-keys")
REPAIRED = f"merge_patch {PLUGIN}"


def rotate(stage: Stage, value: str) -> None:
    """The user puts another key into the Secret of the model provider."""
    stage.change(OPENAI, {"data": {"api-key": base64.b64encode(value.encode()).decode()}})


def add_entry(stage: Stage) -> None:
    """Another writer adds an entry to our Secret."""
    stage.change(KEYS, {"data": {**stage.cluster.objects[KEYS]["data"], "added": "czM="}})


async def fought() -> Stage:
    """A plugin that another writer has reverted as often as it may be repaired within a minute."""
    stage = exposing()
    await stage.converge()
    await elapse(REPAIR_WINDOW)
    for _ in range(REPAIR_LIMIT):
        await elapse(1)
        stage.drift(PLUGIN)
        await stage.reconcile()
        assert stage.drain() == [REPAIRED]
    return stage


async def test_while_the_repair_holds_nothing_is_reported() -> None:
    stage = await fought()

    await stage.reconcile()

    assert (stage.log, stage.condition("Ready")) == ([], ("True", "Ready"))


async def test_an_object_that_is_reverted_again_and_again_is_left_alone_for_a_while() -> None:
    stage = await fought()
    await elapse(1)
    stage.drift(PLUGIN)

    assert await stage.reconcile() == REPAIR_WINDOW - REPAIR_LIMIT

    assert stage.log == ["status"]
    assert stage.condition("Stalled") == ("True", "ChildrenReverted")
    assert stage.message("PluginsProgrammed").startswith(f"{PLUGIN}: the operator wrote it 10 times within 60 s, and something changed it")
    assert stage.status["routes"] == "0/1"


@pytest.mark.parametrize(
    ("manager", "expected"),
    [("argocd-controller", "The last writer is argocd-controller: stop it"), (names.FIELD_MANAGER, "another installation of it")],
)
async def test_who_reverts_an_object_is_named(manager: str, expected: str) -> None:
    stage = await fought()
    writes = [{"manager": name, "operation": "Update", "time": "2026-01-01T00:00:00Z"} for name in {names.FIELD_MANAGER, manager}]
    stage.change(PLUGIN, {"config": {"changed": True}}, managedFields=writes)

    await stage.reconcile()

    assert expected in stage.message("PluginsProgrammed")


async def test_a_key_is_rotated_at_once_although_a_plugin_is_being_reverted() -> None:
    stage = await fought()
    stage.drift(PLUGIN)
    rotate(stage, "sk-rotated")

    await stage.reconcile()

    assert stage.log == [f"merge_patch {KEYS}", "status"]
    assert "sk-rotated" in "".join(base64.b64decode(value).decode() for value in stage.cluster.objects[KEYS]["data"].values())
    assert stage.condition("PluginsProgrammed") == ("False", "ChildrenReverted")
    assert str(PLUGIN) in stage.message("PluginsProgrammed")
    assert str(KEYS) not in stage.message("PluginsProgrammed")


async def test_the_other_objects_are_repaired_and_not_named() -> None:
    stage = await fought()
    stage.drift(PLUGIN)
    stage.drift(OTHER)

    await stage.reconcile()

    assert stage.log == [f"merge_patch {OTHER}", "status"]
    assert str(OTHER) not in stage.message("PluginsProgrammed")


async def test_after_the_window_it_is_repaired() -> None:
    stage = await fought()
    stage.drift(PLUGIN)
    wait = await stage.reconcile()
    assert wait is not None
    stage.drain()
    await elapse(wait)

    await stage.reconcile()

    assert stage.log == [REPAIRED, "status"]
    assert stage.condition("Ready") == ("True", "Ready")


async def test_editing_the_spec_again_and_again_is_no_fight() -> None:
    """Whoever edits a binding eleven times in a minute must not be told that another writer reverts its plugins."""
    stage = exposing()
    await stage.converge()

    for generation in range(2, REPAIR_LIMIT + 4):
        stage.edit(sessions={"headers": [f"X-Session-{generation}"]})
        await stage.reconcile()

    assert stage.condition("Ready") == ("True", "Ready")
    assert stage.log.count(REPAIRED) == REPAIR_LIMIT + 2


async def test_rotating_a_key_again_and_again_is_no_fight() -> None:
    stage = exposing()
    await stage.converge()

    for number in range(REPAIR_LIMIT + 2):
        rotate(stage, f"sk-rotated-{number}")
        await stage.reconcile()

    assert stage.condition("Ready") == ("True", "Ready")
    assert stage.log.count(f"merge_patch {KEYS}") == REPAIR_LIMIT + 2


async def test_attempts_that_wrote_nothing_are_no_fight() -> None:
    """Seen: a binding deleted and created again waited a minute for objects that had been garbage-collected long before."""
    stage = exposing()
    stage.errors["KongPlugin"] = Stale("left from a deleted binding of this name")
    for _ in range(REPAIR_LIMIT + 2):
        with pytest.raises(Stale):
            await stage.reconcile()
    stage.errors.clear()

    await stage.converge()

    assert stage.condition("Ready") == ("True", "Ready")


async def test_an_attachment_list_that_is_reset_again_and_again_is_left_alone_too() -> None:
    stage = attaching("rate-limit")
    await stage.converge()
    await elapse(REPAIR_WINDOW)
    for _ in range(REPAIR_LIMIT):
        stage.put(service(CHAT.name, plugins="rate-limit"))
        await stage.reconcile()
    stage.drain()
    stage.put(service(CHAT.name, plugins="rate-limit"))

    assert await stage.reconcile() == REPAIR_WINDOW

    assert stage.log == ["status"]
    assert stage.condition("PluginsProgrammed") == ("False", "ChildrenReverted")
    assert str(CHAT) in stage.message("PluginsProgrammed")


async def test_an_entry_that_is_added_to_the_secret_again_and_again_is_left_alone_too() -> None:
    stage = exposing()
    await stage.converge()
    await elapse(REPAIR_WINDOW)
    for _ in range(REPAIR_LIMIT):
        add_entry(stage)
        await stage.reconcile()
        assert stage.drain() == [f"merge_patch {KEYS}"]
    add_entry(stage)

    assert await stage.reconcile() == REPAIR_WINDOW

    assert stage.log == ["status"]
    assert stage.condition("PluginsProgrammed") == ("False", "ChildrenReverted")


async def test_many_passes_over_a_ready_binding_are_no_fight() -> None:
    stage = exposing()
    await stage.converge()

    for _ in range(2 * REPAIR_LIMIT):
        await stage.reconcile()

    assert stage.log == []


def default_a_field(raw: Manifest) -> None:
    """The server adds a field to every plugin."""
    if raw["kind"] == "KongPlugin":
        raw["instance_name"] = "added"


async def test_a_default_that_the_server_adds_is_no_fight() -> None:
    stage = exposing()
    stage.cluster.defaults = default_a_field
    await stage.converge()

    for _ in range(2 * REPAIR_LIMIT):
        await stage.reconcile()

    assert (stage.log, stage.condition("Ready")) == ([], ("True", "Ready"))


def clash(stage: Stage) -> None:
    """A user adds a second plugin of a type of ours to the target."""
    stage.put(plugin("theirs", type_="opentelemetry"))
    listed = stage.cluster.objects[CHAT]["metadata"]["annotations"]["konghq.com/plugins"]
    stage.change(CHAT, annotations={"konghq.com/plugins": ",".join(filter(None, (listed, "theirs")))})


async def test_ours_leave_a_target_where_another_plugin_of_a_type_turns_up() -> None:
    stage = attaching()
    await stage.converge()
    clash(stage)

    await stage.reconcile()

    assert stage.log == ["list Service ai/chat theirs", "status"]
    assert stage.condition("Ready") == ("False", "PluginClash")


async def test_a_fight_about_leaving_ends_as_any_other() -> None:
    """Two plugins of a type freeze the gateway for all; but whoever puts ours back a hundred times will do so again."""
    stage = attaching("")
    await stage.converge()
    clash(stage)
    for _ in range(REPAIR_LIMIT):
        await stage.reconcile()
        assert stage.drain()[0] == "list Service ai/chat theirs"
        stage.change(CHAT, annotations={"konghq.com/plugins": f"{OTHER.name},theirs"})

    assert await stage.reconcile() == REPAIR_WINDOW

    assert stage.drain() == ["status"]
    assert [stage.condition(kind)[1] for kind in ("Accepted", "PluginsProgrammed")] == ["PluginClash", "ChildrenReverted"]
    await elapse(REPAIR_WINDOW)
    await stage.reconcile()
    assert stage.drain()[0] == "list Service ai/chat theirs"


async def test_reverts_count_although_another_object_is_refused() -> None:
    stage = exposing()
    await stage.converge()
    await elapse(REPAIR_WINDOW)
    stage.delete(OTHER)
    stage.errors[OTHER.name] = Refused(f"create {OTHER}: not admitted", 400)
    for _ in range(REPAIR_LIMIT):
        stage.drift(PLUGIN)
        await stage.reconcile()
    stage.drain()

    stage.drift(PLUGIN)
    await stage.reconcile()

    assert REPAIRED not in stage.log


async def test_a_status_that_is_changed_again_and_again_is_left_alone_for_a_while() -> None:
    stage = exposing()
    await stage.converge()
    await elapse(REPAIR_WINDOW)
    wake = None
    for _ in range(REPAIR_LIMIT + 1):
        assert wake is None
        await elapse(1)
        stage.change(ASSISTANT, {"status": {"conditions": []}})
        wake = await stage.reconcile()

    assert (wake, stage.status) == (REPAIR_WINDOW - REPAIR_LIMIT, {"conditions": []})


async def test_a_status_is_repaired_after_the_pause() -> None:
    stage = exposing()
    await stage.converge()
    for _ in range(REPAIR_LIMIT + 1):
        stage.change(ASSISTANT, {"status": {"conditions": []}})
        wake = await stage.reconcile()

    await elapse(wake or 0)
    await stage.reconcile()

    assert stage.condition("Ready") == ("True", "Ready")


async def test_a_status_that_alternates_for_good_reasons_is_no_fight() -> None:
    """A Secret that is flipped ten times a minute, say: every status is the operator's own."""
    stage = exposing()
    await stage.converge()
    for number in range(REPAIR_LIMIT + 2):
        rotate(stage, "${KEY}" if number % 2 == 0 else "sk-test")
        assert await stage.reconcile() is None
        await elapse(1)
        assert stage.condition("SecretsResolved")[0] == ("False" if number % 2 == 0 else "True")


async def test_a_field_that_another_client_adds_to_the_status_is_removed_at_once() -> None:
    stage = exposing()
    await stage.converge()
    stage.change(ASSISTANT, {"status": {**stage.status, "phase": "Running"}})

    await stage.reconcile()

    assert "phase" not in stage.status


async def test_a_repair_is_told_in_an_event_that_names_the_object() -> None:
    stage = exposing()
    await stage.converge()
    stage.drift(PLUGIN)
    await stage.reconcile()

    assert [(event["type"], event["reason"]) for event in stage.events] == [("Normal", "ChildRepaired")]
    assert str(PLUGIN) in stage.events[0]["message"]


@pytest.mark.parametrize("change", ["the spec", "a key"])
async def test_a_change_that_a_user_wants_is_no_repair(change: str) -> None:
    stage = exposing()
    await stage.converge()
    if change == "the spec":
        stage.edit(sessions={"headers": ["X-Other"]})
    else:
        rotate(stage, "sk-rotated")
    await stage.reconcile()

    assert stage.events == []


async def test_repairs_leave_room_for_other_events() -> None:
    stage = await fought()

    assert len(stage.events) == NOTICES


async def test_a_plugin_on_an_object_that_no_binding_names_is_removed_with_an_event() -> None:
    stage = exposing()
    await stage.converge()
    stage.put(service("shop", plugins=OTHER.name))

    await stage.reconcile()

    assert "list Service ai/shop -" in stage.log
    assert [event["reason"] for event in stage.events] == ["PluginsDetached"]
    assert "Service ai/shop" in stage.events[0]["message"]


async def test_the_status_follows_a_spec_that_is_edited_again_and_again() -> None:
    stage = exposing()
    await stage.converge()
    for _ in range(REPAIR_LIMIT + 1):
        stage.edit()
        await stage.reconcile()

    assert stage.status["observedGeneration"] == stage.cluster.objects[ASSISTANT]["metadata"]["generation"]


def append_corporate(raw: Manifest) -> None:
    """An admission policy that appends a plugin to the list of each Service."""
    annotations = raw["metadata"].get("annotations") or {}
    names = annotations.get("konghq.com/plugins", "").split(",")
    if raw["kind"] == "Service" and "corporate" not in names:
        annotations["konghq.com/plugins"] = ",".join([*filter(None, names), "corporate"])


def listed(stage: Stage) -> str:
    return str(stage.cluster.objects[ObjectKey("Service", "ai", "assistant-openai")]["metadata"]["annotations"]["konghq.com/plugins"])


async def test_ours_leaves_an_own_service_to_which_a_policy_adds_one_of_its_type() -> None:
    stage = exposing()
    stage.put(plugin("corporate", type_="opentelemetry"))
    stage.cluster.defaults = append_corporate

    await stage.reconcile()
    assert ASSISTANT in stage.woken
    await stage.converge()

    assert stage.condition("Accepted") == ("False", "PluginClash")
    assert listed(stage) == "assistant-openai-ai-proxy,assistant-pre-function,corporate"
    assert (await stage.converge(), await stage.restarted().converge()) == ([], [])


async def test_a_plugin_that_a_policy_adds_and_that_does_no_harm_is_left_alone() -> None:
    stage = exposing()
    stage.put(plugin("corporate"))
    stage.cluster.defaults = append_corporate

    await stage.converge()

    assert stage.condition("Ready") == ("True", "Ready")
    assert (listed(stage).endswith(",corporate"), await stage.converge()) == (True, [])


async def test_a_plugin_that_a_person_adds_to_an_own_service_is_taken_off() -> None:
    stage = exposing()
    stage.put(plugin("theirs", type_="opentelemetry"))
    await stage.converge()
    before = listed(stage)

    stage.change(
        ObjectKey("Service", "ai", "assistant-openai"),
        annotations={"konghq.com/protocol": "https", "konghq.com/plugins": f"{before},theirs"},
    )
    await stage.converge()

    assert (listed(stage), stage.condition("Ready")) == (before, ("True", "Ready"))
