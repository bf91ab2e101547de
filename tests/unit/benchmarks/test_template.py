from __future__ import annotations

import base64
import json
from typing import Any

from benchmarks.manifests import NAMESPACE, binding
from benchmarks.template import Template, encoded_key, record

LABELS = {"app.kubernetes.io/managed-by": "fiddler-kong-operator", "integrations.fiddler.ai/binding": "b00000"}


def recorded_binding() -> dict[str, Any]:
    raw = binding(0, "https://fiddler.example.com")
    raw["metadata"] |= {"uid": "uid-0", "resourceVersion": "7", "managedFields": []}
    return {**raw, "status": {"observedGeneration": 1, "routes": "1/1"}}


def live(kind: str, name: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": LABELS, "ownerReferences": [{"name": "b00000", "uid": "uid-0"}]}
    return {"kind": kind, "metadata": {**metadata, "uid": "uid-x", "resourceVersion": "9", "managedFields": [{}]}, **content}


TEMPLATE = record(
    recorded_binding(),
    [
        live("Ingress", "b00000-openai", spec={"rules": ["/b00000"]}, status={"loadBalancer": {}}),
        live("KongPlugin", "b00000-opentelemetry", plugin="opentelemetry"),
        live("Secret", "b00000-kong-keys", data={"key": encoded_key("sk-1")}),
    ],
)


def test_the_writes_come_in_the_operators_order() -> None:
    assert [(r.method, r.target.partition("?")[0]) for r in TEMPLATE.fill("b00042", "uid-42")] == [
        ("POST", "/api/v1/namespaces/bench/secrets"),
        ("POST", "/apis/configuration.konghq.com/v1/namespaces/bench/kongplugins"),
        ("POST", "/apis/networking.k8s.io/v1/namespaces/bench/ingresses"),
        ("PATCH", "/apis/integrations.fiddler.ai/v1alpha1/namespaces/bench/fiddlerkongbindings/b00042/status"),
    ]


def test_a_body_is_what_the_operator_sent_for_another_binding() -> None:
    ingress = json.loads(TEMPLATE.fill("b00042", "uid-42")[2].body)
    assert ingress == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "b00042-openai",
            "namespace": NAMESPACE,
            "labels": {**LABELS, "integrations.fiddler.ai/binding": "b00042"},
            "ownerReferences": [{"name": "b00042", "uid": "uid-42"}],
        },
        "spec": {"rules": ["/b00042"]},
    }


def test_the_status_is_applied_to_that_very_binding() -> None:
    status = json.loads(TEMPLATE.fill("b00042", "uid-42")[3].body)
    assert (status["metadata"], status["status"]) == (
        {"name": "b00042", "namespace": NAMESPACE, "uid": "uid-42"},
        {"observedGeneration": 1, "routes": "1/1"},
    )


def test_a_template_survives_being_written_to_a_file() -> None:
    assert Template.from_json(TEMPLATE.to_json()) == TEMPLATE


def test_the_derived_secrets_data_is_known() -> None:
    assert TEMPLATE.secret_data == {"key": encoded_key("sk-1")}


def test_a_key_is_encoded_as_kong_takes_it() -> None:
    assert base64.b64decode(encoded_key("sk-1")) == b'"Bearer sk-1"'
