from __future__ import annotations

from typing import Any, get_args

import pytest

from fiddler_kong_operator.api import AttachTo
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES, read_attachable
from fiddler_kong_operator.plan.snapshot import Attachable

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


def test_the_older_annotation_names_the_class_where_the_field_does_not() -> None:
    annotations = {"kubernetes.io/ingress.class": "internal"}
    raw: dict[str, Any] = {"metadata": {"annotations": annotations}, "spec": {}}
    assert read_attachable(SHOP, raw).ingress_class == "internal"
    assert read_attachable(SHOP, {**raw, "spec": {"ingressClassName": "kong"}}).ingress_class == "kong"


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
