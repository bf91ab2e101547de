"""kubectl shows a binding with explanations, columns and names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster import Cluster
from fiddler_kong_operator.api.crd import build_crd
from tests.crd.bindings import EXPOSED, ROUTE, binding

STATUS = {
    "observedGeneration": 1,
    "routes": "1/1",
    "gateway": {"version": "3.13.0.3", "image": "kong/kong-gateway:3.13.0.3"},
    "fiddler": {"application": "Assistant", "tracesEndpoint": "https://acme.fiddler.ai/v1/traces"},
    "lastTraceTime": "2026-01-01T00:00:00Z",
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": f"{kind} holds.",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind, reason in (("Ready", "Ready"), ("TraceEndpointReachable", "Reachable"))
    ],
}


@pytest.fixture
def shown(cluster: Cluster) -> Iterator[str]:
    name = "presented"
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(binding({"routes": [EXPOSED]}, name)))
    patch = json.dumps({"status": STATUS})
    cluster.kubectl("patch", "fkb", name, "--subresource=status", "--type=merge", f"--patch={patch}")
    yield name
    cluster.kubectl("delete", "fkb", name)


def columns(text: str) -> dict[str, str]:
    """The values of the only printed line by column. No name and no value contains two spaces in a row."""
    head, line = text.splitlines()
    starts = [name.start() for name in re.finditer(r"\S+( \S+)*", head)]
    return {head[a:b].strip(): line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)}


def test_columns(cluster: Cluster, shown: str) -> None:
    seen = columns(cluster.kubectl("get", "fkb", shown))

    age = seen.pop("AGE")
    assert age.endswith("s")
    assert seen == {"NAME": shown, "READY": "True", "STATUS": "Ready", "ROUTES": "1/1", "GATEWAY": "3.13.0.3", "FIDDLER": "Reachable"}


def test_wide_columns(cluster: Cluster, shown: str) -> None:
    seen = columns(cluster.kubectl("get", "fiddlerkongbinding", shown, "--output=wide"))

    assert [seen[name] for name in ("APPLICATION", "URL", "PAYLOADS", "MESSAGE")] == [
        "Assistant",
        "https://acme.fiddler.ai",
        "Disabled",
        "Ready holds.",
    ]
    assert seen["LAST TRACE"].endswith("d")


def test_wait(cluster: Cluster, shown: str) -> None:
    assert "condition met" in cluster.kubectl("wait", "--for=condition=Ready", f"fkb/{shown}", "--timeout=5s")


def test_category_lists_bindings(cluster: Cluster, shown: str) -> None:
    assert shown in cluster.kubectl("get", "fiddler", "--output=name")


def test_status_is_not_written_through_the_spec(cluster: Cluster, shown: str) -> None:
    cluster.kubectl("patch", "fkb", shown, "--type=merge", '--patch={"status": {"routes": "9/9"}}')

    assert cluster.kubectl("get", "fkb", shown, "--output=jsonpath={.status.routes}") == "1/1"


def test_the_first_status_is_that_of_no_generation(cluster: Cluster) -> None:
    """So that kstatus, Helm and kubectl do not take a new binding for a finished one."""
    created = json.loads(cluster.kubectl("create", "--output=json", "--filename=-", stdin=json.dumps(binding({}, "unseen"))))
    read = json.loads(cluster.kubectl("get", "fkb", "unseen", "--output=json"))
    cluster.kubectl("delete", "fkb", "unseen")

    assert (created["status"], read["status"]) == ({"observedGeneration": -1}, {"observedGeneration": -1})


def test_routes_are_applied_one_by_one(cluster: Cluster) -> None:
    """The list is merged by name: a GitOps controller that applies server-side sees no difference where defaults were filled in."""
    manifest = binding({"routes": [EXPOSED]}, "applied")
    cluster.kubectl("apply", "--server-side", "--field-manager=git", "--filename=-", stdin=json.dumps(manifest))
    manifest["spec"]["routes"] = [ROUTE]
    cluster.kubectl("apply", "--server-side", "--field-manager=hand", "--filename=-", stdin=json.dumps(manifest))
    names = cluster.kubectl("get", "fkb", "applied", "--output=jsonpath={.spec.routes[*].name}")
    cluster.kubectl("delete", "fkb", "applied")

    assert names == "openai chat"


def described(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every field that lacks a description."""
    for name, child in schema.get("properties", {}).items():
        if not child.get("description") and path + name != "metadata":
            yield path + name
        yield from described(child.get("items", child), f"{path}{name}.")


def test_every_field_is_described() -> None:
    schema = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    assert list(described(schema)) == []


def unbounded(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every string and list without a bound."""
    for name, child in schema.get("properties", {}).items():
        inner = child.get("items", child)
        if child.get("type") == "array" and "maxItems" not in child:
            yield path + name
        if inner.get("type") == "string" and not {"maxLength", "enum"} & inner.keys():
            yield path + name
        yield from unbounded(inner, f"{path}{name}.")


def test_every_string_and_list_is_bounded() -> None:
    properties = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]

    assert [*unbounded(properties["spec"]), *unbounded(properties["status"])] == []


def test_explain_shows_the_docstring(cluster: Cluster) -> None:
    text = " ".join(cluster.kubectl("explain", "fkb.spec.payloads").split())

    assert "Whether Kong sends prompts and answers to Fiddler. `Captured`: it does; they may hold personal data." in text
    assert "ENUM: Disabled Captured" in text
