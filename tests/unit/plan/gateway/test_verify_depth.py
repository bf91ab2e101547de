from __future__ import annotations

from dataclasses import replace

import pytest

from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.verify_depth import VERIFY_DEPTH
from fiddler_kong_operator.plan.workload import EnvEntry, EnvSource
from tests.unit.plan.situations import make_binding, make_container, make_snapshot, make_workload


def depth(image: str, *entries: EnvEntry, env_from: tuple[EnvSource, ...] = ()) -> int | None:
    container = make_container(image=image)
    workload = make_workload(replace(container, env=(*container.env, *entries), env_from=env_from))
    return evaluate_gateway(make_snapshot(workload=workload)).verify_depth


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("3.13.0.0", 1),
        ("3.13.0.6-ubuntu", 1),
        ("3.13.0.7", 5),
        ("3.13.1.0", 5),
        ("3.14.0.6", 1),
        ("3.14.0.7", 5),
        ("3.15.0.0", 1),
        ("3.15.0.1", 5),
        ("3.16", 5),
        ("4.0.0.0", 5),
        ("3.13", None),
        ("3.15.0", None),
        ("latest", None),
    ],
)
def test_the_default_of_the_gateways_version_holds_unless_its_tag_does_not_tell_the_patch(tag: str, expected: int | None) -> None:
    assert depth(f"kong/kong-gateway:{tag}") == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([EnvEntry(VERIFY_DEPTH, "3")], 3),
        ([EnvEntry(VERIFY_DEPTH, " 0 ")], 0),
        ([EnvEntry(VERIFY_DEPTH, "")], 1),
        ([EnvEntry(VERIFY_DEPTH, "many")], None),
        ([EnvEntry(VERIFY_DEPTH, None, from_source=True)], None),
        ([EnvEntry(VERIFY_DEPTH, "3"), EnvEntry(VERIFY_DEPTH, "4")], 4),
        ([EnvEntry(VERIFY_DEPTH, None, from_source=True), EnvEntry(VERIFY_DEPTH, "4")], 4),
    ],
    ids=["set", "zero", "empty is unset", "nonsense", "from a source", "the last of two", "plain after a source"],
)
def test_the_gateways_own_setting_precedes_the_default(entries: list[EnvEntry], expected: int | None) -> None:
    assert depth("kong/kong-gateway:3.13.0.3", *entries) == expected


@pytest.mark.parametrize(
    ("prefix", "entries", "expected"),
    [("", (), None), ("KONG_", (), None), ("OTHER_", (), 1), ("", (EnvEntry(VERIFY_DEPTH, "3"),), 3)],
    ids=["any name", "prefix of Kong", "another prefix", "env has precedence"],
)
def test_a_depth_that_env_from_may_set_is_not_known(prefix: str, entries: tuple[EnvEntry, ...], expected: int | None) -> None:
    source = EnvSource("ConfigMap kong-env", prefix)
    assert depth("kong/kong-gateway:3.13.0.3", *entries, env_from=(source,)) == expected


def test_nothing_is_told_about_a_gateway_that_does_not_allow_the_binding() -> None:
    assert evaluate_gateway(make_snapshot(make_binding(namespace="ai"))).verify_depth is None
