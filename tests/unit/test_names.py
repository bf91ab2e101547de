"""Names are promises to clusters that run an older release."""

from __future__ import annotations

import re

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.api.crd import MAX_NAME
from fiddler_kong_operator.plan.plugins import PLUGINS

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
QUALIFIED = re.compile(r"([a-z0-9.-]{1,253})/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LONGEST_BINDING, LONGEST_ROUTE = "b" * MAX_NAME, "r" * 20
CHILDREN = [
    names.keys_secret("assistant"),
    PLUGINS["opentelemetry"].object_name("assistant", None),
    PLUGINS["pre-function"].object_name("assistant", None),
    PLUGINS["ai-proxy"].object_name("assistant", "openai"),
    names.route_objects("assistant", "openai"),
]


def test_what_an_older_release_created_is_still_found() -> None:
    assert CHILDREN == [
        "assistant-kong-keys",
        "assistant-opentelemetry",
        "assistant-pre-function",
        "assistant-openai-ai-proxy",
        "assistant-openai",
    ]
    assert (names.FINALIZER, names.BINDING_LABEL) == ("integrations.fiddler.ai/detach", "integrations.fiddler.ai/binding")
    assert (names.FIELD_MANAGER, names.RESTORING_MANAGER) == ("fiddler-kong-operator", "fiddler-kong-operator-restoring")
    assert names.FORMER_SETTINGS_ANNOTATION == "integrations.fiddler.ai/former-settings"
    assert names.GRANT_ANNOTATION == "integrations.fiddler.ai/allow-bindings-from"


def test_the_children_of_a_binding_have_names_of_their_own() -> None:
    assert len(set(CHILDREN)) == len(CHILDREN)


def test_the_longest_service_fits_a_dns_label() -> None:
    name = names.route_objects(LONGEST_BINDING, LONGEST_ROUTE)

    assert DNS_LABEL.fullmatch(name)
    assert len(name) <= 63


@pytest.mark.parametrize(
    "name",
    [
        names.keys_secret(LONGEST_BINDING),
        *(kind.object_name(LONGEST_BINDING, LONGEST_ROUTE if kind.per_route else None) for kind in PLUGINS.values()),
    ],
)
def test_the_longest_names_of_other_children_are_valid(name: str) -> None:
    assert DNS_LABEL.fullmatch(name)
    assert len(name) <= 253


@pytest.mark.parametrize("name", [names.FINALIZER, names.BINDING_LABEL, names.ROUTE_LABEL, names.GRANT_ANNOTATION, names.MANAGED_BY_LABEL])
def test_labels_annotations_and_the_finalizer_are_qualified(name: str) -> None:
    assert QUALIFIED.fullmatch(name)


def test_field_managers_fit_what_the_api_server_takes() -> None:
    assert len(names.RESTORING_MANAGER) <= 128


def test_everything_public_is_listed() -> None:
    public = {name for name in vars(names) if not name.startswith("_")} - {"Final", "annotations"}

    assert sorted(public) == sorted(names.__all__)
