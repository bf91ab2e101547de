"""`fiddler-kong uninstall` cleans up: by the operator where it runs, in its own process where none does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import pytest

from devcluster.audit import Mark
from devcluster.errors import ApiError
from devcluster.operator_process import NAMESPACE, USER, OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator import names
from fiddler_kong_operator.plan.kinds import BINDING, KINDS, OWNED
from tests.integration.arena import Arena, Manifest
from tests.integration.commands import fiddler_kong
from tests.integration.dry_runs import until_refused
from tests.integration.own import own_arena
from tests.integration.targets import attached_binding, foreign_plugin, service
from tests.integration.test_refused_writes import applied, policy
from tests.integration.workload import Gateway

FROZEN: Final = "this list is frozen"
_REFUSED: Final = 400
_REVISION: Final = "deployment.kubernetes.io/revision"


@dataclass
class Scene:
    """Two gateways with four bindings, one of them suspended: an exposed route, and attachments to three Services of a user."""

    arena: Arena
    before: dict[str, str]

    @classmethod
    def prepare(cls, arena: Arena) -> Scene:
        """Make a user's objects, remember them, and create the bindings."""
        bare = service(arena, "bare")
        del bare["metadata"]["annotations"]
        arena.put(
            arena.gateway(env={"KONG_TRACING_SAMPLING_RATE": "0.5"}),
            arena.gateway(name="second"),
            foreign_plugin(arena, "mine"),
            service(arena, "shared", plugins="mine"),
            service(arena, "held"),
            bare,
        )
        scene = cls(arena, {})
        scene.before = scene.content()
        second = {"gateway.targetRef.name": "second"}
        arena.put(
            arena.binding({"gateway.conflicts": "Override"}),
            attached_binding(arena, target="shared", name="on-shared", changes={"gateway.conflicts": "Override"}),
            attached_binding(arena, target="bare", name="on-bare", changes=second),
            attached_binding(arena, target="held", name="on-held", changes=second),
        )
        return scene

    def content(self) -> dict[str, str]:
        """The user's objects as JSON, without what every write changes."""
        found = ((kind, self.arena.existing(kind, name)) for kind, name in sorted(self.arena.made) if kind != BINDING.name)
        return {f"{kind} {raw['metadata']['name']}": json.dumps(_content(raw)) for kind, raw in found}

    def uninstall(self, *args: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, document and standard error; no key in any of it."""
        result = fiddler_kong(self.arena, "uninstall", "-o", "json", *args)
        assert [key for key in (self.arena.stage.keys.fiddler, self.arena.stage.keys.provider) if key in result.output] == []
        return result.exit_code, json.loads(result.stdout), result.stderr

    def ours(self) -> list[str]:
        """Our objects and settings that are left."""
        everything = [raw for kind in (BINDING, *OWNED) for raw in self.arena.all_of(kind.name)]
        ours = [raw for raw in everything if raw["kind"] == BINDING.name or names.BINDING_LABEL in (raw["metadata"].get("labels") or {})]
        traces = (Gateway(self.arena, name).traces_of_us for name in ("kong-gateway", "second"))
        return [*(f"{raw['kind']} {raw['metadata']['name']}" for raw in ours), *chain.from_iterable(traces)]

    def written(self, since: Mark) -> set[tuple[str, str]]:
        """The objects that were written for the uninstallation, by whomever, without Events and statuses."""
        self.arena.mark()
        kinds = {kind.plural: name for name, kind in KINDS.items()}
        found = self.arena.stage.cluster.write_log().writes(since=since)
        here = (w for w in found if w.namespace == self.arena.namespace and w.code < _REFUSED and not w.subresource)
        ours = (w for w in here if w.user_agent.startswith(names.APPLICATION) or w.verb == "delete")  # the garbage collector deletes
        return {(kinds[w.resource], w.name) for w in ours if w.resource in kinds and w.resource != "events"}


def _content(raw: Manifest) -> Manifest:
    metadata = {name: raw["metadata"].get(name) for name in ("name", "labels", "finalizers", "ownerReferences")}
    annotations = {name: value for name, value in (raw["metadata"].get("annotations") or {}).items() if name != _REVISION}
    rest = {name: value for name, value in raw.items() if name not in {"metadata", "status"}}
    return {**rest, "metadata": {**metadata, "annotations": annotations}}


def keys(entries: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(entry["kind"], entry["name"]) for entry in entries}


@dataclass
class Scenes:
    operator: OperatorProcess
    by_operator: Scene
    alone: Scene


@pytest.fixture(scope="module")
def scenes(backstage: Stage) -> Iterator[Scenes]:
    with OperatorProcess(backstage.cluster, name="uninstalled-operator") as operator, ExitStack() as stack:
        found = [Scene.prepare(stack.enter_context(own_arena(backstage, operator))) for _ in range(2)]
        for scene in found:
            for name in ("assistant", "on-shared", "on-bare", "on-held"):
                scene.arena.until_ready(name)
            scene.arena.patch(BINDING.name, "on-bare", {"spec": {"suspend": True}})
            scene.arena.until_condition("Accepted", "Unknown", "Suspended", "on-bare")
            scene.arena.until_quiet(1.0)
        yield Scenes(operator, *found)


def test_a_dry_run_writes_nothing_and_lists_what_the_run_then_writes(scenes: Scenes) -> None:
    scene = scenes.by_operator
    mark = scene.arena.mark()

    code, planned, _ = scene.uninstall()

    scene.arena.mark()
    written = scene.arena.stage.cluster.write_log().writes(since=mark)
    asked = {write.resource for write in written if write.user != USER and write.user_agent.startswith(names.APPLICATION)}
    assert asked == {"selfsubjectaccessreviews"}
    assert (code, planned["applied"], planned["problems"], planned["missingRights"]) == (0, False, [], [])
    assert planned["operator"] == f"The operator in namespace {NAMESPACE} runs: it does the work."
    mark = scene.arena.mark()

    code, done, stderr = scene.uninstall("--yes")

    assert (code, done["left"], done["problems"]) == (0, [], []), stderr
    assert keys(done["done"]) == keys(planned["left"]) == scene.written(mark)
    assert {("Service", "shared"), ("Service", "bare"), ("Deployment", "kong-gateway"), ("Deployment", "second")} < keys(done["done"])
    assert scene.content() == scene.before
    assert scene.ours() == []


def test_without_an_operator_a_denied_cleanup_holds_back_nothing_else_and_a_second_run_ends_it(scenes: Scenes) -> None:
    scene, arena = scenes.alone, scenes.alone.arena
    scenes.operator.stop()
    expression = "object.metadata.name != 'held'"
    with applied(arena, *policy(arena, "services", "UPDATE", expression, FROZEN)):
        frozen = service(arena, "held")
        frozen["metadata"]["annotations"]["example.com/owner"] = "somebody else"
        until_refused(arena, FROZEN, frozen)

        code, first, stderr = scene.uninstall("--yes")

        assert code == 1, stderr
        assert stderr.startswith("No operator runs: this command does its work.\n")
        assert [problem for problem in first["problems"] if FROZEN in problem and "on-held" in problem] == first["problems"]
        assert {("FiddlerKongBinding", "on-held"), ("Service", "held"), ("Deployment", "second")} <= keys(first["left"])
        assert [raw["metadata"]["name"] for raw in arena.all_of(BINDING.name)] == ["on-held"]
        changed = {name for name, text in scene.content().items() if text != scene.before[name]}
        assert changed == {"Service held", "Deployment second"}

    arena.until(lambda: not _is_refused(arena), "the policy is lifted")
    code, second, stderr = scene.uninstall("--yes")

    assert (code, second["left"], second["problems"]) == (0, [], []), stderr
    assert keys(second["done"]) == keys(first["left"])
    assert scene.content() == scene.before
    assert scene.ours() == []
    code, nothing, _ = scene.uninstall("--yes")
    assert (code, nothing["done"], nothing["left"]) == (0, [], [])
    assert "kubectl delete crd fiddlerkongbindings.integrations.fiddler.ai" in nothing["commands"]


def _is_refused(arena: Arena) -> bool:
    """Whether the policy is still in force."""
    body = {"metadata": {"annotations": {"example.com/owner": "probe"}}}
    try:
        arena.stage.cluster.api.request("PATCH", f"{arena.path('Service', 'held')}?dryRun=All", body, "application/merge-patch+json")
    except ApiError:
        return True
    return False
