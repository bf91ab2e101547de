from __future__ import annotations

import asyncio
import base64
import traceback

import pytest

from fiddler_kong_operator.errors import Conflict, FiddlerKongError, NotLeader, Refused, Stale, Stalled, Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from tests.unit.observe.objects import ours, plugin
from tests.unit.write.bench import Bench, answering, refusing

OWN = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")

# Redaction


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
async def test_keys_are_redacted_from_errors(error: type[FiddlerKongError], message: str, expected: str) -> None:
    bench = Bench(key_value=b"sk-secret-key\n")
    bench.cluster.before = refusing("KongPlugin", error(message, 422) if error is Refused else error(message))
    with pytest.raises(error) as caught:
        await bench.apply(BindingPlan((bench.plugin(),)))
    assert str(caught.value) == expected
    assert "sk-" not in "".join(traceback.format_exception(caught.value))


async def test_a_key_that_begins_with_another_is_redacted_whole() -> None:
    bench = Bench(key_value=b"sk-openai-key-of-acme")
    bench.cluster.before = refusing("KongPlugin", Refused("sk-openai-key-of-acme", 422))
    with pytest.raises(Refused) as caught:
        await bench.apply(BindingPlan((bench.plugin(),)))
    assert (str(caught.value), caught.value.status) == ("[redacted]", 422)


async def test_keys_are_redacted_from_a_refused_deletion() -> None:
    bench = Bench(ours(plugin("assistant-opentelemetry")))
    bench.cluster.before = refusing("KongPlugin", Refused("sk-secret-key", 422))
    with pytest.raises(Refused, match=r"^\[redacted\]$"):
        await bench.apply(BindingPlan(), [OWN])


async def test_a_short_key_of_the_stored_secret_is_redacted() -> None:
    bench = Bench()
    await bench.apply(BindingPlan((bench.secret(base64.b64encode(b'"Bearer tulips"').decode()),)))
    bench.cluster.before = refusing("Secret", Refused("Bearer tulips must not be replaced", 403))
    with pytest.raises(Refused) as caught:
        await bench.apply(BindingPlan((bench.secret(),)))
    assert str(caught.value) == "[redacted] must not be replaced"
    assert "tulips" not in "".join(traceback.format_exception(caught.value))


async def test_short_values_are_no_keys() -> None:
    bench = Bench(key_value=b"a")
    bench.cluster.before = refusing("KongPlugin", Refused("a bad plugin", 422))
    with pytest.raises(Refused, match=r"^a bad plugin$"):
        await bench.apply(BindingPlan((bench.plugin(),)))


# Several failures of one stage


def stage(bench: Bench) -> BindingPlan:
    """Three plugins, which are written at once."""
    types = {"opentelemetry": "opentelemetry", "pre-function": "pre-function", "openai-ai-proxy": "ai-proxy"}
    return BindingPlan(tuple((bench.plugin(f"assistant-{suffix}", type_) for suffix, type_ in types.items())))


async def failure(*errors: Exception | None, stranger: str = "") -> Exception:
    """The error of a pass in which the plugins get these answers, in their order; a stranger may own one of the names."""
    bench = Bench(*([plugin(stranger)] if stranger else []))
    plan = stage(bench)
    named = zip((desired.key.name for desired in plan.objects), errors, strict=False)
    bench.cluster.before = answering({name: error for name, error in named if error})
    (found,) = await asyncio.gather(bench.apply(plan), return_exceptions=True)
    assert isinstance(found, Exception)
    return found


async def test_all_refused_objects_of_a_stage_are_reported() -> None:
    found = await failure(Refused("one: no", 422), None, Refused("three: no sk-secret-key", 403))
    assert isinstance(found, Refused)
    assert (str(found), found.status) == ("one: no; three: no [redacted]", 422)


async def test_a_taken_name_and_a_refused_object_are_both_reported() -> None:
    found = await failure(None, Refused("two: no", 422), stranger="assistant-opentelemetry")
    assert isinstance(found, Stalled)
    assert (found.reason, "KongPlugin ai/assistant-opentelemetry" in str(found), "two: no" in str(found)) == ("NameTaken", True, True)


async def test_refusals_with_the_same_text_are_reported_once() -> None:
    assert str(await failure(*(Refused("quota exceeded", 403) for _ in range(3)))) == "quota exceeded"


REFUSED = Refused("no", 422)
BUG = ValueError("a bug")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((REFUSED, Transient("busy")), Transient),
        ((REFUSED, Stale("changed")), Stale),
        ((REFUSED, REFUSED, NotLeader("lost")), NotLeader),
        ((Transient("busy"), NotLeader("lost")), NotLeader),
        ((Transient("busy"), REFUSED, BUG), ValueError),
        ((NotLeader("lost"), BUG), ValueError),
        ((BUG, NotLeader("lost"), Transient("busy")), ValueError),
    ],
    ids=lambda value: "-".join(type(error).__name__ for error in value) if isinstance(value, tuple) else "",
)
async def test_a_bug_a_lost_lease_and_passing_failures_take_precedence_in_this_order(
    errors: tuple[Exception, ...], expected: type[Exception]
) -> None:
    assert type(await failure(*errors)) is expected


async def test_an_object_is_written_beside_a_refused_one() -> None:
    bench = Bench()
    plan = stage(bench)
    bench.cluster.before = refusing(plan.objects[0].key.name, Refused("no", 422))
    with pytest.raises(Refused):
        await bench.apply(plan)
    assert [desired.key in bench.cluster.objects for desired in plan.objects] == [False, True, True]


# Others


async def test_the_pause_that_a_server_asks_for_is_passed_on() -> None:
    bench = Bench()
    bench.cluster.before = refusing("KongPlugin", Transient("busy", 7.0))
    with pytest.raises(Transient) as caught:
        await bench.apply(BindingPlan((bench.plugin(),)))
    assert caught.value.retry_after == 7.0


async def test_a_lost_lease_ends_the_work() -> None:
    bench = Bench()
    bench.cluster.before = refusing("KongPlugin", NotLeader("lost"))
    with pytest.raises(NotLeader):
        await bench.apply(BindingPlan((bench.secret(), bench.plugin(), bench.service())))
    assert [key.kind for _, key in bench.cluster.writes] == ["Secret", "KongPlugin"]
