"""Deletion, and the finalizer: held exactly while one of our plugins stands on somebody else's object."""

from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused, Stale
from fiddler_kong_operator.reconcile.binding import REFUSED_RETRY
from tests.unit.plan.plans import AI_PROXY, ATTACHED, OPENTELEMETRY, PRE_FUNCTION, spec_of
from tests.unit.reconcile.stages import KEY, Stage, attached, exposed

OURS = f"{AI_PROXY},{PRE_FUNCTION},{OPENTELEMETRY}"
HELD = f"finalizers {names.FINALIZER}"


async def test_the_finalizer_is_there_before_anything_is_attached() -> None:
    stage = Stage(attached("rate-limit"))

    wake = await stage.reconcile()

    assert [HELD, f"list Service ai/chat rate-limit,{OURS}"] == [line for line in stage.world.log if line.startswith(("fin", "list"))]
    assert stage.world.log[0] == HELD
    assert wake == 1.0


async def test_while_attached_nothing_is_written() -> None:
    stage = Stage(attached())
    await stage.reconcile()
    stage.world.drain()

    assert await stage.reconcile() is None

    assert stage.world.log == []
    assert stage.world.current.binding.finalizers == (names.FINALIZER,)


async def test_without_the_finalizer_nothing_is_attached() -> None:
    stage = Stage(attached())
    stage.world.own_failure = Stale("patch FiddlerKongBinding ai/assistant: the object has been modified")

    with pytest.raises(Stale):
        await stage.reconcile()

    assert stage.world.log == []


async def test_the_finalizer_goes_in_the_pass_after_the_detaching() -> None:
    stage = Stage(attached("rate-limit"))
    await stage.converge()
    stage.world.change(spec=spec_of(), generation=2)

    assert await stage.reconcile() == 1.0
    first = stage.world.drain()
    assert await stage.reconcile() is None

    assert "list Service ai/chat rate-limit" in first
    assert [line for line in first if line.startswith("finalizers")] == []
    assert stage.world.log == ["finalizers -"]


async def test_finalizers_of_others_stay_when_ours_comes() -> None:
    stage = Stage(attached())
    stage.world.change(finalizers=("example.com/theirs",))

    await stage.reconcile()

    assert stage.world.current.binding.finalizers == ("example.com/theirs", names.FINALIZER)


async def test_finalizers_of_others_stay_when_ours_goes() -> None:
    stage = Stage(attached())
    stage.world.change(finalizers=("example.com/theirs",))
    await stage.converge()
    stage.world.change(spec=spec_of(), generation=2)

    await stage.converge()

    assert stage.world.current.binding.finalizers == ("example.com/theirs",)


async def test_a_binding_that_only_exposes_never_gets_one() -> None:
    stage = Stage(exposed())

    await stage.converge()

    assert stage.world.current.binding.finalizers == ()


async def test_deletion_detaches_then_deletes_then_lets_go() -> None:
    stage = Stage(attached("rate-limit"))
    await stage.converge()
    stage.world.change(deleting=True, finalizers=("example.com/theirs", names.FINALIZER))

    assert await stage.reconcile() is None

    assert stage.world.log == [
        "list Service ai/chat rate-limit",
        f"delete KongPlugin ai/{AI_PROXY}",
        f"delete KongPlugin ai/{OPENTELEMETRY}",
        f"delete KongPlugin ai/{PRE_FUNCTION}",
        "delete Secret ai/assistant-kong-keys",
        "finalizers example.com/theirs",
    ]


async def test_deletion_with_an_invalid_spec_detaches_all_the_same() -> None:
    stage = Stage(attached("rate-limit"))
    await stage.converge()
    stage.world.change(deleting=True, spec=None, invalid="routes: field required")

    await stage.reconcile()

    assert (stage.world.log[0], stage.world.log[-1]) == ("list Service ai/chat rate-limit", "finalizers -")


async def test_deletion_without_our_finalizer_is_left_to_garbage_collection() -> None:
    stage = Stage(exposed())
    await stage.converge()
    stage.world.change(deleting=True, finalizers=("example.com/theirs",))

    assert await stage.reconcile() is None

    assert stage.world.log == []


async def test_a_refused_detaching_keeps_the_finalizer_and_is_tried_again() -> None:
    stage = Stage(attached())
    await stage.converge()
    stage.world.change(deleting=True)
    stage.world.failure = Refused("patch Service ai/chat: services is forbidden", 403)

    assert await stage.reconcile() == REFUSED_RETRY

    assert stage.world.log == []
    stage.world.failure = None
    await stage.reconcile()
    assert stage.world.log[-1] == "finalizers -"


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "being deleted"])
async def test_a_binding_that_is_no_more_is_not_probed(*, gone: bool) -> None:
    stage = Stage(attached())
    await stage.converge()
    if gone:
        stage.world.snapshot = None
    else:
        stage.world.change(deleting=True)

    assert await stage.reconcile() is None

    assert (stage.probes.wanted, stage.probes.forgotten) == ({}, [KEY])


async def test_a_route_s_new_target_is_attached_and_the_old_one_detached() -> None:
    stage = Stage(attached())
    await stage.converge()
    kept = stage.world.current.binding.finalizers
    stage.world.change(spec=spec_of(ATTACHED | {"name": "other"}), generation=2)

    await stage.reconcile()

    assert f"list Service ai/chat {PRE_FUNCTION},{OPENTELEMETRY},assistant-other-ai-proxy" in stage.world.log
    assert kept == stage.world.current.binding.finalizers
