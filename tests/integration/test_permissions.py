"""The operator uses exactly the permissions that it is granted, with a ClusterRole and with Roles alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest

from devcluster import Cluster
from devcluster.audit import Write
from devcluster.folders import PROJECT_ROOT
from devcluster.operator_process import NAMESPACE, USER, OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.observe.rbac import GRANTS, Scope
from fiddler_kong_operator.plan.gateway.workload_kinds import WORKLOADS
from tests.integration.arena import Arena
from tests.integration.kong_operator import gateway_objects, kong_operating
from tests.integration.own import own_arena
from tests.integration.targets import ANNOTATION, attached_binding, foreign_plugin, http_route, ingress, listed, service

Right = tuple[str, str, str]
"""API group, resource (with its subresource) and verb."""

BINDINGS: Final = ("assistant", "on-service", "on-ingress", "on-route", "on-gateway")


def right(request: Write) -> Right:
    return request.group, "/".join(filter(None, [request.resource, request.subresource])), request.verb


def granted(*scopes: Scope) -> set[Right]:
    return {(g.group, resource, verb) for g in GRANTS if g.scope in scopes for resource in g.resources for verb in g.verbs}


def live_through_everything(arena: Arena) -> None:
    """Play the life of an operator: creation, repair, attachment, name conflicts, removal, and a restart in between."""
    arena.put(arena.binding(), service(arena), ingress(arena, path=f"/{arena.namespace}-llm"))
    arena.put(attached_binding(arena, name="on-service"), attached_binding(arena, "Ingress", name="on-ingress"))
    arena.put(attached_binding(arena, "HTTPRoute", "split", "on-route"))
    elsewhere = {"routes.0.expose.path": f"/{arena.namespace}/gateway"}
    arena.until_condition("Accepted", "False", "TargetNotFound", "on-route")
    gateway = {"namespace": "kong", "name": "kong"}
    arena.put(http_route(arena, ("llm",)), arena.binding({**elsewhere, "routes.0.expose.gatewayRef": gateway}, "on-gateway"))
    for name in BINDINGS:
        arena.until_ready(name)
    for kind in WORKLOADS:
        serve_with(arena, kind)
    change_by_hand(arena)
    arena.operator.stop()
    arena.operator.start()
    arena.put(arena.binding({"routes.0.name": "renamed"}))  # old objects are pruned
    arena.until_ready()
    arena.until_gone("KongPlugin", "assistant-openai-ai-proxy")
    arena.put(arena.binding(elsewhere, "on-gateway"))
    arena.until_gone("HTTPRoute", "on-gateway-openai")
    arena.put(arena.gateway("kong/kong-gateway:3.13.0.7"))
    arena.patch("Secret", "fiddler", {"metadata": {"labels": {"touched": "yes"}}})
    for name in BINDINGS:
        arena.delete("FiddlerKongBinding", name)
        arena.until_gone("FiddlerKongBinding", name)
    arena.until(lambda: arena.settings() == {}, "the removal of the settings")


def serve_with(arena: Arena, kind: str) -> None:
    """Set the settings of a gateway of this kind, and restore them."""
    name = f"kong-{kind.lower()}"
    target = {"gateway.targetRef": {"kind": kind, "name": name}, "routes.0.expose.path": f"/{arena.namespace}/{name}"}
    arena.put(arena.binding(target, name))
    arena.until_condition("GatewayConfigured", "False", "GatewayNotFound", name)
    arena.put(arena.gateway(kind=kind, name=name))
    if kind == "GatewayConfiguration":
        arena.put(*gateway_objects(arena, name, "kong"))
    arena.until_ready(name)
    arena.delete("FiddlerKongBinding", name)
    arena.until_gone("FiddlerKongBinding", name)


def change_by_hand(arena: Arena) -> None:
    """Change or delete one object of each kind, and wait for the repair."""
    arena.patch("KongPlugin", "assistant-opentelemetry", {"config": {"header_type": "w3c"}})
    arena.patch("Service", "assistant-openai", {"spec": {"externalName": "example.com"}})
    arena.patch("Ingress", "assistant-openai", {"metadata": {"annotations": {"konghq.com/strip-path": "false"}}})
    arena.patch("Secret", "assistant-kong-keys", {"data": {"opentelemetry": "IngiCg=="}})
    arena.delete("Secret", "on-service-kong-keys")
    arena.until(lambda: arena.existing("Service", "assistant-openai")["spec"]["externalName"] == "api.openai.com", "the Service put right")
    arena.until(lambda: "header_type" not in arena.existing("KongPlugin", "assistant-opentelemetry")["config"], "the plugin put right")
    arena.until(lambda: arena.get("Secret", "on-service-kong-keys") is not None, "the Secret made again")
    arena.put(arena.secret("new", arena.stage.keys.fiddler), arena.binding({"fiddler.apiKeySecretRef.name": "new"}))
    arena.until_ready()


@pytest.fixture(scope="module")
def requests(backstage: Stage) -> tuple[Write, ...]:
    """Every request of the operator during its life."""
    backstage.cluster.kubectl("--namespace", NAMESPACE, "delete", "lease", "--all", "--ignore-not-found")
    log = backstage.cluster.write_log()
    mark = log.mark()
    with kong_operating(backstage.cluster), OperatorProcess(backstage.cluster) as operator, own_arena(backstage, operator) as arena:
        live_through_everything(arena)
    return log.requests(user=USER, since=mark)


def test_nothing_is_asked_for_that_is_not_granted(requests: tuple[Write, ...]) -> None:
    assert {right(request) for request in requests if request.resource} - granted(*Scope) == set()


def test_nothing_is_granted_that_is_not_asked_for(requests: tuple[Write, ...]) -> None:
    assert granted(*Scope) - {right(request) for request in requests} == set()


def test_nothing_is_ever_forbidden(requests: tuple[Write, ...]) -> None:
    assert [str(request) for request in requests if request.code in (401, 403)] == []


def test_the_audit_saw_reads_as_well(requests: tuple[Write, ...]) -> None:
    assert {"get", "list", "watch"} <= {request.verb for request in requests}


# Roles alone: the chart with watchNamespaces


@pytest.fixture(scope="module")
def scoped(backstage: Stage) -> Iterator[tuple[OperatorProcess, list[str]]]:
    """An operator with only the chart's permissions in two namespaces; the ClusterRoleBinding is restored afterwards."""
    cluster, watched = backstage.cluster, ["scoped-a", "scoped-b"]
    for namespace in (*watched, "scoped-c"):
        cluster.create_namespace(namespace)
    binding = json.loads(cluster.kubectl("get", "clusterrolebinding", "fiddler-kong-operator", "--output=json"))
    cluster.kubectl("delete", "clusterrolebinding", "fiddler-kong-operator")
    try:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=roles(backstage, watched))
        with OperatorProcess(cluster, f"--namespaces={','.join(watched)}", name="scoped") as operator:
            yield operator, watched
            restore(cluster, binding)  # otherwise finalizers stay, and the next test's operator gets the bindings
            for namespace in (*watched, "scoped-c"):
                cluster.kubectl("--namespace", namespace, "delete", "fkb,ingress", "--all", "--wait")
                cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    finally:
        restore(cluster, binding)


