from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.observe.kinds.workloads import is_borrowed, reduce_workload
from fiddler_kong_operator.plan.workload import Container, EnvEntry, EnvSource
from tests.unit.observe.objects import GATEWAY, deployment


def fields(*settings: str, container: str = "proxy", value: str = "f:value") -> Manifest:
    """The fieldsV1 of a manager that owns these env values."""
    entries: Manifest = {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}, value: {}} for name in settings}
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": {f'k:{{"name":"{container}"}}': {"f:env": entries}}}}}}


def entry(manager: str, fields_v1: Manifest | None, operation: str = "Apply", **more: Any) -> Manifest:
    return {"manager": manager, "operation": operation, "fieldsV1": fields_v1, **more}


def test_only_settings_of_kong_are_kept_in_order_duplicates_included() -> None:
    env: list[Manifest] = [
        {"name": "KONG_TRACING_INSTRUMENTATIONS", "value": "all"},
        {"name": "PATH", "value": "/bin"},
        {"name": "KONG_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}},
        {"name": "KONG_EMPTY"},
        {"name": "KONG_EMPTY", "value": ""},
    ]
    found = reduce_workload(GATEWAY, deployment(4, *env)).containers
    expected = (
        EnvEntry("KONG_TRACING_INSTRUMENTATIONS", "all"),
        EnvEntry("KONG_PASSWORD", None, from_source=True),
        EnvEntry("KONG_EMPTY", ""),
        EnvEntry("KONG_EMPTY", ""),
    )
    assert found == (Container("proxy", "kong/kong-gateway:3.13", expected),)


def test_grant_former_settings_labels_and_owners_are_kept() -> None:
    annotations = {names.GRANT_ANNOTATION: "ai", names.FORMER_SETTINGS_ANNOTATION: "{}"}
    owner = [{"kind": "DataPlane", "name": "x", "uid": "u"}]
    raw = deployment(9, annotations=annotations, labels={"app": "kong"}, ownerReferences=owner, generation=5)
    found = reduce_workload(GATEWAY, raw)
    assert (found.grant, found.former, found.labels, found.owners) == ("ai", "{}", {"app": "kong"}, {"DataPlane": "x"})
    assert (found.resource_version, found.generation) == ("9", 5)


def test_init_containers_are_known_by_name() -> None:
    raw = deployment()
    raw["spec"]["template"]["spec"]["initContainers"] = [{"name": "clear-stale-pid", "image": "kong/kong-gateway:3.13"}]

    assert reduce_workload(GATEWAY, raw).init_containers == ("clear-stale-pid",)


def test_a_bare_workload_has_nothing() -> None:
    found = reduce_workload(GATEWAY, {"metadata": {"name": "gateway", "namespace": "kong"}})
    assert (found.containers, found.grant, found.env_managers, found.borrowed) == ((), None, {}, False)


def test_managers_are_found_by_container_and_setting() -> None:
    entries = [
        entry("helm", fields("KONG_A", "KONG_B", "PATH"), "Update"),
        entry("kubectl", fields("KONG_A", value="f:valueFrom")),
        entry(names.FIELD_MANAGER, fields("KONG_A", container="other")),
        entry("scaler", fields("KONG_B"), subresource="scale"),
        entry("names-only", fields("KONG_B", value="f:name")),
        entry("nobody", None),
    ]
    found = reduce_workload(GATEWAY, deployment(managedFields=entries)).env_managers
    assert found == {
        ("proxy", "KONG_A"): {"helm", "kubectl"},
        ("proxy", "KONG_B"): {"helm"},
        ("other", "KONG_A"): {names.FIELD_MANAGER},
    }


@pytest.mark.parametrize(
    ("managed", "expected"),
    [
        (entry(names.FIELD_MANAGER, fields("KONG_A")), True),
        (entry(names.FIELD_MANAGER, {}), False),
        (entry(names.FIELD_MANAGER, fields("KONG_A"), "Update"), False),
        (entry(names.RESTORING_MANAGER, fields("KONG_A"), "Update"), True),
        (entry("helm", fields("KONG_A")), False),
    ],
    ids=["applied", "released", "updated", "restored and not yet released", "another's"],
)
def test_borrowed_is_what_our_managers_hold(managed: Manifest, *, expected: bool) -> None:
    assert is_borrowed(deployment(managedFields=[managed])) == expected


@pytest.mark.parametrize(("image", "kept"), [("x" * 100_000, "x" * 1024), ("kong:3.13\x1b[31m", ""), ("kong:3.13\n", "")])
def test_an_image_has_room_in_a_status_and_is_printable(image: str, kept: str) -> None:
    raw = deployment()
    raw["spec"]["template"]["spec"]["containers"][0]["image"] = image

    assert [c.image for c in reduce_workload(GATEWAY, raw).containers] == [kept]


def test_sources_of_the_env_are_kept_where_their_prefix_lets_them_set_something_of_kongs() -> None:
    raw = deployment()
    raw["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [
        {"configMapRef": {"name": "kong-env"}},
        {"prefix": "KONG_TR", "secretRef": {"name": "tracing"}},
        {"prefix": "KO", "secretRef": {"name": "short"}},
        {"prefix": "LLM_", "secretRef": {"name": "keys"}},
    ]

    (container,) = reduce_workload(GATEWAY, raw).containers

    assert container.env_from == (EnvSource("ConfigMap kong-env"), EnvSource("Secret tracing", "KONG_TR"), EnvSource("Secret short", "KO"))
    assert container.hidden_sources("KONG_UNTRUSTED_LUA") == ("ConfigMap kong-env", "Secret short")


def test_the_settings_of_a_controller_are_kept() -> None:
    env = {"name": "CONTROLLER_KONG_ADMIN_URL", "value": "https://localhost:8444"}

    assert reduce_workload(GATEWAY, deployment(1, env)).containers[0].env == (EnvEntry(env["name"], env["value"]),)


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("$(BASE),custom", False),
        ("a$$$(B)", False),
        ("$$(BASE)", True),
        ("a$(B", True),
        ("$B", True),
        ("$$$$(B)", True),
        ("$(" * 50_000, True),
    ],
    ids=["one", "after an escape", "escaped", "not closed", "without brackets", "escaped twice", "very many"],
)
def test_a_value_that_takes_in_another_variable_is_not_known(value: str, *, known: bool) -> None:
    (container,) = reduce_workload(GATEWAY, deployment(1, {"name": "KONG_PLUGINS", "value": value})).containers
    assert container.env == (EnvEntry("KONG_PLUGINS", value) if known else EnvEntry("KONG_PLUGINS", None, from_source=True, written=value),)
