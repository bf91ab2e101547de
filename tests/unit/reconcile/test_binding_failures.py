"""Writes and reads that fail for a while, and kinds that must not be watched: what the status says, and since when."""

from __future__ import annotations

import logging

import pytest

from fiddler_kong_operator.errors import FiddlerKongError, Gone, Refused, Stale, Transient
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import DEPLOYMENT, EVENT, KONG_PLUGIN, SECRET, SERVICE
from fiddler_kong_operator.reconcile.failures import BRIEF
from tests.unit.observe.objects import ASSISTANT, GATEWAY, binding, secret, spec
from tests.unit.reconcile.stages import ATTACHED, WANTED, GatewayStage, Stage, attaching, elapse, exposing, gateway, surroundings
from tests.unit.write.fake_cluster import FakeCluster

PLUGIN = ObjectKey("KongPlugin", "ai", "assistant-pre-function")
DOWN = Transient('patch KongPlugin ai/assistant-pre-function: failed calling webhook "validations.kong.konghq.com": connection refused')


async def failing(stage: Stage, which: ObjectKey = ASSISTANT, seconds: float = BRIEF) -> None:
    """Two passes that fail, that many seconds apart."""
    for pause in (seconds, 0.0):
        with pytest.raises(FiddlerKongError):
            await stage.reconcile(which)
        await elapse(pause)


# Writes


@pytest.mark.parametrize("error", [DOWN, Stale("patch KongPlugin ai/assistant-pre-function: conflict"), Gone("namespace ai not found")])
async def test_a_write_that_keeps_failing_withdraws_ready_and_says_why(error: FiddlerKongError) -> None:
    stage = exposing()
    await stage.converge()
    stage.drift(PLUGIN)
    stage.errors[PLUGIN.name] = error

    await failing(stage)

    assert (stage.condition("Ready"), stage.condition("Reconciling")) == (("False", "WriteFailing"), ("True", "WriteFailing"))
    assert stage.message("PluginsProgrammed").startswith(str(error))
    assert stage.events[-1]["reason"] == "WriteFailing"


async def test_a_write_that_must_wait_for_long_shows_at_once() -> None:
    """An API server that asks for twenty seconds (Retry-After) is not asked before, so the next pass would come too late."""
    stage = exposing()
    await stage.converge()
    stage.drift(PLUGIN)
    stage.errors[PLUGIN.name] = Transient("patch KongPlugin ai/assistant-pre-function: too many requests", 20.0)
    with pytest.raises(Transient):
        await stage.reconcile()

    assert stage.condition("Ready") == ("False", "WriteFailing")


async def test_a_write_that_fails_once_shows_in_no_status() -> None:
    stage = exposing()
    await stage.converge()
    stage.drift(PLUGIN)
    stage.errors[PLUGIN.name] = DOWN
    await failing(stage, seconds=BRIEF / 2)
    stage.errors.clear()
    await stage.reconcile()

    assert stage.log == [f"merge_patch {PLUGIN}"]


class Slow(FakeCluster):
    """Answers a creation after ten seconds, with an error."""

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        await elapse(10)
        raise Transient(f"create {kind.name} ai/{manifest['metadata']['name']}: failed calling webhook: deadline exceeded")


async def test_a_slow_failure_shows_at_once() -> None:
    """A webhook that does not answer takes ten seconds to say so."""
    stage = Stage(binding(), *surroundings(), cluster=Slow())
    with pytest.raises(Transient):
        await stage.reconcile()

    assert stage.condition("PluginsProgrammed") == ("False", "WriteFailing")


async def test_when_the_writes_succeed_again_it_is_ready() -> None:
    stage = exposing()
    stage.errors["KongPlugin"] = DOWN
    await failing(stage)
    stage.errors.clear()

    await stage.converge()

    assert stage.condition("Ready") == ("True", "Ready")


async def test_failures_with_a_success_between_them_do_not_add_up() -> None:
    stage = exposing()
    await stage.converge()
    for _ in range(3):
        stage.drift(PLUGIN)
        stage.errors[PLUGIN.name] = DOWN
        with pytest.raises(Transient):
            await stage.reconcile()
        stage.errors.clear()
        await stage.reconcile()
        await elapse(BRIEF)

    assert "status" not in stage.log


async def test_a_write_to_the_gateway_that_fails_is_shown_and_left_to_the_worker() -> None:
    stage = GatewayStage()
    error = Transient('apply Deployment kong/gateway: failed calling webhook "validate.kyverno.svc-fail": connection refused')
    stage.errors[GATEWAY.kind] = error
    with pytest.raises(Transient):
        await stage.reconcile()

    assert stage.failure[0] == "GatewayWriteFailing"
    assert str(error) in stage.failure[1]
    stage.errors.clear()
    await stage.reconcile()
    assert stage.failure == ("", "")


# Reads


@pytest.mark.parametrize(
    ("name", "condition", "reason"),
    [
        ("fiddler", "SecretsResolved", "SecretNotReadable"),
        ("gateway", "GatewayConfigured", "GatewayNotReadable"),
        ("chat", "Accepted", "TargetNotReadable"),
    ],
)
async def test_a_reference_that_cannot_be_read_is_unknown_and_nothing_is_changed(name: str, condition: str, reason: str) -> None:
    stage = Stage(binding(spec_=spec(ATTACHED)))
    for raw in surroundings():
        stage.cluster.put(raw)
    stage.read_errors[name] = Transient(f"get {name}: etcdserver: request timed out")

    await failing(stage)

    assert (stage.condition(condition), stage.condition("Ready")[0]) == (("Unknown", reason), "False" if name != "chat" else "Unknown")
    assert "etcdserver: request timed out" in stage.message(condition)
    assert stage.log == ["status"]


