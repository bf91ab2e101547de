"""Deletion, and the finalizer: held exactly while one of our plugins is attached to an object of others."""

from __future__ import annotations

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Refused, Stale, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.kinds import SERVICE
from fiddler_kong_operator.reconcile.failures import BRIEF
from fiddler_kong_operator.reconcile.gateway import REFUSED_RETRY
from tests.unit.observe.objects import ASSISTANT
from tests.unit.reconcile.stages import ATTACHED, Stage, attaching, elapse, exposing

CHAT = ObjectKey("Service", "ai", "chat")
PRE_FUNCTION, OPENTELEMETRY = "assistant-pre-function", "assistant-opentelemetry"
OURS = f"assistant-chat-ai-proxy,{PRE_FUNCTION},{OPENTELEMETRY}"
HELD = f"finalizers {names.FINALIZER}"
THEIRS = "example.com/theirs"


async def test_the_finalizer_is_there_before_anything_is_attached() -> None:
    stage = attaching("rate-limit")

    await stage.reconcile()

    assert [HELD, f"list Service ai/chat rate-limit,{OURS}"] == [line for line in stage.log if line.startswith(("fin", "list"))]
    assert stage.log[0] == HELD


async def test_while_attached_nothing_is_written() -> None:
    stage = attaching()
    await stage.converge()

    assert await stage.reconcile() is None

    assert stage.log == []
    assert stage.finalizers == [names.FINALIZER]


async def test_without_the_finalizer_nothing_is_attached() -> None:
    stage = attaching()
    stage.errors["FiddlerKongBinding"] = Stale("patch FiddlerKongBinding ai/assistant: the object has been modified")

    with pytest.raises(Stale):
        await stage.reconcile()

    assert stage.log == []


async def test_the_finalizer_goes_in_the_pass_after_the_detaching() -> None:
    stage = attaching("rate-limit")
    await stage.converge()
    stage.edit()

    assert await stage.reconcile() == 1.0
    first = stage.drain()
    await stage.reconcile()

    assert "list Service ai/chat rate-limit" in first
    assert [line for line in first if line.startswith("finalizers")] == []
    assert stage.log == ["finalizers -"]


async def test_the_finalizer_stays_where_a_new_process_may_not_see_the_lists() -> None:
    stage = attaching()
    await stage.converge()
    target = stage.cluster.objects.pop(CHAT)
    stage = stage.restarted()
    stage.cluster.objects[CHAT] = target
    stage.read_errors["chat"] = Refused("get Service ai/chat: services is forbidden", 403)
    stage.feed.forbidden(SERVICE, "ai", "Service in ai cannot be watched: forbidden")

    with pytest.raises(Refused):
        await stage.reconcile()

    assert stage.finalizers == [names.FINALIZER]
    assert stage.condition("Ready") == ("False", "WatchForbidden")


async def test_finalizers_of_others_stay_when_ours_comes_and_goes() -> None:
    stage = attaching()
    stage.change(ASSISTANT, finalizers=[THEIRS])

    await stage.converge()
    assert stage.finalizers == [THEIRS, names.FINALIZER]

    stage.edit()
    await stage.converge()
    assert stage.finalizers == [THEIRS]


async def test_a_binding_that_only_exposes_never_gets_one() -> None:
    assert [line for line in await exposing().converge() if line.startswith("finalizers")] == []


async def deleted(*others: str) -> Stage:
    """A binding that was attached and is being deleted, with finalizers of others."""
    stage = attaching("rate-limit")
    stage.change(ASSISTANT, finalizers=[*others])
    await stage.converge()
    stage.request_deletion()
    return stage


async def test_deletion_detaches_then_deletes_then_lets_go() -> None:
    stage = await deleted(THEIRS)

    assert await stage.reconcile() is None

    assert stage.log == [
        "list Service ai/chat rate-limit",
        "delete KongPlugin ai/assistant-chat-ai-proxy",
        f"delete KongPlugin ai/{OPENTELEMETRY}",
        f"delete KongPlugin ai/{PRE_FUNCTION}",
        "delete Secret ai/assistant-kong-keys",
        f"finalizers {THEIRS}",
    ]


