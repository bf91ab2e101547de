from __future__ import annotations

from typing import Any, get_args

import pytest

from fiddler_kong_operator.api import AttachTo
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES, read_attachable, read_http_route
from fiddler_kong_operator.plan.snapshot import Attachable

ROUTE = ObjectKey("HTTPRoute", "ai", "chat")
SHOP, CHAT = ObjectKey("Ingress", "ai", "shop"), ObjectKey("Service", "ai", "chat")


def test_every_kind_of_the_api_is_registered() -> None:
    assert set(get_args(AttachTo.model_fields["kind"].annotation)) == set(ATTACHABLES)


def test_an_ingress_is_read_with_its_class_and_places() -> None:
    paths = [{"path": "/a"}, {}]
    raw = {
        "metadata": {"uid": "u", "resourceVersion": "7", "annotations": {"konghq.com/plugins": " one, two,,"}},
        "spec": {"ingressClassName": "kong", "rules": [{"host": "shop.example", "http": {"paths": paths}}, {"http": {"paths": paths[:1]}}]},
    }
    rules = (("shop.example", "/a"), ("shop.example", "/"), ("", "/a"))
    assert read_attachable(SHOP, raw) == Attachable(SHOP, "u", "7", ("one", "two"), "kong", rules)


def test_the_older_annotation_names_the_class_whatever_the_field_says() -> None:
    annotations = {"kubernetes.io/ingress.class": "internal"}
    raw: dict[str, Any] = {"metadata": {"annotations": annotations}, "spec": {}}
    assert read_attachable(SHOP, raw).ingress_class == "internal"
    assert read_attachable(SHOP, {**raw, "spec": {"ingressClassName": "kong"}}).ingress_class == "internal"


def test_an_ingress_leads_to_the_services_of_its_paths_and_by_default() -> None:
    def to(name: str) -> dict[str, Any]:
        return {"service": {"name": name, "port": {"number": 80}}}

    paths = [{"path": "/a", "backend": to("chat")}, {"path": "/b", "backend": to("chat")}, {"path": "/c", "backend": {"resource": {}}}]
    found = read_attachable(SHOP, {"spec": {"defaultBackend": to("web"), "rules": [{"http": {"paths": paths}}]}})
    assert found.backends == ((ObjectKey("Service", "ai", "web"),), (CHAT,))


@pytest.mark.parametrize(("value", "expected"), [("false", True), ("0", True), ("F", True), ("true", False), ("no", False), ("", False)])
def test_tls_verification_is_off_where_kongs_controller_reads_it_so(value: str, expected: bool) -> None:  # noqa: FBT001
    raw = {"metadata": {"annotations": {"konghq.com/tls-verify": value}}}
    assert (read_attachable(CHAT, raw).unverified_tls, read_attachable(SHOP, raw).unverified_tls) == (expected, False)


def http_route(*rules: dict[str, Any], controller: str | None = None, parent: str = "Gateway") -> dict[str, Any]:
    """An HTTPRoute, with the status of an implementation that claims its parent."""
    ref = {"kind": parent, "name": "kong"}
    statuses = [{"parentRef": ref, "controllerName": controller}] if controller else []
    annotations = {"konghq.com/plugins": "cors"}
    spec = {"parentRefs": [ref], "rules": list(rules)}
    return {"metadata": {"uid": "u", "annotations": annotations}, "spec": spec, "status": {"parents": statuses}}


SPLIT = {
    "backendRefs": [
        {"name": "chat", "weight": 0},
        {"name": "canary", "namespace": "beta"},
        {"name": "chat"},
        {"kind": "Bucket", "name": "b"},
    ]
}
KONG_FILTER = {"type": "ExtensionRef", "extensionRef": {"group": "configuration.konghq.com", "kind": "KongPlugin", "name": "limit"}}


def test_an_http_route_is_read_with_the_services_that_share_a_rule() -> None:
    raw = http_route(SPLIT, {"backendRefs": [{"name": "chat"}], "filters": [KONG_FILTER, {"type": "URLRewrite"}]}, {})
    groups = ((CHAT, ObjectKey("Service", "beta", "canary")), (CHAT,))
    assert read_http_route(ROUTE, raw) == Attachable(ROUTE, "u", "", ("cors",), backends=groups, filters=("limit",))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (http_route(SPLIT, controller="konghq.com/kic-gateway-controller"), True),
        (http_route(SPLIT, controller="istio.io/gateway-controller"), False),
        (http_route(SPLIT, parent="Service"), False),
    ],
    ids=["kong's", "another implementation's", "a mesh's"],
)
def test_an_http_route_of_another_implementation_leads_nowhere(raw: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert bool(read_http_route(ROUTE, raw).backends) == expected


def test_a_service_serves_no_place_whatever_it_holds() -> None:
    raw = {"spec": {"ingressClassName": "kong", "rules": [{"http": {"paths": [{"path": "/"}]}}]}}
    assert read_attachable(CHAT, raw) == Attachable(CHAT, "", "")


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"metadata": None, "spec": None},
        {"metadata": [], "spec": "text"},
        {"metadata": {"annotations": ["x"]}, "spec": {"rules": {"a": 1}}},
        {
            "metadata": {"annotations": {"konghq.com/plugins": None}},
            "spec": {"rules": [None, "x", {"http": None}, {"http": {"paths": [1]}}]},
        },
    ],
    ids=str,
)
def test_malformed_objects_of_a_file_serve_nothing_and_list_nothing(raw: dict[str, Any]) -> None:
    assert read_attachable(SHOP, raw) == Attachable(SHOP, "", "")
    assert read_http_route(ROUTE, raw) == Attachable(ROUTE, "", "")
