"""The samples for Argo CD, Flux and the operators of Secrets agree with the chart, the definition and the quickstart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.chart.rendering import Helm, container, only

ROOT: Final = Path(__file__).resolve().parents[2]
SAMPLES: Final = ROOT / "manifests/gitops"
ARGO: Final = SAMPLES / "argocd"


def documents(path: Path) -> list[dict[str, Any]]:
    return [*yaml.safe_load_all(path.read_text())]


def quickstart() -> dict[str, Any]:
    return only(documents(ROOT / "manifests/samples/quickstart.yaml"), "FiddlerKongBinding")


@pytest.mark.parametrize(
    ("file", "kind", "path"),
    [("argocd/operator.yaml", "Application", ("source", "helm", "valuesObject")), ("flux/operator.yaml", "HelmRelease", ("values",))],
)
def test_the_chart_takes_the_values_of_the_sample(file: str, kind: str, path: tuple[str, ...], tmp_path: Path) -> None:
    values = only(documents(SAMPLES / file), kind)["spec"]
    for step in path:
        values = values[step]
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))

    rendered = Helm.built().template(values=tmp_path / "values.yaml")

    assert container(rendered)["image"].startswith("registry.example.com/fiddler-kong-operator:")
    assert only(rendered, "CustomResourceDefinition")["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_in_an_app_of_apps_the_operator_comes_before_the_bindings() -> None:
    def waves(*files: str) -> set[int]:
        found = (documents(ARGO / file)[0]["metadata"].get("annotations") or {} for file in files)
        return {int(annotations.get("argocd.argoproj.io/sync-wave", "0")) for annotations in found}

    assert max(waves("operator.yaml")) < min(waves(*(f"bindings-{way}.yaml" for way in ("client-side", "server-side", "replace"))))


def test_the_three_ways_to_apply_bindings_differ_in_one_option() -> None:
    specs = {}
    for way in ("client-side", "server-side", "replace"):
        (application,) = documents(ARGO / f"bindings-{way}.yaml")
        option, *rest = application["spec"]["syncPolicy"].pop("syncOptions")
        specs[option] = (application, rest)

    assert [*specs] == ["ServerSideApply=false", "ServerSideApply=true", "Replace=true"]
    assert [spec for spec in specs.values() if spec != specs["Replace=true"]] == []


@pytest.mark.parametrize(
    ("file", "names_of"),
    [
        ("external-secret.yaml", lambda spec: (spec["target"]["name"], [entry["secretKey"] for entry in spec["data"]])),
        ("sealed-secret.yaml", lambda spec: (spec["template"]["metadata"]["name"], [*spec["encryptedData"]])),
    ],
)
def test_the_samples_make_the_secrets_of_the_quickstart_before_it(file: str, names_of: Any) -> None:
    spec = quickstart()["spec"]
    references = [spec["fiddler"]["apiKeySecretRef"], *(route["llm"]["auth"]["secretRef"] for route in spec["routes"])]
    made = documents(SAMPLES / "secrets" / file)

    assert [names_of(document["spec"]) for document in made] == [(ref["name"], [ref["key"]]) for ref in references]
    assert {document["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] for document in made} == {"-1"}


def test_flux_waits_for_the_quickstarts_binding() -> None:
    (check,) = only(documents(SAMPLES / "flux/bindings.yaml"), "Kustomization")["spec"]["healthChecks"]
    binding = quickstart()

    assert (check["apiVersion"], check["kind"], check["name"]) == (binding["apiVersion"], binding["kind"], binding["metadata"]["name"])