async def test_a_deleted_binding_is_not_reconciled_again() -> None:
    stage = await deleted()
    await stage.reconcile()
    stage.drain()

    assert await stage.reconcile() is None

    assert stage.log == []


async def test_deletion_with_an_invalid_spec_detaches_all_the_same() -> None:
    stage = await deleted()
    stage.change(ASSISTANT, {"spec": {"routes": []}}, generation=2)

    await stage.reconcile()

    assert (stage.log[0], stage.log[-1]) == ("list Service ai/chat rate-limit", "finalizers -")


async def test_deletion_without_our_finalizer_is_left_to_garbage_collection() -> None:
    stage = exposing()
    stage.change(ASSISTANT, finalizers=[THEIRS])
    await stage.converge()
    stage.request_deletion()

    assert await stage.reconcile() is None

    assert stage.log == []


async def test_a_deletion_whose_finalizer_somebody_removed_is_detached_all_the_same() -> None:
    stage = attaching("rate-limit")
    await stage.converge()
    stage.change(ASSISTANT, finalizers=[THEIRS])
    stage.request_deletion()
    stage.drain()

    await stage.reconcile()

    assert stage.log[0] == "list Service ai/chat rate-limit"
    assert stage.finalizers == [THEIRS]
    stage.drain()
    await stage.reconcile()
    assert stage.log == []


async def test_a_refused_detaching_keeps_the_finalizer_and_is_tried_again() -> None:
    stage = await deleted()
    stage.errors["Service"] = Refused("patch Service ai/chat: services is forbidden", 403)

    assert await stage.reconcile() == REFUSED_RETRY

    assert stage.log == ["status"]
    stage.errors.clear()
    await elapse(REFUSED_RETRY)
    await stage.reconcile()
    assert stage.log[-1] == "finalizers -"


async def test_a_deletion_that_cannot_finish_says_why_and_is_not_ready() -> None:
    stage = await deleted()
    stage.errors["Service"] = Refused("patch Service ai/chat: admission webhook: Services are frozen (OPS-9)", 403)

    await stage.reconcile()

    assert (stage.condition("Ready"), stage.condition("Stalled")) == (("False", "DeletionBlocked"), ("True", "DeletionBlocked"))
    assert "patch Service ai/chat: admission webhook: Services are frozen (OPS-9)" in stage.message("Ready")
    assert stage.condition("TraceEndpointReachable") == ("True", "Reachable")
    assert (stage.events[-1]["type"], stage.events[-1]["reason"]) == ("Warning", "DeletionBlocked")


async def test_a_deletion_that_fails_for_a_while_says_why_and_is_retried_by_the_worker() -> None:
    stage = await deleted()
    stage.errors["Service"] = Transient("patch Service ai/chat: failed calling webhook")
    for _ in range(2):
        with pytest.raises(Transient):
            await stage.reconcile()
        await elapse(BRIEF)

    assert stage.condition("Ready") == ("False", "DeletionBlocked")
    stage.errors.clear()
    await stage.reconcile()
    assert stage.log[-1] == "finalizers -"


async def test_a_refused_detaching_is_not_tried_again_before_its_pause_is_over() -> None:
    stage = await deleted()
    stage.errors["Service"] = Refused("patch Service ai/chat: services is forbidden", 403)
    await stage.reconcile()
    stage.attempts.clear()

    for _ in range(10):
        await elapse(1)
        await stage.reconcile()

    assert stage.attempts == []


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "being deleted"])
async def test_a_binding_that_is_no_more_is_not_probed(*, gone: bool) -> None:
    stage = attaching()
    await stage.converge()
    if gone:
        stage.delete(ASSISTANT)
    else:
        stage.request_deletion()

    assert await stage.reconcile() is None

    assert len(stage.probes) == 0


async def test_a_route_s_new_plugin_is_attached_and_the_old_one_detached() -> None:
    stage = attaching()
    await stage.converge()
    stage.edit(ATTACHED | {"name": "other"})

    await stage.reconcile()

    assert f"list Service ai/chat {PRE_FUNCTION},{OPENTELEMETRY},assistant-other-ai-proxy" in stage.log
    assert stage.finalizers == [names.FINALIZER]
