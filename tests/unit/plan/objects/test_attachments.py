from __future__ import annotations

import time
from dataclasses import replace

import pytest

from fiddler_kong_operator.plan.objects.attachments import merge_list
from fiddler_kong_operator.plan.objects.desired import Attachment
from fiddler_kong_operator.plan.snapshot import Attachable
from tests.unit.plan.plans import (
    AI_PROXY,
    ATTACHED,
    CHAT,
    EXPOSED,
    OPENTELEMETRY,
    OTHER_UID,
    PRE_FUNCTION,
    attachable,
    child,
    plan_of,
    spec_of,
)

ALL = (AI_PROXY, PRE_FUNCTION, OPENTELEMETRY)


@pytest.mark.parametrize(
    ("present", "wanted", "expected"),
    [
        ((), ("a", "b"), ("a", "b")),
        (("x", "y"), ("a",), ("x", "y", "a")),
        (("x", "a", "y"), ("a",), ("x", "a", "y")),
        (("a", "x", "a"), ("a",), ("a", "x")),
        (("a", "x", "b"), (), ("x",)),
        (("x", "x"), (), ("x", "x")),
        (("b", "a"), ("a", "b"), ("b", "a")),
    ],
)
def test_lists_are_sets_of_ours_among_theirs(present: tuple[str, ...], wanted: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert merge_list(present, wanted, frozenset("ab")) == expected


def test_ours_are_added_behind_theirs() -> None:
    plan = plan_of(spec_of(ATTACHED), targets=attachable("rate-limit"))
    assert plan.attachments == (Attachment(CHAT, "uid-target", "7", ("rate-limit", *ALL)),)
    assert not {desired.key.kind for desired in plan.objects} & {"Service", "Ingress"}


def test_nothing_is_written_where_nothing_differs() -> None:
    assert plan_of(spec_of(ATTACHED), targets=attachable("rate-limit", *reversed(ALL))).attachments == ()


def test_pre_function_waits_for_the_gateway_and_leaves_with_it() -> None:
    (attachment,) = plan_of(spec_of(ATTACHED), attach=False, targets=attachable(*ALL)).attachments
    assert attachment.plugins == (AI_PROXY, OPENTELEMETRY)


def test_an_observed_route_with_its_own_llm_gets_no_ai_proxy() -> None:
    route = {k: v for k, v in ATTACHED.items() if k != "llm"}
    (attachment,) = plan_of(spec_of(route), targets=attachable("theirs")).attachments
    assert attachment.plugins == ("theirs", PRE_FUNCTION, OPENTELEMETRY)


def test_excluded_targets_lose_ours() -> None:
    (attachment,) = plan_of(spec_of(ATTACHED), excluded=[CHAT], targets=attachable("theirs", *ALL)).attachments
    assert attachment.plugins == ("theirs",)


def test_a_target_no_longer_named_loses_ours_and_only_ours() -> None:
    gone = {**child("KongPlugin", "assistant-old-ai-proxy"), **child("KongPlugin", "theirs", OTHER_UID)}
    present = ("theirs", "assistant-old-ai-proxy", OPENTELEMETRY, "other-opentelemetry")
    owners = {"other-opentelemetry": OTHER_UID}
    (attachment,) = plan_of(spec_of(EXPOSED), targets=attachable(*present), children=gone, plugin_owners=owners).attachments
    assert attachment.plugins == ("theirs", "other-opentelemetry")


def test_ours_written_with_its_namespace_is_not_attached_twice() -> None:
    (attachment,) = plan_of(spec_of(ATTACHED), targets=attachable(f"ai:{OPENTELEMETRY}", f"other:{OPENTELEMETRY}")).attachments
    assert attachment.plugins == (f"other:{OPENTELEMETRY}", *ALL)


def test_a_missing_target_is_left_to_the_checks() -> None:
    assert plan_of(spec_of(ATTACHED)).attachments == ()


def test_our_own_service_carries_its_list_itself() -> None:
    service = child("Service", "assistant-openai")
    plan = plan_of(spec_of(), targets=attachable("stray", OPENTELEMETRY, key=next(iter(service))), children=service)
    assert plan.attachments == ()


def test_a_service_left_from_an_earlier_binding_of_the_name_is_no_target() -> None:
    service = {key: replace(old, written=True) for key, old in child("Service", "assistant-openai", OTHER_UID).items()}
    plan = plan_of(spec_of(), targets=attachable(OPENTELEMETRY, key=next(iter(service))), children=service)
    assert plan.attachments == ()


def test_names_that_are_twice_on_a_list_are_found_in_time_that_grows_with_its_length() -> None:
    """An annotation may hold 256 KiB, and any user may write one."""
    many = tuple(map(str, range(40_000)))
    started = time.process_time()

    found = Attachable(CHAT, "uid-chat", "5", ("b", "a", *many, "a", "b")).doubled

    assert found == ("b", "a")
    assert time.process_time() - started < 1  # second
