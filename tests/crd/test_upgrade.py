"""From an older chart to this one, with a binding alive.

There has been no release yet. `upgrade/` has what stands for the last one: the packaged chart of commit 26118c9, and the objects that
its operator makes of the quickstart, as its own golden test recorded them. Its code is not kept, so it does not run here. With a release,
replace both files by its own, and `REWRITTEN` by what the changelog says.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devcluster import Cluster
from devcluster.operator_process import OperatorProcess
from devcluster.stage import APPLICATION_ID, Stage
from fiddler_kong_operator import names
from tests.chart.rendering import CHART
from tests.crd.release import Release
from tests.integration.arena import SETTINGS, Arena, Manifest
from tests.integration.children import children, object_lines

FILES: Final = Path(__file__).parent / "upgrade"
CRD: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/fiddlerkongbindings.integrations.fiddler.ai"
CURRENT: Final = CHART.parents[1] / "crds"

REWRITTEN: Final = ["patch kongplugins assistant-pre-function"]
"""The Lua has changed since then; nothing else has."""


@pytest.fixture
def old(cluster: Cluster, namespace: str) -> Iterator[Release]:
    """A release of the old chart, whose definition has taken the place of the present one."""
    release = Release(cluster, namespace)
    installed = release.run("install", FILES / "chart-26118c9.tgz", "--set=rbac.create=false", "--take-ownership")
    assert installed.returncode == 0, installed.stderr
    yield release
    release.run("uninstall")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={CURRENT}")


def served(cluster: Cluster) -> dict[str, Any]:
    """The status of the definition's schema."""
    found: dict[str, Any] = cluster.api.get(CRD)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    return found


def encoded(key: str) -> str:
    return base64.b64encode(json.dumps(f"Bearer {key}").encode()).decode()


def leave_behind(arena: Arena) -> None:
    """The state in which the old operator has left a binding: Ready, with its objects and the gateway's settings."""
    env = [{"name": name, "value": value} for name, value in SETTINGS.items()]
    spec = {"template": {"spec": {"containers": [{"name": "proxy", "env": env}]}}}
    arena.put(arena.manifest("apps/v1", "Deployment", "kong-gateway", spec=spec), manager=names.FIELD_MANAGER)
    arena.stage.cluster.wait_rolled_out(arena.namespace, "kong-gateway")
    arena.put(arena.binding())
    uid = arena.existing(names.KIND, "assistant")["metadata"]["uid"]
    keys = arena.stage.keys
    filled = {
        "FIDDLER_KEY": encoded(keys.fiddler), "PROVIDER_KEY": encoded(keys.provider), "APPLICATION": APPLICATION_ID,
        "NAMESPACE": arena.namespace, "SINK": arena.stage.sink.url, "UID": uid,
    }  # fmt: skip
    text = (FILES / "left-by-26118c9.yaml").read_text()
    for word, value in filled.items():
        text = text.replace(word, value)
    for manifest in yaml.safe_load_all(text):
        arena.stage.cluster.api.request("POST", f"{arena.path(manifest['kind'])}?fieldManager={names.FIELD_MANAGER}", manifest)


def generation(arena: Arena) -> int:
    """Changes with each change of the binding's spec."""
    found: int = arena.existing(names.KIND, "assistant")["metadata"]["generation"]
    return found


def gateway(arena: Arena) -> Manifest:
    found: Manifest = arena.existing("Deployment", "kong-gateway")["spec"]
    return found


def test_an_upgrade_restarts_no_gateway_and_rewrites_only_what_the_changelog_says(stage: Stage, old: Release) -> None:
    process = OperatorProcess(stage.cluster)
    arena = Arena(stage, process, old.namespace)
    arena.put(arena.gateway(), arena.secret("fiddler", stage.keys.fiddler), arena.secret("openai", stage.keys.provider))
    leave_behind(arena)
    objects, pods, mark = children(arena), gateway(arena), arena.mark()
    assert "default" not in served(stage.cluster)

    upgraded = old.run("upgrade", CHART, "--reset-then-reuse-values")

    assert upgraded.returncode == 0, upgraded.stderr
    assert served(stage.cluster)["default"] == {"observedGeneration": -1}
    assert (children(arena), generation(arena)) == (objects, 1)
    with process:
        arena.until_ready()
        arena.until_quiet()
        assert object_lines(arena, mark) == REWRITTEN
        assert gateway(arena) == pods
        arena.delete(names.KIND, "assistant")
        arena.until_gone(names.KIND, "assistant")
