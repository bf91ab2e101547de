"""The namespace that kubectl would use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import yaml
from kubernetes.aio.config import ConfigException, list_kube_config_contexts

__all__ = ["current_namespace"]

_OF_THE_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT: Final = "default"


def current_namespace(kubeconfig: str | None = None, context: str | None = None) -> str:
    """The namespace of the context (else the current one) in the kubeconfig (else $KUBECONFIG, else ~/.kube/config), else `default`.

    In a pod, the pod's namespace, unless a kubeconfig or a context is given.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG")
    if not named and not context and _OF_THE_POD.exists():
        return _OF_THE_POD.read_text(encoding="utf-8").strip() or _DEFAULT
    try:
        contexts, current = list_kube_config_contexts(named)  # type: ignore[no-untyped-call]
        chosen = next((found for found in contexts if found["name"] == context), None) if context else current
        return str((chosen or {})["context"].get("namespace") or _DEFAULT)
    except (ConfigException, OSError, yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError):
        return _DEFAULT  # whoever connects says what is wrong with the file
