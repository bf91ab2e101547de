"""Reads a user's own ai-proxy or ai-proxy-advanced: what decides which data Fiddler gets, and which defects of Kong concern it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest

from .objects.raw import mapping, mappings

__all__ = ["ANSWERING_TYPES", "OwnModel", "OwnModels", "read_models"]

ANSWERING_TYPES: Final = frozenset({"ai-proxy", "ai-proxy-advanced"})
"""The plugin types that have a model answer the call, and make the LLM span."""

_LONGEST: Final = 64
"""Characters that are kept of a text: Kong's own route types and providers are shorter."""


@dataclass(frozen=True, slots=True)
class OwnModel:
    """One model of a plugin; ai-proxy-advanced has several."""

    route_type: str = ""
    log_statistics: bool = False
    log_payloads: bool = False
    provider: str = ""
    key_header: str = ""
    """The request header with the provider's key; "" where none is named."""


OwnModels = tuple[OwnModel, ...] | None
"""The models of a plugin; None where parts of its config are in a Secret."""


def read_models(raw: Manifest) -> OwnModels:
    """The models of a KongPlugin or KongClusterPlugin; () for other types, and for one that is disabled."""
    if raw.get("plugin") not in ANSWERING_TYPES or raw.get("disabled") is True:
        return ()
    paths = (str(patch.get("path")) for patch in mappings(raw, "configPatches"))
    if raw.get("configFrom") or any("auth" not in path.split("/") for path in paths):
        return None
    config = mapping(raw, "config")
    return tuple(map(_read, mappings(config, "targets") if raw["plugin"] == "ai-proxy-advanced" else [config]))


def _read(target: Manifest) -> OwnModel:
    logging = mapping(target, "logging")
    return OwnModel(
        route_type=_text(target, "route_type"),
        log_statistics=logging.get("log_statistics") is True,
        log_payloads=logging.get("log_payloads") is True,
        provider=_text(mapping(target, "model"), "provider"),
        key_header=_text(mapping(target, "auth"), "header_name"),
    )


def _text(parent: Manifest, name: str) -> str:
    return str(parent.get(name) or "")[:_LONGEST]
