from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import LEASE, Kind
from fiddler_kong_operator.observe.kinds import INFORMED
from fiddler_kong_operator.observe.rbac import GRANTS, Grant, Scope, grants, rules
from fiddler_kong_operator.plan.kinds import BINDING, KINDS

VERBS = {"get", "list", "watch", "create", "update", "patch", "delete"}


def granted(kind: Kind, *scopes: Scope) -> set[str]:
    """The verbs granted for a kind."""
    return {verb for g in GRANTS if g.scope in scopes and g.group == kind.group and kind.plural in g.resources for verb in g.verbs}


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: grant.resources[0])
def test_every_grant_names_what_it_is_for(grant: Grant) -> None:
    assert set(grant.verbs) <= VERBS
    assert "*" not in (grant.group, *grant.resources, *grant.verbs)
    assert len(set(grant.verbs)) == len(grant.verbs)
    assert grant.why.endswith(".")


def test_no_resource_is_granted_twice_in_a_scope() -> None:
    rows = [(grant.scope, grant.group, resource) for grant in GRANTS for resource in grant.resources]

    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("kind", [*(row.kind for row in INFORMED), BINDING], ids=lambda kind: kind.name)
def test_what_is_watched_may_be_listed_and_watched(kind: Kind) -> None:
    assert {"list", "watch"} <= granted(kind, Scope.WATCHED if kind.namespaced else Scope.CLUSTER)


def test_every_grant_is_for_a_kind_this_project_knows() -> None:
    known = {(kind.group, kind.plural) for kind in (*KINDS.values(), LEASE)}
    resources = {(grant.group, resource.partition("/")[0]) for grant in GRANTS for resource in grant.resources}

    assert resources == known


def test_the_lease_is_the_only_thing_granted_in_the_operator_s_own_namespace() -> None:
    assert [grant.resources for grant in GRANTS if grant.scope is Scope.OWN] == [("leases",)]
    assert granted(LEASE, Scope.OWN) == {"get", "create", "update"}


def test_a_gateway_is_never_created_or_deleted_and_a_binding_neither() -> None:
    for kind in (KINDS["Deployment"], BINDING):
        assert not {"create", "delete", "update"} & granted(kind, *Scope)


def test_a_binding_s_status_is_only_written() -> None:
    assert [g.verbs for g in GRANTS if "fiddlerkongbindings/status" in g.resources] == [("patch",)]


def test_only_what_is_cluster_scoped_is_granted_for_the_cluster() -> None:
    plurals = {resource for grant in GRANTS if grant.scope is Scope.CLUSTER for resource in grant.resources}

    assert plurals == {kind.plural for kind in KINDS.values() if not kind.namespaced}


def test_rules_are_the_rows_of_the_scopes_asked_for() -> None:
    assert rules(Scope.OWN) == [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}]
    assert len(rules(*Scope)) == len(GRANTS)
    assert rules() == []


def test_rules_can_be_changed_without_changing_the_table() -> None:
    rules(Scope.OWN)[0]["verbs"].append("delete")

    assert "delete" not in granted(LEASE, Scope.OWN)


def test_with_get_secrets_are_neither_listed_nor_watched_and_nothing_else_differs() -> None:
    differ = [(watch, get) for watch, get in zip(GRANTS, grants("get"), strict=True) if watch != get]

    ((watch, get),) = differ
    assert (watch.resources, {*watch.verbs} - {*get.verbs}) == (("secrets",), {"list", "watch"})
    assert grants("watch") == GRANTS
