from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.plan.gateway.operated import managed_elsewhere
from fiddler_kong_operator.plan.gateway.tenancy import granted, settings_rival, tenants
from fiddler_kong_operator.plan.snapshot import Binding
from tests.unit.plan.situations import make_binding, make_spec, make_workload


@pytest.mark.parametrize(
    ("namespace", "grant", "expected"),
    [
        ("kong", None, True),
        ("ai", None, False),
        ("ai", "", False),
        ("ai", "ai", True),
        ("ai", "web , ai", True),
        ("ai", "*", True),
        ("ai", "web,ai-2", False),
        ("ai", ",", False),
    ],
)
def test_granted(namespace: str, grant: str | None, expected: bool) -> None:  # noqa: FBT001
    assert expected == granted(make_binding(namespace=namespace), make_workload(grant=grant))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, False),
        ({"owners": {"DataPlane": "edge"}}, True),
        ({"labels": {"gateway-operator.konghq.com/managed-by": "dataplane"}}, True),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "owners": {"Application": "shop"}}, False),
    ],
)
def test_managed_elsewhere(more: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert expected == managed_elsewhere(make_workload(**more))


def lua(value: str, name: str, created: int, **more: Any) -> Binding:
    return make_binding(make_spec(untrustedLua=value, **more), name=name, created=created)


OLD = lua("on", "old", 1)


@pytest.mark.parametrize(
    ("young", "expected"),
    [
        (lua("sandbox", "young", 2), "old"),
        (lua("on", "young", 2), None),
        (lua("Unmanaged", "young", 2), None),
        (lua("sandbox", "young", 2, sessions="Disabled"), None),
        (lua("sandbox", "young", 2, management="Verify"), None),
        (lua("sandbox", "young", 2, container="other"), None),
        (lua("sandbox", "aged", 0), None),
        (lua("sandbox", "a-same-age", 1), None),
        (lua("sandbox", "z-same-age", 1), "old"),
    ],
)
def test_the_older_binding_wins(young: Binding, expected: str | None) -> None:
    rival = settings_rival(young, (OLD,), make_workload())

    assert expected == (rival.name if rival else None)


def test_a_loser_is_no_rival_for_others() -> None:
    loser, third = lua("sandbox", "second", 2), lua("on", "third", 3)

    assert settings_rival(third, (OLD, loser), make_workload()) is None


@pytest.mark.parametrize(
    ("rival", "expected"),
    [
        (make_binding(make_spec(untrustedLua="sandbox"), name="stranger", namespace="ai", created=0), None),
        (make_binding(make_spec(untrustedLua="sandbox"), name="gone", created=0, deleting=True), None),
        (
            make_binding(make_spec(untrustedLua="sandbox"), name="leaving", created=0, deleting=True, finalizers=(names.FINALIZER,)),
            "leaving",
        ),
        (make_binding(make_spec(untrustedLua="sandbox", suspend=True), name="paused", created=0), "paused"),
    ],
)
def test_only_who_counts_is_a_rival(rival: Binding, expected: str | None) -> None:
    found = settings_rival(OLD, (rival,), make_workload())

    assert expected == (found.name if found else None)


def test_tenants_are_those_that_count_oldest_first() -> None:
    bindings = (
        make_binding(name="young", created=9),
        make_binding(name="stranger", namespace="ai"),
        make_binding(make_spec(untrustedLua="sandbox"), name="loser", created=5),
        make_binding(make_spec(management="Verify"), name="verifier"),
        make_binding(make_spec(targetRef={"name": "other"}), name="elsewhere"),
        make_binding(name="gone", deleting=True),
        replace(make_binding(name="invalid"), spec=None),
        make_binding(make_spec(suspend=True), name="paused", created=7),
        make_binding(name="oldest", created=2),
    )

    assert [b.name for b, _ in tenants(make_workload(), bindings)] == ["oldest", "paused", "young"]
