"""A cluster in which the operator may read Secrets by name, but neither list nor watch them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from devcluster.operator_process import USER, OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.observe.rbac import Scope, rules
from tests.integration.arena import Arena
from tests.integration.children import KEYS
from tests.integration.own import own_arena

ROLE: Final = "/apis/rbac.authorization.k8s.io/v1/clusterroles/fiddler-kong-operator"
FLAGS: Final = ("--secrets-access=get", "--secrets-interval=1")


def permit(stage: Stage, granted: list[dict[str, Any]]) -> None:
    stage.cluster.api.request("PATCH", ROLE, {"rules": granted}, "application/merge-patch+json")


@pytest.fixture(scope="module")
def restricted(backstage: Stage) -> Iterator[Stage]:
    permit(backstage, rules(Scope.WATCHED, Scope.CLUSTER, secrets="get"))
    yield backstage
    permit(backstage, rules(Scope.WATCHED, Scope.CLUSTER))


@pytest.fixture
def arena(restricted: Stage) -> Iterator[Arena]:
    """An operator of its own, and proof that it asked for nothing that it may not."""
    log = restricted.cluster.write_log()
    mark = log.mark()
    with OperatorProcess(restricted.cluster, *FLAGS) as operator, own_arena(restricted, operator, provided=True) as arena:
        yield arena
    asked = [request for request in log.requests(user=USER, since=mark) if request.resource == "secrets"]
    assert {request.verb for request in asked} & {"list", "watch"} == set()
    assert "get" in {request.verb for request in asked}
    assert [str(request) for request in asked if request.code == 403] == []


def fiddler_key(arena: Arena) -> str:
    found: str = arena.pushed().plugin("opentelemetry")["config"]["headers"]["Authorization"]
    return found


def test_a_binding_becomes_ready_when_its_secret_comes_and_follows_its_rotation(arena: Arena) -> None:
    arena.delete("Secret", "openai")
    arena.put(arena.binding())
    arena.until_condition("SecretsResolved", "False", "SecretNotFound")

    arena.put(arena.secret("openai", arena.stage.keys.provider))
    arena.until_ready()
    arena.until_quiet()

    arena.put(arena.secret("fiddler", "rotated-0123456789"))
    arena.until(lambda: "rotated-0123456789" in fiddler_key(arena), "the new key in Kong")
    arena.put(arena.secret("fiddler", arena.stage.keys.fiddler))
    arena.until_ready()


def test_the_derived_secret_is_repaired_and_found_again_after_a_restart(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()

    arena.delete(*KEYS)
    arena.until(lambda: arena.get(*KEYS) is not None, "the derived Secret again")
    arena.until_quiet()
    arena.operator.stop()
    mark = arena.mark()
    arena.operator.start()
    arena.until_quiet(4)

    assert [str(write) for write in arena.writes(mark) if write.namespace == arena.namespace] == []
    assert arena.operator.figures()["forbidden"] == []
