"""Refusals, fights over objects, and clashes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fiddler_kong_operator.errors import FiddlerKongError, Gone, NotLeader, Refused, Stale, Stalled, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.reconcile.binding import REFUSED_RETRY, REPAIR_LIMIT, REPAIR_WINDOW
from tests.unit.plan.plans import CHAT, SECRETS, attachable, spec_of
from tests.unit.reconcile.stages import Stage, attached, exposed

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
OTHER = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")


@pytest.mark.parametrize(
    "error",
    [
        Refused("create KongPlugin ai/assistant-pre-function: admission webhook: schema violation", 400),
        Stalled("NameTaken", "KongPlugin ai/assistant-pre-function belongs to somebody else. Schema violation or not."),
    ],
    ids=["refused", "stalled"],
)
async def test_a_refused_object_is_said_and_tried_again_in_a_minute(error: FiddlerKongError) -> None:
    stage = Stage(exposed())
    stage.world.failure = error

    assert await stage.reconcile() == REFUSED_RETRY

    assert stage.world.log == ["status"]
    assert stage.world.condition("PluginsProgrammed") == ("False", "PluginsWriteRefused")
    assert str(error) == stage.world.message("PluginsProgrammed")
    assert stage.world.condition("Stalled") == ("True", "PluginsWriteRefused")
    assert stage.world.status["routes"] == "0/1"


async def test_an_accepted_object_ends_the_refusal() -> None:
    stage = Stage(exposed())
    stage.world.failure = Refused("no", 403)
    await stage.reconcile()
    stage.world.failure = None

    assert await stage.reconcile() is None

    assert stage.world.condition("Ready") == ("True", "Ready")


@pytest.mark.parametrize("error", [Stale("old"), Transient("503"), Gone("404"), NotLeader("lost"), ZeroDivisionError()], ids=repr)
async def test_any_other_failure_is_the_workers_to_retry_and_shows_in_no_status(error: Exception) -> None:
    stage = Stage(exposed())
    stage.world.failure = error

    with pytest.raises(type(error)):
        await stage.reconcile()

    assert stage.world.log == []


async def fight(stage: Stage, key: ObjectKey, rounds: int) -> None:
    """Somebody changes an object that often, a second apart, and it is put back each time."""
    for _ in range(rounds):
        stage.clock.now += 1
        stage.world.drift(key)
        await stage.reconcile()
        assert stage.world.drain() == [f"write {key}"]


async def test_an_object_that_is_changed_back_again_and_again_is_left_alone_for_a_while() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW
    await fight(stage, PLUGIN, REPAIR_LIMIT)
    stage.clock.now += 1
    stage.world.drift(PLUGIN)

    assert await stage.reconcile() == pytest.approx(REPAIR_WINDOW - REPAIR_LIMIT)

    assert stage.world.drain() == ["status"]
    assert stage.world.condition("Stalled") == ("True", "ChildrenReverted")
    assert stage.world.message("PluginsProgrammed").startswith(f"{PLUGIN}: written 10 times within 60 s and changed back.")


async def test_changing_the_spec_again_and_again_is_no_fight() -> None:
    """Whoever edits a binding eleven times in a minute must not be told that somebody else changes its plugins back."""
    stage = Stage(exposed())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW

    for generation in range(2, REPAIR_LIMIT + 4):
        edited = spec_of(sessions={"header": f"X-Session-{generation}"})
        stage.world.change(generation=generation, spec=edited)
        await stage.reconcile()

    assert stage.world.condition("Ready") == ("True", "Ready")
    assert stage.world.log.count(f"write {PLUGIN}") == REPAIR_LIMIT + 2


async def test_rotating_a_key_again_and_again_is_no_fight() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW

    for number in range(REPAIR_LIMIT + 2):
        stage.world.snapshot = replace(stage.world.current, secrets={**SECRETS, "openai": {"api-key": f"sk-rotated-{number}".encode()}})
        await stage.reconcile()

    assert stage.world.condition("Ready") == ("True", "Ready")


async def test_attempts_that_wrote_nothing_are_no_fight() -> None:
    """Seen: a binding deleted and made again waited a minute for objects that the garbage collector had taken long before."""
    stage = Stage(exposed())
    for _ in range(REPAIR_LIMIT + 2):
        stage.world.failure = Stale("left from a deleted binding of this name")
        with pytest.raises(Stale):
            await stage.reconcile()
    stage.world.failure = None

    await stage.converge()

    assert stage.world.condition("Ready") == ("True", "Ready")


async def test_after_the_window_it_is_put_back() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW
    await fight(stage, PLUGIN, REPAIR_LIMIT)
    stage.world.drift(PLUGIN)
    wait = await stage.reconcile()
    assert wait is not None
    stage.world.drain()
    stage.clock.now += wait

    await stage.reconcile()

    assert [f"write {PLUGIN}", "status"] == stage.world.log
    assert stage.world.condition("Ready") == ("True", "Ready")


async def test_only_the_object_that_is_fought_over_is_named() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW
    await fight(stage, PLUGIN, REPAIR_LIMIT)
    stage.world.drift(PLUGIN)
    stage.world.drift(OTHER)

    await stage.reconcile()

    assert str(OTHER) not in stage.world.message("PluginsProgrammed")


async def test_an_attachment_list_that_is_reset_again_and_again_is_left_alone_too() -> None:
    stage = Stage(attached())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW
    for _ in range(REPAIR_LIMIT):
        stage.world.snapshot = replace(stage.world.current, targets=attachable("rate-limit"))
        await stage.reconcile()
    stage.world.drain()
    stage.world.snapshot = replace(stage.world.current, targets=attachable("rate-limit"))

    assert await stage.reconcile() == REPAIR_WINDOW

    assert stage.world.log == ["status"]
    assert stage.world.condition("PluginsProgrammed") == ("False", "ChildrenReverted")
    assert str(CHAT) in stage.world.message("PluginsProgrammed")


async def test_looking_often_at_what_is_as_it_should_be_is_no_fight() -> None:
    stage = Stage(exposed())
    await stage.converge()

    for _ in range(2 * REPAIR_LIMIT):
        await stage.reconcile()

    assert stage.world.log == []


async def test_a_default_that_the_server_adds_is_no_fight() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.world.drift(PLUGIN)
    stage.world.deaf = True

    for _ in range(2 * REPAIR_LIMIT):
        await stage.reconcile()

    assert (stage.world.log, stage.world.condition("Ready")) == ([], ("True", "Ready"))


def clash(stage: Stage) -> None:
    """Somebody adds a second plugin of a type of ours to the target."""
    target = stage.world.current.targets[CHAT]
    types = {**stage.world.current.plugin_types, "assistant-opentelemetry": "opentelemetry", "theirs": "opentelemetry"}
    stage.world.snapshot = replace(stage.world.current, targets=attachable(*target.plugins, "theirs"), plugin_types=types)


async def test_ours_leave_a_target_where_another_plugin_of_a_type_turns_up() -> None:
    stage = Stage(attached())
    await stage.converge()
    clash(stage)

    await stage.reconcile()

    assert stage.world.log == ["list Service ai/chat theirs", "status"]
    assert stage.world.condition("Ready") == ("False", "PluginClash")


async def test_they_leave_it_even_amid_a_fight() -> None:
    stage = Stage(attached())
    await stage.converge()
    stage.clock.now += REPAIR_WINDOW
    for _ in range(REPAIR_LIMIT):
        stage.world.snapshot = replace(stage.world.current, targets=attachable())
        await stage.reconcile()
    stage.world.drain()
    clash(stage)

    await stage.reconcile()

    assert stage.world.log[0] == "list Service ai/chat theirs"
