"""A real API server accepts valid and refuses invalid bindings, and Python gives the same answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from devcluster import Cluster, DevClusterError
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.crd import NAME_RULES
from fiddler_kong_operator.api.violations import violations
from fiddler_kong_operator.plan.kinds import BINDING
from tests.crd.bindings import binding, spec
from tests.crd.cases import INVALID, RULED, VALID, Case


def create(cluster: Cluster, manifest: dict[str, Any]) -> dict[str, Any]:
    """The binding as the API server stores it."""
    created: dict[str, Any] = cluster.api.request("POST", f"{BINDING.path('default')}?dryRun=All&fieldValidation=Strict", manifest)
    return created


@pytest.mark.parametrize("case", VALID, ids=str)
def test_valid_is_accepted_by_both(cluster: Cluster, case: Case) -> None:
    stored = create(cluster, binding(case.changes, case.name))

    assert BindingSpec.model_validate(stored["spec"]) == BindingSpec.model_validate(spec(case.changes))


@pytest.mark.parametrize("case", [*RULED, *INVALID], ids=str)
def test_invalid_is_refused_with_its_message(cluster: Cluster, case: Case) -> None:
    with pytest.raises(DevClusterError) as refusal:
        create(cluster, binding(case.changes))

    assert f"{case.field}: " in str(refusal.value)
    assert case.says in str(refusal.value)
    assert "^" not in str(refusal.value)  # no regular expression


@pytest.mark.parametrize("case", RULED, ids=str)
def test_python_refuses_with_the_same_words(case: Case) -> None:
    with pytest.raises(ValidationError) as refusal:
        BindingSpec.model_validate(spec(case.changes))

    assert [said for said in violations(refusal.value) if said.startswith(f"{case.field}: {case.says}")]


@pytest.mark.parametrize("case", [case for case in INVALID if "unknown field" not in case.says], ids=str)
def test_python_refuses_what_the_schema_refuses(case: Case) -> None:
    with pytest.raises(ValidationError):
        BindingSpec.model_validate(spec(case.changes))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a" * 41, "metadata.name: Invalid value: must have at most 40 characters"),
        ("a.b", "metadata.name: Invalid value: must be lower-case letters"),
        ("1a", "begin with a letter"),
    ],
)
def test_name_is_refused_by_both(cluster: Cluster, name: str, says: str) -> None:
    with pytest.raises(DevClusterError) as refusal:
        create(cluster, binding({}, name))

    assert says in str(refusal.value)
    assert [says.rpartition(": ")[2] in rule.message for rule in NAME_RULES if not rule.holds(name)] == [True]


def test_defaults_are_filled_in_by_the_server(cluster: Cluster) -> None:
    stored = create(cluster, binding({"sessions": {}}))["spec"]

    assert stored["sessions"] == {"mode": "Header", "header": "X-Fiddler-Conversation-Id"}
    assert stored["gateway"] == {
        "targetRef": {"kind": "Deployment", "name": "kong-gateway"},
        "container": "proxy",
        "ingressClassName": "kong",
        "management": "Apply",
        "conflicts": "Refuse",
        "untrustedLua": "on",
    }
    assert (stored["payloads"], stored["suspend"]) == ("Disabled", False)


def test_the_default_on_stays_a_string_through_kubectl(cluster: Cluster) -> None:
    text = cluster.kubectl("create", "--dry-run=server", "--output=yaml", "--filename=-", stdin=json.dumps(binding({}, "quoted")))

    again = cluster.kubectl(
        "create", "--dry-run=server", "--output=json", "--filename=-", stdin=text.replace("name: quoted", "name: again")
    )

    assert json.loads(again)["spec"]["gateway"]["untrustedLua"] == "on"
