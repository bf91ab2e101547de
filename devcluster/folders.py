"""The folders of devcluster: a cache outside the checkout, and one folder for each cluster inside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["PROJECT_ROOT", "cache_root", "clusters_root"]

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout, which contains `crds/` and `requirements/`."""


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/fiddler-kong-devcluster`, or the same below `~/.cache`; created if missing."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    parent = Path(base) if base.startswith("/") else Path.home() / ".cache"
    root = parent / "fiddler-kong-devcluster"
    root.mkdir(parents=True, exist_ok=True)
    return root


def clusters_root() -> Path:
    """The parent of the clusters' folders; readable by its owner only, because it contains kubeconfigs with tokens."""
    root = cache_root() / "clusters"
    root.mkdir(mode=0o700, exist_ok=True)
    return root
