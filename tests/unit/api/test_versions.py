"""The CustomResourceDefinition and the operator take the versions from one table."""

from __future__ import annotations

from typing import ClassVar

from fiddler_kong_operator.api import STORED, VERSIONS, BindingSpec
from fiddler_kong_operator.api.crd import build_crd, build_schema
from fiddler_kong_operator.api.rules import Rule
from fiddler_kong_operator.api.types import ApiModel
from fiddler_kong_operator.plan.kinds import BINDING


def test_the_definition_declares_each_version_with_its_own_schema() -> None:
    declared = build_crd()["spec"]["versions"]
    assert [(v["name"], v["served"], v["storage"]) for v in declared] == [(v.name, v.served, v.stored) for v in VERSIONS]
    schemas = [v["schema"]["openAPIV3Schema"]["properties"]["spec"] for v in declared]
    assert schemas == [build_schema(version.spec) for version in VERSIONS]


def test_exactly_one_version_is_stored_and_the_operator_uses_it() -> None:
    assert [version for version in VERSIONS if version.stored] == [STORED]
    assert (BINDING.api_version, STORED.spec) == (STORED.api_version, BindingSpec)


def test_types_of_two_versions_may_share_a_name_but_not_their_rules() -> None:
    later = Rule("true", "a rule of another version", lambda _: True)

    class Route(ApiModel):
        RULES: ClassVar[tuple[Rule, ...]] = (later,)

    schema = build_schema(BindingSpec)["properties"]["routes"]["items"]

    assert build_schema(Route)["x-kubernetes-validations"] == [{"rule": later.cel, "message": later.message}]
    assert later.message not in [rule["message"] for rule in schema["x-kubernetes-validations"]]
