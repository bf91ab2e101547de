"""kind, on which the story of `tests/node` runs too: `make test-e2e`.

`KindCluster` creates a cluster with kind's own program: from a node image of this project, made of Debian's packages and of programs
built from source, or from a given one such as kindest/node. Needs a container engine; the image of this project needs podman, and root.
"""

from __future__ import annotations

from .cluster import KindCluster
from .image import NodeImage

__all__ = ["KindCluster", "NodeImage"]
