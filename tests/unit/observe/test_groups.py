from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from fiddler_kong_operator import names
from fiddler_kong_operator.observe.groups import DemandGroups
from fiddler_kong_operator.plan.gateway.condition import evaluate_gateway
from fiddler_kong_operator.plan.gateway.env import UNTRUSTED_LUA
from fiddler_kong_operator.plan.gateway.settings_plan import plan_settings
from fiddler_kong_operator.plan.gateway.tenancy import seniority, settings_rival, tenancy_of
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Workload
from tests.unit.plan.situations import (
    AGENT,
    GATEWAY,
    HELM,
    OURS,
    WANTED,
    make_binding,
    make_container,
    make_snapshot,
    make_spec,
    make_workload,
)


def spec_strategy() -> st.SearchStrategy[Binding]:
    specs = st.builds(
        make_spec,
        sessions=st.sampled_from(["Header", "Disabled"]),
        attributes=st.sampled_from([(), (AGENT,)]),
        suspend=st.booleans(),
        management=st.sampled_from(["Apply", "Verify"]),
        conflicts=st.sampled_from(["Refuse", "Override"]),
        untrustedLua=st.sampled_from(["on", "sandbox", "Unmanaged"]),
        container=st.sampled_from(["proxy", "sidecar"]),
        targetRef=st.just({"name": GATEWAY.name, "namespace": GATEWAY.namespace}),
    )
    return st.builds(
        make_binding,
        specs,
        name=st.sampled_from("abcdefgh"),
        namespace=st.sampled_from(["kong", "team", "stranger"]),
        created=st.integers(1, 3),
        deleting=st.booleans(),
        finalizers=st.sampled_from([(), (names.FINALIZER,)]),
    )


BINDINGS = st.lists(spec_strategy(), max_size=8, unique_by=lambda binding: binding.key)
WORKLOADS = st.builds(
    lambda env, managers, present: make_workload(make_container({**WANTED, **env} if present else {}), managers=managers, grant="team"),
    st.sampled_from([{}, {UNTRUSTED_LUA: "off"}, {UNTRUSTED_LUA: "sandbox"}]),
    st.sampled_from([HELM, OURS]),
    st.booleans(),
)


def groups_of(bindings: Iterable[Binding]) -> DemandGroups:
    groups = DemandGroups()
    for binding in bindings:
        groups.put(binding)
    return groups


@settings(deadline=None)
@given(BINDINGS, WORKLOADS)
def test_the_settings_of_a_workload_are_the_same_from_the_representatives_as_from_all(bindings: list[Binding], workload: Workload) -> None:
    assert plan_settings(workload, bindings) == plan_settings(workload, groups_of(bindings).representatives())


@settings(deadline=None)
@given(BINDINGS, WORKLOADS)
def test_a_binding_decides_about_its_gateway_as_if_it_knew_all_others(bindings: list[Binding], workload: Workload) -> None:
    groups = groups_of(bindings)
    for binding in bindings:
        others = tuple(other for other in bindings if other is not binding)
        rivals = groups.rivals(binding)
        assert settings_rival(binding, others, workload) == settings_rival(binding, rivals, workload)
        full, short = (make_snapshot(binding, workload=workload, siblings=siblings) for siblings in (others, rivals))
        assert evaluate_gateway(full) == evaluate_gateway(short)


def test_bindings_that_ask_the_same_have_no_rivals() -> None:
    bindings = [make_binding(name=name, namespace=namespace) for name in "ab" for namespace in ("kong", "team")]
    assert [groups_of(bindings).rivals(binding) for binding in bindings] == [()] * 4


def test_a_newcomer_represents_its_group_where_it_is_older_than_all() -> None:
    groups = groups_of([make_binding(created=2)])
    assert groups.represents(make_binding(name="older", created=1))
    assert not groups.represents(make_binding(name="younger", created=3))


def test_the_only_binding_of_a_demand_would_represent_it() -> None:
    assert DemandGroups().represents(make_binding())


def view(groups: DemandGroups, binding: Binding) -> tuple[bool, set[object]]:
    """How the groups look to one binding."""
    return groups.represents(binding), {rival.key for rival in groups.rivals(binding)}


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), spec_strategy()), max_size=40))
def test_any_history_ends_in_the_groups_of_the_bindings_that_are_left(steps: list[tuple[bool, Binding]]) -> None:
    groups, present = DemandGroups(), dict[object, Binding]()
    for stays, binding in steps:
        former = present.pop(binding.key, None)
        if former and not (stays and tenancy_of(former) == tenancy_of(binding)):
            groups.discard(former)
        if stays:
            groups.put(binding)
            present[binding.key] = binding
    fresh = groups_of(present.values())
    assert sorted(groups.representatives(), key=seniority) == sorted(fresh.representatives(), key=seniority)
    assert [view(groups, binding) for _, binding in steps] == [view(fresh, binding) for _, binding in steps]
    assert bool(groups) == bool(present)