def restore(cluster: Cluster, binding: dict[str, Any]) -> None:
    kept = {"metadata": {"name": binding["metadata"]["name"]}, **{part: binding[part] for part in ("roleRef", "subjects")}}
    cluster.apply({"apiVersion": binding["apiVersion"], "kind": binding["kind"], **kept})


def roles(stage: Stage, namespaces: list[str]) -> str:
    """The chart's roles for these namespaces."""
    chart = PROJECT_ROOT / "charts" / "fiddler-kong-operator"
    flags = ["--show-only=templates/roles.yaml", "--kube-version=1.36", f"--namespace={NAMESPACE}"]
    values = f"--set=watchNamespaces={{{','.join(namespaces)}}}"
    command = [str(stage.cluster.program("helm")), "template", "fiddler-kong-operator", str(chart), *flags, values]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_with_roles_alone_the_watched_namespaces_are_served(backstage: Stage, scoped: tuple[OperatorProcess, list[str]]) -> None:
    operator, watched = scoped
    log = backstage.cluster.write_log()
    mark = log.mark()
    arenas = [Arena(backstage, operator, namespace) for namespace in (*watched, "scoped-c")]
    for arena in arenas:
        arena.put(arena.gateway(), arena.secret("fiddler", backstage.keys.fiddler), arena.secret("openai", backstage.keys.provider))
        arena.put(foreign_plugin(arena, "cors"), service(arena, plugins="cors"), ingress(arena))
        arena.put(arena.binding(), attached_binding(arena, name="attached"))

    for arena in arenas[:2]:
        arena.until_ready()
        arena.until_ready("attached")
        assert (listed(arena) or "").startswith("cors,")
        arena.delete("FiddlerKongBinding", "attached")
        arena.until_gone("FiddlerKongBinding", "attached")
        assert arena.existing("Service", "llm")["metadata"]["annotations"][ANNOTATION] == "cors"

    assert arenas[2].conditions() == {}
    asked = log.requests(user=USER, since=mark)
    assert {request.namespace for request in asked if request.resource} <= {*watched, NAMESPACE}
    assert [str(request) for request in asked if request.code == 403] == []


def test_with_roles_alone_a_gateway_elsewhere_cannot_be_seen(backstage: Stage, scoped: tuple[OperatorProcess, list[str]]) -> None:
    operator, watched = scoped
    arena = Arena(backstage, operator, watched[0])
    arena.put(arena.secret("fiddler", backstage.keys.fiddler), arena.secret("openai", backstage.keys.provider))

    arena.put(arena.binding({"gateway.targetRef": {"namespace": "scoped-c", "name": "kong-gateway"}}))

    found = arena.until_condition("GatewayConfigured", "False", "GatewayNotFound")
    assert "scoped-c" in found["message"]


@pytest.mark.exhaustive
def test_a_role_that_lacks_a_verb_holds_back_its_own_namespace_only(backstage: Stage, scoped: tuple[OperatorProcess, list[str]]) -> None:
    operator, (served, held) = scoped
    role = json.loads(backstage.cluster.kubectl("--namespace", held, "get", "roles", "--output=json"))["items"][0]
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{held}/roles/{role['metadata']['name']}"
    fewer = [{**rule, "verbs": ["get"] if "ingresses" in rule["resources"] else rule["verbs"]} for rule in role["rules"]]
    operator.stop()
    backstage.cluster.api.request("PATCH", path, {"rules": fewer}, "application/merge-patch+json")
    operator.start()
    arenas = [Arena(backstage, operator, namespace) for namespace in (served, held)]
    for arena in arenas:
        arena.put(arena.gateway(), arena.secret("fiddler", backstage.keys.fiddler), arena.secret("openai", backstage.keys.provider))
        arena.put(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/held"}, "held"))

    arenas[0].until_ready("held")
    found = arenas[1].until_condition("Accepted", "False", "WatchForbidden", "held")
    assert f"list Ingress {held}" in found["message"]
    arenas[1].until(lambda: f"Ingress in {held}" in json.dumps(operator.health()), "the kind in /healthz, which kopf caches for seconds")

    backstage.cluster.api.request("PATCH", path, {"rules": role["rules"]}, "application/merge-patch+json")
    arenas[1].until_ready("held", seconds=60)
