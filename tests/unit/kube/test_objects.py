from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import Kind, ObjectKey
from fiddler_kong_operator.plan.kinds import BINDING, DEPLOYMENT, EVENT, INGRESS, KONG_CLUSTER_PLUGIN, SECRET


@pytest.mark.parametrize(
    ("kind", "place", "expected"),
    [
        (SECRET, (), "/api/v1/secrets"),
        (SECRET, ("ai",), "/api/v1/namespaces/ai/secrets"),
        (SECRET, ("ai", "fiddler"), "/api/v1/namespaces/ai/secrets/fiddler"),
        (DEPLOYMENT, ("kong", "gateway"), "/apis/apps/v1/namespaces/kong/deployments/gateway"),
        (
            BINDING,
            ("ai", "assistant", "status"),
            "/apis/integrations.fiddler.ai/v1alpha1/namespaces/ai/fiddlerkongbindings/assistant/status",
        ),
        (KONG_CLUSTER_PLUGIN, ("ai", "prometheus"), "/apis/configuration.konghq.com/v1/kongclusterplugins/prometheus"),
    ],
)
def test_paths_follow_group_namespace_and_scope(kind: Kind, place: tuple[str, ...], expected: str) -> None:
    assert kind.path(*place) == expected


def test_api_versions_leave_the_core_group_out() -> None:
    assert [SECRET.api_version, INGRESS.api_version] == ["v1", "networking.k8s.io/v1"]


def test_only_selectors_that_are_set_narrow_a_list() -> None:
    assert INGRESS.selectors == {}
    assert EVENT.selectors == {"fieldSelector": "source=kong-client"}


def test_items_of_a_list_need_no_kind_of_their_own() -> None:
    assert SECRET.key({"metadata": {"namespace": "ai", "name": "x"}}) == ObjectKey("Secret", "ai", "x")
    assert KONG_CLUSTER_PLUGIN.key({"metadata": {"name": "x"}}) == ObjectKey("KongClusterPlugin", "", "x")
