"""Annotations of others on our own objects: kept, unless they decide what a binding promises."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.field_ownership import created_by, updated
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.objects.digest import content_digest
from fiddler_kong_operator.write.merging import repair_patch

READ = "konghq.com/read-timeout"
KEPT = [
    "konghq.com/read-timeout", "konghq.com/retries", "konghq.com/tags", "konghq.com/request-buffering", "konghq.com/client-cert",
    "konghq.com/https-redirect-status-code", "konghq.com/upstream-policy", "team.example/owner",
]  # fmt: skip
DECISIVE = [
    "kubernetes.io/ingress.class", "konghq.com/plugins", "konghq.com/override", "konghq.com/path", "konghq.com/host-header",
    "konghq.com/tls-verify", "konghq.com/rewrite", "konghq.com/regex-prefix", "konghq.com/protocols", "konghq.com/methods",
    "konghq.com/headers.x-team", "konghq.com/snis", "konghq.com/host-aliases",
]  # fmt: skip


def service(**annotations: str) -> Manifest:
    """A Service as this project wants it."""
    metadata = {"name": "assistant-openai", "namespace": "ai", "annotations": {"konghq.com/protocol": "https", **annotations}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"externalName": "api.openai.com"}}


def live(desired: Manifest) -> Manifest:
    """The Service as the API server has it after we created it."""
    made = created_by(names.FIELD_MANAGER, desired)
    made["metadata"] |= {"uid": "1", "resourceVersion": "1"}
    return made


def annotated(raw: Manifest, manager: str = "kubectl-annotate", **annotations: str) -> Manifest:
    changed = copy.deepcopy(raw)
    changed["metadata"]["annotations"] |= annotations
    return updated(raw, changed, manager)


def repaired(raw: Manifest, desired: Manifest) -> Any:
    """The annotations that a repair changes; None where the object is as wanted."""
    patch = repair_patch(raw, desired)
    assert (patch is None) == (content_digest(raw) == content_digest(desired))
    return patch and patch["metadata"]["annotations"]


@pytest.mark.parametrize("name", KEPT)
def test_what_others_set_is_kept(name: str) -> None:
    wanted = service()

    assert repaired(annotated(live(wanted), **{name: "600000"}), wanted) is None


@pytest.mark.parametrize("name", DECISIVE)
def test_what_decides_where_calls_go_is_removed(name: str) -> None:
    wanted = service()

    assert repaired(annotated(live(wanted), **{name: "x"}), wanted) == {name: None}


def test_a_value_that_the_binding_sets_is_restored() -> None:
    wanted = service(**{READ: "600000"})

    assert repaired(annotated(live(wanted), **{READ: "1"}), wanted) == {READ: "600000"}


def test_a_value_that_the_binding_no_longer_sets_is_removed() -> None:
    assert repaired(live(service(**{READ: "600000"})), service()) == {READ: None}


def test_a_value_of_others_stays_when_the_binding_no_longer_sets_its_own() -> None:
    changed = annotated(live(service(**{READ: "600000"})), **{READ: "1"})

    assert repaired(changed, service()) is None
