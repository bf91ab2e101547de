"""Every sample becomes Ready and shows no difference to GitOps tools.

The objects that its comment asks for are there, and this stage's addresses stand in place of placeholders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devcluster.stage import APPLICATION_ID
from tests.integration.arena import SETTINGS, Arena, Manifest, changed
from tests.integration.gitops import differences
from tests.integration.kong_operator import gateway_objects
from tests.integration.targets import foreign_plugin, http_route, ingress, service

FOLDER: Final = Path(__file__).parents[2] / "manifests" / "samples"
SAMPLES: Final = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "kustomization")


def binding_of(sample: Path, arena: Arena) -> Manifest:
    """The sample's binding in this namespace, whose gateway and Secrets stand for those of the sample."""
    (binding,) = (raw for raw in yaml.safe_load_all(sample.read_text()) if raw["kind"] == "FiddlerKongBinding")
    changes: dict[str, Any] = {
        "metadata.namespace": arena.namespace,
        "spec.fiddler.url": arena.stage.sink.url,
        "spec.fiddler.applicationId": APPLICATION_ID,
        "spec.gateway.targetRef": {"kind": binding["spec"]["gateway"]["targetRef"].get("kind", "Deployment"), "name": "kong-gateway"},
    }
    if "export" in binding["spec"]["fiddler"]:
        changes["spec.fiddler.export.endpoint"] = arena.stage.sink.url
    return changed(binding, changes)


def prepare(arena: Arena, binding: Manifest) -> None:
    """The objects that a sample takes for granted: keys, gateway, settings that Helm has set, and the Service `chat` with its ai-proxy."""
    arena.put(arena.secret("anthropic", "sk-ant-0123456789abcdef"))
    kind = binding["spec"]["gateway"]["targetRef"]["kind"]
    arena.put(arena.gateway(kind=kind), *(gateway_objects(arena, "kong-gateway", "kong") if kind == "GatewayConfiguration" else ()))
    if binding["spec"]["gateway"].get("management") == "Verify":
        arena.put(arena.gateway(env=SETTINGS))
    if "attachTo" in binding["spec"]["routes"][0]:
        arena.put(foreign_plugin(arena, "model", "ai-proxy"), service(arena, "chat", "model"), ingress(arena, "chat", backend="chat"))
    if "HTTPRoute" in str(binding["spec"]["routes"][0].get("attachTo")):
        arena.put(service(arena, "canary"), service(arena, "chat"), http_route(arena, ("chat", "canary"), name="chat", plugins="model"))


def wanted_types(binding: Manifest) -> set[str]:
    """The types of plugins that Kong has then, a user's own included."""
    several = ["targets" in route.get("llm", {}) for route in binding["spec"]["routes"]]
    stamping = () if binding["spec"].get("sessions", {}).get("mode") == "Disabled" else ("pre-function",)
    return {"opentelemetry", *stamping, *("ai-proxy-advanced" if found else "ai-proxy" for found in several)}


@pytest.mark.usefixtures("kong_operator")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_becomes_ready_and_reaches_kong(arena: Arena, sample: Path) -> None:
    binding, refused = binding_of(sample, arena), arena.stage.gateway.refused_pushes
    prepare(arena, binding)

    arena.put(binding)

    arena.until_ready(binding["metadata"]["name"])
    pushed = arena.until_pushed(lambda pushed: set(pushed.types()) == wanted_types(binding), "its plugins")
    assert arena.stage.gateway.refused_pushes == refused
    overridden = [operation["value"] for override in binding["spec"].get("overrides", ()) for operation in override["patch"]]
    sizes = {plugin["config"]["queue"]["max_batch_size"] for plugin in pushed.plugins if plugin["name"] == "opentelemetry"}
    assert sizes == set(overridden or [200])
    assert differences(arena, binding) == []
