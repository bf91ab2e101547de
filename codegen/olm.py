"""Generates bundle/: what the Operator Lifecycle Manager installs, from the manifests, the permissions and the chart's metadata."""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

from codegen.chart_metadata import HERE, build_metadata
from codegen.manifests import CRD_FILE, NAMESPACE
from codegen.text import HEADER, dump_all
from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.api.crd import build_crd
from fiddler_kong_operator.observe.rbac import Scope, rules

__all__ = ["build_bundle"]

_CHANNEL, _MATURITY = ("candidate", "alpha") if __version__.startswith("0.") else ("stable", "stable")
_HUB: Final = "artifacthub.io"
_KUBERNETES: Final = "1.29.0"
_MODES: Final = {"OwnNamespace": False, "SingleNamespace": False, "MultiNamespace": False, "AllNamespaces": True}


def build_bundle() -> dict[str, str]:
    """Content of each generated file, by path."""
    return {
        f"bundle/manifests/{CRD_FILE}": dump_all(build_crd()),
        f"bundle/manifests/{names.APPLICATION}.clusterserviceversion.yaml": dump_all(_version()),
        "bundle/metadata/annotations.yaml": dump_all({"annotations": _labels()}),
        "bundle/bundle.Dockerfile": _dockerfile(),
    }


def _labels() -> dict[str, str]:
    bundle = "operators.operatorframework.io.bundle"
    return {
        f"{bundle}.mediatype.v1": "registry+v1",
        f"{bundle}.manifests.v1": "manifests/",
        f"{bundle}.metadata.v1": "metadata/",
        f"{bundle}.package.v1": names.APPLICATION,
        f"{bundle}.channels.v1": _CHANNEL,
        f"{bundle}.channel.default.v1": _CHANNEL,
    }


def _dockerfile() -> str:
    labels = "".join(f"LABEL {name}={value}\n" for name, value in _labels().items())
    return f"# {HEADER}\nFROM scratch\n{labels}COPY manifests /manifests/\nCOPY metadata /metadata/\n"


def _version() -> dict[str, Any]:
    chart = build_metadata()
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {"name": f"{names.APPLICATION}.v{__version__}", "annotations": _annotations(chart)},
        "spec": {
            "displayName": "Fiddler for Kong AI Gateway",
            "description": _DESCRIPTION,
            "version": __version__,
            "maturity": _MATURITY,
            "minKubeVersion": _KUBERNETES,
            "keywords": chart["keywords"],
            "maintainers": chart["maintainers"],
            "provider": {"name": "Fiddler"},
            "links": [{"name": "Fiddler", "url": chart["home"]}],
            "icon": [{"base64data": chart["icon"].partition(",")[2], "mediatype": "image/svg+xml"}],
            "installModes": [{"type": mode, "supported": supported} for mode, supported in _MODES.items()],
            "customresourcedefinitions": {"owned": [_owned(chart)]},
            "install": {"strategy": "deployment", "spec": _install()},
        },
    }


_DESCRIPTION: Final = """\
One `FiddlerKongBinding` sends traces of the LLM traffic on selected Kong routes to one Fiddler application. The operator makes Kong's
plugins and routes, applies the gateway's tracing settings, and checks that Fiddler accepts the traces.

It watches the whole cluster. Kong AI Gateway 3.13 or later is needed; Kong's own resource definitions must be installed.
"""


def _annotations(chart: dict[str, Any]) -> dict[str, str]:
    return {
        "alm-examples": json.dumps(yaml.safe_load(chart["annotations"][f"{_HUB}/crdsExamples"]), indent=2),
        "capabilities": chart["annotations"][f"{_HUB}/operatorCapabilities"],
        "categories": "AI/Machine Learning, Monitoring",
        "containerImage": f"{names.APPLICATION}:{__version__}",
        "description": chart["description"],
        "operatorframework.io/suggested-namespace": NAMESPACE,
        "support": "Fiddler",
    }


def _owned(chart: dict[str, Any]) -> dict[str, str]:
    (definition,) = yaml.safe_load(chart["annotations"][f"{_HUB}/crds"])
    return {key: definition[key] for key in ("name", "version", "kind", "displayName", "description")}


def _install() -> dict[str, Any]:
    """The deployment of manifests/install, with the published tag, and the permissions of its service account."""
    deployment = yaml.safe_load((HERE.parent / "manifests/install/deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = f"{names.APPLICATION}:{__version__}"
    return {
        "deployments": [{"name": names.APPLICATION, "label": deployment["metadata"]["labels"], "spec": deployment["spec"]}],
        "clusterPermissions": [{"serviceAccountName": names.APPLICATION, "rules": rules(Scope.WATCHED, Scope.CLUSTER)}],
        "permissions": [{"serviceAccountName": names.APPLICATION, "rules": rules(Scope.OWN)}],
    }
