"""The bundle for the Operator Lifecycle Manager, judged by the Operator Framework's own code."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter
from fiddler_kong_operator import __version__
from fiddler_kong_operator.observe.rbac import Scope, rules

BUNDLE: Final = Path(__file__).resolve().parents[2] / "bundle"
NO_ADDRESS: Final = "csv.Spec.Maintainers elements should contain both name and email"
"""Only whoever publishes it can say who answers: CONTRIBUTING.md, "Releases"."""


@pytest.fixture(scope="module")
def version() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((BUNDLE / "manifests/fiddler-kong-operator.clusterserviceversion.yaml").read_text())
    return document


def test_only_the_maintainers_address_is_missing() -> None:
    olm = Builder(Reporter()).programs([COMPONENTS["olm"]])["olm"]

    found = subprocess.run([olm, BUNDLE], capture_output=True, text=True, check=True).stdout.splitlines()

    assert [line for line in found if NO_ADDRESS not in line] == []
    assert len(found) == 1


def test_it_installs_the_image_of_this_version_with_the_operators_permissions(version: dict[str, Any]) -> None:
    install = version["spec"]["install"]["spec"]
    (container,) = install["deployments"][0]["spec"]["template"]["spec"]["containers"]

    assert container["image"] == version["metadata"]["annotations"]["containerImage"] == f"fiddler-kong-operator:{__version__}"
    assert [entry["rules"] for entry in install["clusterPermissions"]] == [rules(Scope.WATCHED, Scope.CLUSTER)]
    assert [entry["rules"] for entry in install["permissions"]] == [rules(Scope.OWN)]
