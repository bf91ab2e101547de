from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Attachable, Child, KongWarning, Snapshot
from fiddler_kong_operator.plan.status.programming import GRACE, WARNING_LIFETIME, evaluate_programming, outdate_warnings
from tests.unit.plan.situations import make_binding

PLUGIN = ObjectKey("KongPlugin", "kong", "assistant-opentelemetry")
SECRET = ObjectKey("Secret", "kong", "assistant-kong-keys")
WEB = ObjectKey("Ingress", "shop", "web")
CHANGED = 1000.0


def snapshot(
    said_at: float, *, now: float = CHANGED + 60, reason: str = "KongConfigurationApplyFailed", listed_at: float = 0.0
) -> Snapshot:
    children = {key: Child(key, "uid", "1", "uid-assistant", "assistant", b"", applied_at=CHANGED) for key in (PLUGIN, SECRET)}
    target = Attachable(ObjectKey("Service", "kong", "llm"), "uid", "1", ("cors", PLUGIN.name), attached_at=listed_at)
    warning = KongWarning(PLUGIN, reason, "no such field", said_at)
    return Snapshot(make_binding(), now, children=children, targets={target.key: target}, warnings=(warning,))


@pytest.mark.parametrize(
    ("kongs", "ours"), [("KongConfigurationApplyFailed", "KongRefused"), ("KongConfigurationTranslationFailed", "KongTranslationFailed")]
)
def test_a_warning_that_was_said_after_the_change_counts(kongs: str, ours: str) -> None:
    found = evaluate_programming(snapshot(CHANGED + GRACE, reason=kongs), lua_withheld=False)

    assert found.reason.name == ours
    assert found.message == f"Kong Ingress Controller says of {PLUGIN}: no such field"


@pytest.mark.parametrize("said_at", [CHANGED - 1, CHANGED, CHANGED + GRACE - 1])
def test_a_warning_that_may_be_about_what_was_before_the_change_does_not_count(said_at: float) -> None:
    assert evaluate_programming(snapshot(said_at), lua_withheld=False).reason.name == "PluginsProgrammed"


def test_a_warning_from_before_the_plugin_was_attached_does_not_count() -> None:
    before = snapshot(CHANGED + 30, listed_at=CHANGED + 30)
    after = snapshot(CHANGED + 30, listed_at=CHANGED)

    assert evaluate_programming(before, lua_withheld=False).reason.name == "PluginsProgrammed"
    assert evaluate_programming(after, lua_withheld=False).reason.name == "KongRefused"


def test_a_warning_that_was_not_repeated_is_over() -> None:
    over = snapshot(CHANGED + 10, now=CHANGED + 10 + WARNING_LIFETIME)

    assert evaluate_programming(over, lua_withheld=False).reason.name == "PluginsProgrammed"


@pytest.mark.parametrize("written", [PLUGIN, SECRET, ObjectKey("Service", "kong", "llm")], ids=lambda key: key.kind)
def test_a_warning_about_what_was_just_written_is_outdated(written: ObjectKey) -> None:
    found = evaluate_programming(outdate_warnings(snapshot(CHANGED + 30), [written]), lua_withheld=False)

    assert found.reason.name == "PluginsProgrammed"


def test_writing_something_else_outdates_no_warning() -> None:
    seen = snapshot(CHANGED + 30)

    assert outdate_warnings(seen, [ObjectKey("KongPlugin", "kong", "assistant-pre-function")]) == seen


def test_what_is_withheld_waits_for_the_gateway() -> None:
    assert evaluate_programming(snapshot(CHANGED - 1), lua_withheld=True).reason.name == "WaitingForGateway"


def test_a_warning_from_a_future_that_somebody_made_up_does_not_count() -> None:
    found = evaluate_programming(snapshot(CHANGED + 10**9), lua_withheld=False)

    assert found.reason.name == "PluginsProgrammed"


def test_a_gateway_that_another_object_freezes_takes_no_plugin_of_ours() -> None:
    frozen = Snapshot(make_binding(), CHANGED, frozen_by=((WEB, "cors"), (ObjectKey("Ingress", "shop", "other"), "cors")))

    found = evaluate_programming(frozen, lua_withheld=False)

    assert (found.reason.name, found.status) == ("GatewayFrozen", "False")
    assert found.message.startswith("Ingress shop/web has cors twice in its annotation konghq.com/plugins.")
    assert found.message.endswith("So does another list.")


def test_a_list_that_was_just_written_freezes_nothing() -> None:
    frozen = Snapshot(make_binding(), CHANGED, frozen_by=((WEB, "cors"),))

    assert evaluate_programming(outdate_warnings(frozen, [WEB]), lua_withheld=False).reason.name == "PluginsProgrammed"
