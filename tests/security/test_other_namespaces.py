"""A binding cannot reach another namespace's Secrets, plugins or gateway."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.arena import Arena
from tests.integration.children import children
from tests.integration.targets import attached_binding, listed, service
from tests.security.test_injection import attempt, names_it

TREASURE: Final = "fdl_other.tenants-canary"


@pytest.fixture
def treasury(neighbour: Arena) -> Arena:
    neighbour.put(neighbour.secret("treasure", TREASURE))
    return neighbour


def test_no_field_names_another_namespaces_secret(arena: Arena, treasury: Arena) -> None:
    fields = ("fiddler.apiKeySecretRef", "routes.0.llm.auth.secretRef")
    names = [text.format(treasury.namespace) for text in ("{}/treasure", "{}:treasure", "../{}/secrets/treasure", "treasure?namespace={}")]
    attempts = {(f, n): attempt(arena, arena.binding({f"{f}.name": n})) for f in fields for n in names}

    assert [key for key, answer in attempts.items() if not names_it(answer, f"{key[0]}.name")] == []


def test_a_secret_is_looked_for_in_the_bindings_own_namespace_alone(arena: Arena, treasury: Arena) -> None:
    """There is no field `namespace`: the API server drops it."""
    ref = {"name": "treasure", "key": "api-key", "namespace": treasury.namespace}
    arena.create(arena.binding({"fiddler.apiKeySecretRef": ref}))

    message = arena.until_condition("SecretsResolved", "False", "SecretNotFound")["message"]

    assert message.startswith("spec.fiddler.apiKeySecretRef: the Secret `treasure` does not exist in this namespace")
    assert (children(arena), TREASURE in arena.operator.log) == ({}, False)


def test_a_plugin_of_another_namespace_in_a_list_is_neither_ours_nor_touched(arena: Arena, neighbour: Arena) -> None:
    """Both tenants call their binding `assistant`; with a ReferenceGrant, `namespace:name` would attach the other's plugin."""
    neighbour.put(neighbour.binding())
    neighbour.until_ready()
    theirs = f"{neighbour.namespace}:assistant-opentelemetry"
    source = {"group": "", "kind": "Service", "namespace": arena.namespace}
    target = {"group": "configuration.konghq.com", "kind": "KongPlugin"}
    neighbour.put(
        neighbour.manifest("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "grant", spec={"from": [source], "to": [target]})
    )
    arena.put(service(arena, plugins=theirs), attached_binding(arena))

    condition = arena.until_condition("Accepted", "False", "PluginClash", seconds=10)

    assert theirs in condition["message"]
    arena.until_quiet()
    assert listed(arena) == theirs


def test_a_gateway_of_the_same_name_in_ones_own_namespace_is_not_touched(arena: Arena, neighbour: Arena) -> None:
    for tenant in (arena, neighbour):
        tenant.put(tenant.gateway())
    arena.put(arena.binding({"gateway.targetRef": {"namespace": neighbour.namespace, "name": "kong-gateway"}}))

    condition = arena.until_condition("Accepted", "False", "GatewayNotGranted")

    arena.until_quiet()
    assert (arena.settings(), neighbour.settings(), children(arena)) == ({}, {}, {})
    assert condition["message"].startswith(f"Deployment {neighbour.namespace}/kong-gateway ")
