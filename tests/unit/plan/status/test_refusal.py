"""The circuit breaker, decided from one snapshot after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import ConditionType
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.objects.desired import Desired
from fiddler_kong_operator.plan.snapshot import Attachable, Child, KongWarning, Snapshot
from fiddler_kong_operator.plan.status.programming import evaluate_programming
from fiddler_kong_operator.plan.status.warnings import APPLY_FAILED, TRANSLATION_FAILED
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_binding, make_snapshot, make_spec

AI_PROXY = ObjectKey("KongPlugin", "kong", "assistant-openai-ai-proxy")
OPENTELEMETRY = ObjectKey("KongPlugin", "kong", "assistant-opentelemetry")
SERVICE = ObjectKey("Service", "kong", "assistant-openai")
INGRESS = ObjectKey("Ingress", "kong", "assistant-openai")
SECRET = ObjectKey("Secret", "kong", "assistant-kong-keys")
CHAT = ObjectKey("Service", "kong", "chat")
SECRETS = {"fiddler": {"api-key": b"id.secret"}, "openai": {"api-key": b"sk-test"}}
NOW = make_snapshot().now
APPLIED = NOW - 30


def applied(binding: Any, at: float = APPLIED, **more: Any) -> Snapshot:
    """Everything that the binding wants exists and is attached."""
    empty = make_snapshot(binding, secrets=SECRETS, targets={CHAT: Attachable(CHAT, "uid-target", "4")}, **more)
    plan = decide(empty).plan
    children = {d.key: _child(d, binding.uid, at) for d in plan.objects}
    names = tuple(key.name for key in children if key.kind == "KongPlugin")
    key = CHAT if binding.spec.routes[0].attach_to else SERVICE
    return replace(empty, children=children, targets={key: Attachable(key, "uid-target", "5", names, attached_at=at)})


def _child(desired: Desired, owner: str, at: float) -> Child:
    return Child(desired.key, f"uid-{desired.key.name}", "5", owner, "assistant", desired.digest, applied_at=at)


def complained(seen: Snapshot, *about: ObjectKey, reason: str = APPLY_FAILED, at: float = NOW - 5) -> Snapshot:
    return replace(seen, warnings=tuple(KongWarning(key, reason, "no such field", at) for key in about))


def listed(decision: Decision) -> dict[str, str]:
    """The lists after the decision, by kind and name of the object."""
    own = {
        d.key.name: d.manifest["metadata"]["annotations"]["konghq.com/plugins"] for d in decision.plan.objects if d.key.kind == "Service"
    }
    return {**own, **{a.target.name: ",".join(a.plugins) for a in decision.plan.attachments}}


def after(seen: Snapshot, decision: Decision, *, later: float = 60.0, **binding: Any) -> Snapshot:
    """The snapshot once the decision was carried out: Kong says nothing any more."""
    lists = {a.target: a.plugins for a in decision.plan.attachments}
    targets = {key: replace(t, plugins=lists.get(key, t.plugins), attached_at=seen.now) for key, t in seen.targets.items()}
    targets = {key: t for key, t in targets.items() if key not in decision.prune}
    children = {key: child for key, child in seen.children.items() if key not in decision.prune}
    changed = replace(seen.binding, **binding)
    return replace(seen, binding=changed, refusal=decision.refusal, now=seen.now + later, targets=targets, children=children)


EXPOSING, ATTACHING = make_binding(make_spec(EXPOSED)), make_binding(make_spec(ATTACHED))


def test_a_refused_plugin_leaves_the_list_of_our_service_and_the_route_goes_on() -> None:
    decision = decide(complained(applied(EXPOSING), OPENTELEMETRY))

    assert listed(decision) == {"assistant-openai": "assistant-openai-ai-proxy,assistant-pre-function"}
    assert decision.prune == ()


@pytest.mark.parametrize("refused", [AI_PROXY, SERVICE, INGRESS], ids=lambda key: key.kind)
def test_a_route_does_not_serve_without_what_it_needs(refused: ObjectKey) -> None:
    decision = decide(complained(applied(EXPOSING), refused))

    assert decision.prune == (INGRESS, SERVICE)
    assert "stopped exposing route openai." in shown(decision, complained(applied(EXPOSING), refused))


def test_a_refused_plugin_leaves_the_lists_of_others() -> None:
    decision = decide(complained(applied(ATTACHING), OPENTELEMETRY))

    assert listed(decision) == {"chat": "assistant-pre-function"}


def shown(decision: Decision, seen: Snapshot) -> str:
    return evaluate_programming(seen, lua_withheld=False, refusal=decision.refusal).message


def test_the_condition_has_kongs_words_and_says_what_was_done_and_how_to_go_on() -> None:
    seen = complained(applied(EXPOSING), OPENTELEMETRY)
    finding = evaluate_programming(seen, lua_withheld=False, refusal=decide(seen).refusal)

    assert (finding.reason.name, finding.reason.stalls) == ("KongRefused", True)
    assert finding.message == (
        "Kong refused KongPlugin kong/assistant-opentelemetry: no such field. So that the gateway takes changes again, the operator has "
        "detached assistant-opentelemetry. Correct the spec. To try the same again, for instance after a change of the gateway, set "
        "spec.suspend to true and back to false."
    )


def test_a_refused_plugin_that_a_filter_names_is_to_be_taken_out_by_hand() -> None:
    split = ObjectKey("HTTPRoute", "kong", "split")
    verifying = make_binding(make_spec({"name": "split", "attachTo": {"kind": "HTTPRoute", "name": "split"}}, management="Verify"))
    named = ("assistant-pre-function", "assistant-opentelemetry")
    targets = {split: Attachable(split, "u", "1", filters=named, common_filters=named)}
    seen = replace(complained(applied(ATTACHING), OPENTELEMETRY), binding=verifying, targets=targets)

    assert f"Take the filters that name assistant-opentelemetry out of {split} at once" in shown(decide(seen), seen)


@pytest.mark.parametrize("refused", [OPENTELEMETRY, AI_PROXY], ids=["a plugin", "a route"])
def test_it_stays_taken_back_when_kong_says_nothing_any_more_and_nothing_is_written_again(refused: ObjectKey) -> None:
    seen = complained(applied(EXPOSING), refused)
    first = decide(seen)
    later = replace(after(seen, first, later=3600), warnings=())
    second = decide(later)

    assert (second.refusal, listed(second), second.prune) == (first.refusal, listed(first), ())
    assert shown(second, later) == shown(first, seen)


def test_a_change_of_the_spec_is_a_new_attempt_though_kongs_warning_is_young() -> None:
    seen = complained(applied(ATTACHING), OPENTELEMETRY)
    again = after(seen, decide(seen), later=10, generation=2)

    assert listed(decide(again)) == {"chat": "assistant-pre-function,assistant-opentelemetry"}
    assert decide(again).refusal is None


def test_a_new_key_is_a_new_attempt_also_after_a_restart_between_its_writes() -> None:
    seen = complained(applied(ATTACHING), OPENTELEMETRY)
    again = after(seen, decide(seen))
    rotated = replace(again, secrets={**SECRETS, "fiddler": {"api-key": b"id.other"}})
    written = replace(again, children={**again.children, SECRET: replace(again.children[SECRET], applied_at=again.now - 1)})

    assert [decide(s).refusal for s in (rotated, written)] == [None, None]


def test_a_second_refused_plugin_is_taken_back_as_well() -> None:
    seen = complained(applied(EXPOSING), OPENTELEMETRY)
    later = after(seen, decide(seen))
    second = decide(complained(later, ObjectKey("KongPlugin", "kong", "assistant-pre-function"), at=later.now - 5))

    assert listed(second) == {"assistant-openai": "assistant-openai-ai-proxy"}
    assert second.refusal is not None
    assert second.refusal.objects == ("KongPlugin/assistant-opentelemetry", "KongPlugin/assistant-pre-function")


def test_a_warning_about_a_plugin_that_the_pass_corrects_takes_nothing_back() -> None:
    seen = complained(applied(EXPOSING), OPENTELEMETRY)
    corrected = replace(seen.children[OPENTELEMETRY], digest=b"former")

    assert decide(replace(seen, children={**seen.children, OPENTELEMETRY: corrected})).refusal is None


@pytest.mark.parametrize(
    ("about", "reason"),
    [(OPENTELEMETRY, TRANSLATION_FAILED), (CHAT, APPLY_FAILED), (ObjectKey("KongPlugin", "kong", "theirs"), APPLY_FAILED)],
    ids=["Kong's controller leaves it out", "an object of others", "a plugin of others"],
)
def test_nothing_is_taken_back_for(about: ObjectKey, reason: str) -> None:
    seen = applied(ATTACHING)
    assert decide(complained(seen, about, reason=reason)).refusal is None


def test_it_is_taken_back_from_a_binding_that_is_not_accepted_too() -> None:
    spec = make_spec(EXPOSED, suspend=True)
    seen = complained(replace(applied(EXPOSING), binding=make_binding(spec)), OPENTELEMETRY, AI_PROXY)
    decision = decide(seen)

    assert decision.findings[ConditionType.PLUGINS_PROGRAMMED].reason.name == "KongRefused"
    assert decision.prune == (INGRESS, SERVICE)


def test_a_clash_is_no_refusal_of_ours_and_its_end_attaches_again() -> None:
    seen = applied(ATTACHING)
    target = replace(seen.targets[CHAT], plugins=("theirs", *seen.targets[CHAT].plugins))
    types = {"theirs": "opentelemetry", "assistant-opentelemetry": "opentelemetry", "assistant-pre-function": "pre-function"}
    owners = dict.fromkeys(("assistant-opentelemetry", "assistant-pre-function"), ATTACHING.uid)
    clashing = replace(seen, targets={CHAT: target}, plugin_types=types, plugin_owners=owners)
    decision = decide(complained(clashing, OPENTELEMETRY))

    assert (decision.refusal, listed(decision)) == (None, {"chat": "theirs"})
    mended = replace(complained(seen, OPENTELEMETRY), targets={CHAT: replace(target, plugins=(), attached_at=NOW - 4)})
    assert listed(decide(mended)) == {"chat": "assistant-pre-function,assistant-opentelemetry"}
