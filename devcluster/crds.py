"""Resource definitions and the classes: Kong's and the Gateway API's from the pinned modules, ours from `crds/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from .build import Builder
from .folders import PROJECT_ROOT
from .pins import GATEWAY_API_CRDS, KONG_CRDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .api import ApiServer
    from .progress import Reporter

__all__ = ["INGRESS_CLASS", "definitions_in", "established", "gateway_definitions", "kong_definitions", "own_definitions"]

_CRDS_PATH: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

INGRESS_CLASS: Final[dict[str, Any]] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "kong"},
    "spec": {"controller": "ingress-controllers.konghq.com/kong"},
}
"""The class that Kong Ingress Controller serves."""


def definitions_in(folder: Path) -> list[dict[str, Any]]:
    """Return every document of the folder's *.yaml files; none if the folder does not exist."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.yaml")):
        documents += [document for document in yaml.load_all(file.read_bytes(), Loader=loader) if document]
    return documents


def own_definitions() -> list[dict[str, Any]]:
    """Return this project's generated resource definitions."""
    return definitions_in(PROJECT_ROOT / "crds")


def kong_definitions(reporter: Reporter) -> list[dict[str, Any]]:
    """Return the resource definitions of the pinned Kong Ingress Controller, and the ingress class `kong`."""
    return [*definitions_in(Builder(reporter).definitions(KONG_CRDS)), INGRESS_CLASS]


def gateway_definitions(reporter: Reporter) -> list[dict[str, Any]]:
    """Return the Gateway API's resource definitions of the standard channel."""
    return definitions_in(Builder(reporter).definitions(GATEWAY_API_CRDS))


def established(api: ApiServer, definitions: Iterable[dict[str, Any]]) -> bool:
    """Whether the API server serves all of them."""
    served = {item["metadata"]["name"] for item in api.get(_CRDS_PATH)["items"] if _is_established(item)}
    wanted = (item["metadata"]["name"] for item in definitions if item["kind"] == "CustomResourceDefinition")
    return served.issuperset(wanted)


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or ()
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)
