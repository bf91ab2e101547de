"""The chart's Chart.yaml, with what Artifact Hub shows."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import yaml

from codegen.text import dump
from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.api.crd import build_crd

__all__ = ["build_metadata"]

HERE: Final = Path(__file__).resolve().parent
QUICKSTART: Final = HERE.parent / "manifests/samples/quickstart.yaml"
FIDDLER: Final = "https://www.fiddler.ai/"
KONG: Final = "https://developer.konghq.com/ai-gateway/"


def build_metadata() -> dict[str, Any]:
    """The content of Chart.yaml. The icon is a part of it, so that it needs no place on the web."""
    return {
        "apiVersion": "v2",
        "name": names.APPLICATION,
        "description": "Connects Kong AI Gateway to Fiddler: one FiddlerKongBinding becomes a verified path for LLM traces.",
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": ">=1.29.0-0",
        "home": FIDDLER,
        "icon": f"data:image/svg+xml;base64,{b64encode((HERE / 'icon.svg').read_bytes()).decode()}",
        "keywords": ["fiddler", "kong", "llm", "observability", "opentelemetry"],
        "maintainers": [{"name": f"{names.APPLICATION} maintainers"}],
        "annotations": _artifact_hub(),
    }


def _artifact_hub() -> dict[str, str]:
    """Annotations are strings; those of Artifact Hub hold YAML."""
    notes = {
        "category": "monitoring-logging",
        "license": "Apache-2.0",
        "operator": "true",
        "operatorCapabilities": "Seamless Upgrades",
        "prerelease": str(__version__.startswith("0.")).lower(),
        "crds": dump([_definition()]),
        "crdsExamples": dump([document for document in yaml.safe_load_all(QUICKSTART.read_text()) if document["kind"] == names.KIND]),
        "links": dump([{"name": "Fiddler", "url": FIDDLER}, {"name": "Kong AI Gateway", "url": KONG}]),
    }
    return {f"artifacthub.io/{name}": text for name, text in notes.items()}


def _definition() -> dict[str, str]:
    (stored,) = (version for version in build_crd()["spec"]["versions"] if version["storage"])
    return {
        "kind": names.KIND,
        "version": stored["name"],
        "name": build_crd()["metadata"]["name"],
        "displayName": "Fiddler Kong binding",
        "description": stored["schema"]["openAPIV3Schema"]["description"],
    }