async def test_a_read_that_is_forbidden_shows_at_once() -> None:
    stage = Stage(binding(), gateway(WANTED), secret("openai", value=b"sk-test"))
    stage.read_errors["fiddler"] = Refused("get Secret ai/fiddler: secrets is forbidden", 403)
    with pytest.raises(Refused):
        await stage.reconcile()

    assert stage.condition("SecretsResolved") == ("Unknown", "SecretNotReadable")


# Watches


FORBIDDEN = "KongPlugin in ai cannot be watched: list KongPlugin ai: forbidden. The service account needs a Role"


async def test_a_kind_that_must_not_be_watched_holds_back_the_bindings_of_its_namespace() -> None:
    stage = exposing()
    await stage.converge()
    stage.feed.forbidden(KONG_PLUGIN, "ai", FORBIDDEN)
    assert stage.woken[-1] == ASSISTANT
    stage.drift(PLUGIN)

    await stage.converge()

    assert (stage.condition("Accepted"), stage.condition("Stalled")) == (("False", "WatchForbidden"), ("True", "WatchForbidden"))
    assert stage.message("Accepted") == f"{FORBIDDEN}."
    assert [line for line in stage.attempts if str(PLUGIN) in line] == [f"create {PLUGIN}"]


async def test_it_is_served_again_when_the_kind_is_watched() -> None:
    stage = exposing()
    await stage.converge()
    stage.feed.forbidden(KONG_PLUGIN, "ai", FORBIDDEN)
    stage.drift(PLUGIN)
    await stage.converge()
    stage.feed.forbidden(KONG_PLUGIN, "ai", None)
    assert stage.woken[-1] == ASSISTANT

    assert await stage.converge() == [f"merge_patch {PLUGIN}", "status"]
    assert stage.condition("Ready") == ("True", "Ready")


@pytest.mark.parametrize(
    ("kind", "namespace", "held"),
    [(SECRET, None, True), (SECRET, "ai", True), (SECRET, "other", False), (DEPLOYMENT, "kong", True), (SECRET, "kong", False)],
)
async def test_a_binding_depends_on_every_kind_of_its_namespace_and_on_its_workload_s(
    kind: Kind, namespace: str | None, *, held: bool
) -> None:
    stage = exposing()
    stage.feed.forbidden(kind, namespace, FORBIDDEN)
    await stage.converge()

    assert stage.condition("Accepted")[1] == ("WatchForbidden" if held else "Accepted")


async def test_a_deletion_waits_for_the_watch_since_a_target_may_not_be_seen() -> None:
    stage = attaching()
    await stage.converge()
    stage.feed.forbidden(KONG_PLUGIN, "ai", FORBIDDEN)
    stage.request_deletion()

    await stage.reconcile()

    assert (stage.condition("PluginsProgrammed"), stage.condition("Ready")[0]) == (("False", "DeletionBlocked"), "False")
    assert FORBIDDEN in stage.message("PluginsProgrammed")


async def test_a_deletion_goes_on_as_soon_as_the_lists_are_watched_again() -> None:
    stage = attaching()
    await stage.converge()
    stage.feed.forbidden(SERVICE, "ai", FORBIDDEN)
    stage.request_deletion()
    await stage.reconcile()

    stage.feed.forbidden(SERVICE, "ai", None)
    assert stage.woken[-1] == ASSISTANT
    await stage.reconcile()

    assert stage.log[-1] == "finalizers -"


@pytest.mark.parametrize("kind", [SECRET, EVENT])
async def test_a_deletion_waits_only_for_kinds_that_show_where_the_binding_is_attached(kind: Kind) -> None:
    stage = attaching()
    await stage.converge()
    stage.feed.forbidden(kind, "ai", FORBIDDEN)
    stage.request_deletion()

    await stage.reconcile()

    assert stage.log[-1] == "finalizers -"


# The log


async def test_every_transition_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage = exposing()
    with caplog.at_level(logging.INFO):
        await stage.converge()
        caplog.clear()
        stage.delete(ObjectKey("Secret", "ai", "openai"))
        await stage.reconcile()

    lines = [record.getMessage() for record in caplog.records if record.name.endswith("reconcile.report")]
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "SecretsResolved is False, SecretNotFound",
        "PluginsProgrammed is Unknown, PluginsPending",
        "TraceEndpointReachable is Unknown, ProbePending",
        "Ready is False, SecretNotFound",
        "TracesArriving is Unknown, NotLookedFor",
    ]
    assert {record.levelname for record in caplog.records} == {"INFO"}


async def test_of_a_first_status_the_log_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await exposing().converge()

    lines = [record.getMessage() for record in caplog.records if record.name.endswith("reconcile.report")]
    assert [line.partition(", ")[0] for line in lines] == ["FiddlerKongBinding ai/assistant: Ready is True"]


async def test_a_deletion_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage = attaching()
    await stage.converge()
    with caplog.at_level(logging.DEBUG):
        stage.request_deletion()
        for _ in range(2):
            await stage.reconcile()

    assert stage.log[-1] == "finalizers -"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_failed_write_to_a_gateway_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = GatewayStage()
    stage.errors[GATEWAY.kind] = Refused("apply Deployment kong/gateway: denied", 403)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            await stage.reconcile()

    lines = [record.getMessage() for record in caplog.records if record.name.endswith("reconcile.gateway_outcomes")]
    assert [line.partition(": ")[0] for line in lines] == [str(GATEWAY)]
    assert "GatewayWriteRefused" in lines[0]
