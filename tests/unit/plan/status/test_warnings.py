from __future__ import annotations

from dataclasses import replace

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.snapshot import Attachable, Child, KongWarning, Snapshot
from fiddler_kong_operator.plan.status.warnings import (
    APPLY_FAILED,
    GRACE,
    TRANSLATION_FAILED,
    WARNING_LIFETIME,
    current_warnings,
    outdate_warnings,
)
from tests.unit.plan.situations import make_binding

PLUGIN = ObjectKey("KongPlugin", "kong", "assistant-opentelemetry")
SECRET = ObjectKey("Secret", "kong", "assistant-kong-keys")
SERVICE = ObjectKey("Service", "kong", "assistant-openai")
LISTED = ObjectKey("Service", "kong", "llm")
CHANGED = 1000.0


def snapshot(
    said_at: float, *, now: float = CHANGED + 60, reason: str = APPLY_FAILED, about: ObjectKey = PLUGIN, listed_at: float = 0.0
) -> Snapshot:
    children = {key: Child(key, "uid", "1", "uid-assistant", "assistant", b"", applied_at=CHANGED) for key in (PLUGIN, SECRET)}
    target = Attachable(LISTED, "uid", "1", ("cors",), attached_at=listed_at)
    return Snapshot(
        make_binding(), now, children=children, targets={LISTED: target}, warnings=(KongWarning(about, reason, "no such field", said_at),)
    )


def holds(seen: Snapshot) -> bool:
    return current_warnings(seen) == seen.warnings


@pytest.mark.parametrize(("after", "expected"), [(-1, False), (0, False), (GRACE - 1, False), (GRACE, True)])
@pytest.mark.parametrize("about", [PLUGIN, SERVICE], ids=lambda key: key.kind)
def test_a_warning_counts_that_cannot_be_about_the_state_before_the_change(about: ObjectKey, after: float, expected: bool) -> None:  # noqa: FBT001
    assert holds(snapshot(CHANGED + after, about=about)) == expected


def test_a_warning_from_before_a_list_was_written_does_not_count_even_if_the_plugin_left_it_then() -> None:
    assert not holds(snapshot(CHANGED + 30, listed_at=CHANGED + 30))
    assert holds(snapshot(CHANGED + 30, listed_at=CHANGED))


@pytest.mark.parametrize(("uid", "expected"), [("uid", True), ("", True), ("uid-of-a-former-one", False)])
@pytest.mark.parametrize("about", [PLUGIN, LISTED], ids=["a child", "a target"])
def test_a_warning_about_a_former_object_of_the_name_does_not_count(about: ObjectKey, uid: str, expected: bool) -> None:  # noqa: FBT001
    """Found by the soak: Kong's controller posted it late, when the namespace had been made again."""
    seen = snapshot(CHANGED + 30, about=about)

    assert holds(replace(seen, warnings=tuple(replace(warning, uid=uid) for warning in seen.warnings))) == expected


def test_a_warning_about_an_ingress_is_over_once_its_service_is_made_again() -> None:
    """Kong's controller says of the Ingress that its Service is missing, and does not say when it is there again."""
    seen = snapshot(CHANGED + 30, about=ObjectKey("Ingress", "kong", SERVICE.name), reason=TRANSLATION_FAILED)
    assert holds(seen)

    service = Child(SERVICE, "uid", "1", "uid-assistant", "assistant", b"", applied_at=CHANGED + 31)
    assert not holds(replace(seen, children={**seen.children, SERVICE: service}))
    assert outdate_warnings(replace(seen, children={**seen.children, SERVICE: service}), [SERVICE]).warnings == ()


@pytest.mark.parametrize("now", [CHANGED + 10 + WARNING_LIFETIME, CHANGED + 10 - WARNING_LIFETIME])
def test_a_warning_that_was_not_repeated_is_over_and_one_from_the_future_is_made_up(now: float) -> None:
    assert not holds(snapshot(CHANGED + 10, now=now))


@pytest.mark.parametrize(
    ("plugin", "expected"), [(PLUGIN.name, False), ("assistant-pre-function", True), ("cors", False), ("theirs:cors", True), ("acl", True)]
)
def test_a_warning_about_a_missing_plugin_does_not_count_where_the_plugin_is_there(plugin: str, expected: bool) -> None:  # noqa: FBT001
    """Kong's controller saw the list before the plugin, ours or another on it; under load its event comes after every grace."""
    seen = snapshot(CHANGED + 30, about=SERVICE, reason=TRANSLATION_FAILED)
    seen = replace(seen, plugin_types={"cors": "cors", "theirs:cors": ""})
    message = f'referenced KongPlugin or KongClusterPlugin "{plugin}" does not exist'
    assert holds(replace(seen, warnings=(replace(seen.warnings[0], message=message),))) == expected


@pytest.mark.parametrize(
    ("plugins", "filters", "expected"),
    [(("acl",), (), True), (("kong:acl",), (), True), (("cors",), ("acl",), True), (("cors",), (), False), ((), (), False)],
)
def test_a_warning_about_a_missing_plugin_does_not_count_where_the_list_no_longer_names_it(
    plugins: tuple[str, ...],
    filters: tuple[str, ...],
    expected: bool,  # noqa: FBT001
) -> None:
    """Found by `test_two_thousand_transitions`: Kong's controller saw a plugin's deletion before its detachment."""
    seen = snapshot(CHANGED + 30, about=LISTED, reason=TRANSLATION_FAILED)
    message = 'referenced KongPlugin or KongClusterPlugin "acl" does not exist'
    target = replace(seen.targets[LISTED], plugins=plugins, filters=filters)
    seen = replace(seen, targets={LISTED: target}, warnings=(replace(seen.warnings[0], message=message),))

    assert holds(seen) == expected


SHOP = ObjectKey("Service", "kong", "shop")


@pytest.mark.parametrize(("service", "expected"), [(SERVICE, False), (LISTED, False), (SHOP, False), (PLUGIN, True)], ids=str)
def test_a_warning_about_a_missing_service_does_not_count_where_the_service_is_there(service: ObjectKey, expected: bool) -> None:  # noqa: FBT001
    """The controller saw the Ingress before its Service: ours, a target, or one behind a target."""
    seen = snapshot(CHANGED + 30, about=ObjectKey("Ingress", "kong", "web"), reason=TRANSLATION_FAILED)
    ours = Child(SERVICE, "uid", "1", "uid-assistant", "assistant", b"", applied_at=CHANGED)
    warning = replace(seen.warnings[0], message=f"can't add target for backend {service.name}: no kubernetes service found")
    seen = replace(seen, children={**seen.children, SERVICE: ours}, behind={SHOP: Attachable(SHOP, "uid", "1")}, warnings=(warning,))

    assert holds(seen) == expected
    ending = replace(seen, children={**seen.children, SERVICE: replace(ours, deleting=True)})
    assert holds(ending) == (expected or service == SERVICE)


def test_other_events_are_no_warnings_that_count() -> None:
    assert not holds(snapshot(CHANGED + 30, reason="FallbackKongConfigurationApplyFailed"))


@pytest.mark.parametrize("written", [PLUGIN, SECRET, LISTED], ids=lambda key: key.kind)
def test_a_warning_about_what_was_just_written_is_outdated(written: ObjectKey) -> None:
    assert outdate_warnings(snapshot(CHANGED + 30), [written]).warnings == ()


def test_writing_something_else_outdates_no_warning() -> None:
    seen = snapshot(CHANGED + 30)
    assert outdate_warnings(seen, [ObjectKey("KongPlugin", "kong", "assistant-pre-function")]).warnings == seen.warnings
