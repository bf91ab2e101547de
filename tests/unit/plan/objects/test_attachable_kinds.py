from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import pytest

from fiddler_kong_operator.api import AttachTo
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES, read_attachable
from fiddler_kong_operator.plan.snapshot import Attachable, Parent

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


def http_route(
    *rules: dict[str, Any], controller: str | None = None, parent: str = "Gateway", hosts: Sequence[str] = (), **conditions: str
) -> dict[str, Any]:
    """An HTTPRoute, with the status of an implementation that claims its parent."""
    ref = {"kind": parent, "name": "kong"}
    told = [{"type": name, "status": status, "reason": "Told", "message": "see there."} for name, status in conditions.items()]
    claimed = ref | {"namespace": "ai"}
    statuses = [{"parentRef": claimed, "controllerName": controller, "conditions": told}] if controller else []
    annotations = {"konghq.com/plugins": "cors"}
    spec = {"parentRefs": [ref], "hostnames": list(hosts), "rules": list(rules)}
    return {"metadata": {"uid": "u", "annotations": annotations}, "spec": spec, "status": {"parents": statuses}}


SPLIT = {
    "backendRefs": [
        {"name": "chat", "weight": 0},
        {"name": "canary", "namespace": "beta"},
        {"name": "chat"},
        {"kind": "Bucket", "name": "b"},
    ]
}
KONG_FILTER: dict[str, Any] = {
    "type": "ExtensionRef",
    "extensionRef": {"group": "configuration.konghq.com", "kind": "KongPlugin", "name": "limit"},
}


def test_an_http_route_is_read_with_the_services_that_share_a_rule() -> None:
    raw = http_route(SPLIT, {"backendRefs": [{"name": "chat"}], "filters": [KONG_FILTER, {"type": "URLRewrite"}]}, {})
    groups = ((CHAT, ObjectKey("Service", "beta", "canary")), (CHAT,))
    expected = Attachable(ROUTE, "u", "", ("cors",), rules=(("", "/"),), backends=groups, gateways=("ai/kong",), filters=("limit",))
    assert read_attachable(ROUTE, raw) == expected


def test_filters_of_an_http_route_that_every_rule_has_are_told_apart() -> None:
    other = {**KONG_FILTER, "extensionRef": {**KONG_FILTER["extensionRef"], "name": "cors"}}
    found = read_attachable(ROUTE, http_route({"filters": [KONG_FILTER, other]}, {"filters": [KONG_FILTER]}))
    assert (found.filters, found.common_filters) == (("limit", "cors"), ("limit",))


def test_an_http_route_serves_the_paths_of_its_rules_on_its_hosts() -> None:
    matches = [{"path": {"type": "Exact", "value": "/a"}}, {"path": {"type": "RegularExpression", "value": "/b.*"}}, {"headers": []}]
    found = read_attachable(ROUTE, http_route({"matches": matches}, hosts=["a.example", "b.example"]))
    assert found.rules == tuple((host, path) for path in ("/a", "/~/b.*", "/") for host in ("a.example", "b.example"))


KONG = "konghq.com/kic-gateway-controller"


@pytest.mark.parametrize(
    ("raw", "expected", "published"),
    [
        (http_route(), None, False),
        (http_route(controller="example.com/gateway-controller", Accepted="True"), None, False),
        (http_route(controller=KONG), Parent("ai/kong", accepted=False), False),
        (http_route(controller=KONG, Accepted="False"), Parent("ai/kong", accepted=False, message="Told: see there"), False),
        (http_route(controller=KONG, Accepted="True"), Parent("ai/kong", accepted=True), False),
        (http_route(controller=KONG, Accepted="True", Programmed="True"), Parent("ai/kong", accepted=True, programmed="True"), True),
        (
            http_route(controller=KONG, Accepted="True", Programmed="Unknown"),
            Parent("ai/kong", accepted=True, programmed="Unknown", message="Told: see there"),
            False,
        ),
        (
            http_route(controller=KONG, Accepted="True", ResolvedRefs="False", Programmed="True"),
            Parent("ai/kong", accepted=True, programmed="True", message="Told: see there"),
            False,
        ),
        (http_route(controller=KONG, ResolvedRefs="True", Programmed="True"), Parent("ai/kong", accepted=False, programmed="True"), False),
    ],
    ids=[
        "nobody",
        "another implementation",
        "no conditions",
        "refused",
        "accepted",
        "programmed",
        "not yet programmed",
        "without a backend",
        "not yet accepted",
    ],
)
def test_an_http_route_is_read_with_what_kongs_controller_says(raw: dict[str, Any], expected: Parent | None, published: bool) -> None:  # noqa: FBT001
    found = read_attachable(ROUTE, raw)
    assert (found.parents, found.published) == ((expected,) if expected else (), published)


def test_a_parent_that_kong_claims_is_kongs_whatever_a_former_implementation_has_left() -> None:
    raw = http_route(SPLIT, controller=KONG, Accepted="True")
    left = http_route(controller="example.com/gateway-controller", Accepted="True")["status"]["parents"]
    found = read_attachable(ROUTE, {**raw, "status": {"parents": [*left, *raw["status"]["parents"]]}})
    assert (found.foreign, len(found.backends)) == (False, 1)


def test_what_was_said_of_a_former_parent_no_longer_counts() -> None:
    raw = http_route(controller=KONG, Accepted="True", Programmed="True")
    raw["spec"]["parentRefs"] = [{"name": "other"}]
    assert read_attachable(ROUTE, raw).parents == ()


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
    found = read_attachable(ROUTE, raw)
    assert (bool(found.backends), not found.foreign) == (expected, expected)


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
    assert read_attachable(ROUTE, raw) == Attachable(ROUTE, "", "", foreign=True)
