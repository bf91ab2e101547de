"""A definition of KongPlugin without `configPatches`, with which the API server would drop the keys."""

from __future__ import annotations

import copy
from typing import Final

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from tests.integration.diagnoses import diagnosed
from tests.integration.dry_runs import probed_plugin, until_accepted, until_refused
from tests.integration.own import own_arena

DEFINITION: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/kongplugins.configuration.konghq.com"


def test_a_definition_without_config_patches_is_named_and_the_new_one_is_used_without_a_restart(backstage: Stage) -> None:
    api = backstage.cluster.api
    definition = api.get(DEFINITION)
    old = copy.deepcopy(definition)
    for version in old["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["configPatches"]
        version["schema"]["openAPIV3Schema"].pop("x-kubernetes-validations", None)
    with OperatorProcess(backstage.cluster) as operator, own_arena(backstage, operator, provided=True) as arena:
        api.request("PATCH", DEFINITION, {"spec": old["spec"]}, "application/merge-patch+json")
        try:
            until_refused(arena, "configPatches", probed_plugin(arena, configPatches=[]))
            arena.put(arena.binding())

            found = arena.until_condition("Ready", "False", "KongDefinitionOutdated")
            assert "Kong Ingress Controller 3.1" in found["message"]
            assert 'unknown field "configPatches"' in found["message"]
            assert arena.get("KongPlugin", "assistant-opentelemetry") is None
            assert "KongDefinitionOutdated" in diagnosed(arena)
        finally:
            api.request("PATCH", DEFINITION, {"spec": definition["spec"]}, "application/merge-patch+json")

        until_accepted(arena, probed_plugin(arena, configPatches=[]))
        arena.patch("FiddlerKongBinding", "assistant", {"spec": {"payloads": "Disabled"}})  # retries at once
        arena.until_ready()
        assert arena.existing("KongPlugin", "assistant-opentelemetry")["configPatches"]
