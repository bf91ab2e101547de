"""The two clusters that can carry the story: a node of devcluster (`make test-node`), or kind (`make test-e2e`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from devcluster import Cluster
from devcluster.kind import KindCluster
from devcluster.node import Node
from devcluster.progress import Reporter
from tests.crd.release import Reachable
from tests.node.objects import PROXY_PORT, SINK_PORT
from tests.staging import start_visibly

__all__ = ["Carrier", "carried"]


class Carrier(Reachable, Protocol):
    """A started cluster with one node, on which resource definitions are served."""

    @property
    def node(self) -> str:
        """Name of the Node."""
        ...

    def check(self) -> None:
        """Raise DevClusterError if a process that belongs to it has ended."""
        ...

    def address(self, port: int) -> str:
        """Host and port of a Service of the type NodePort."""
        ...

    def load(self, image: str, *names: str) -> None:
        """Copy an image of this machine's podman to the node, under its own name or under others."""
        ...

    def load_program(self, program: Path, image: str) -> None:
        """Make an image of one static program, and copy it to the node."""
        ...

    def publish_names(self) -> None:
        """Make the names of the Services that exist now known to pods."""
        ...


@dataclass(frozen=True)
class RealNode:
    """A node of devcluster."""

    cluster: Cluster
    real: Node
    node: str = "real-node"

    @property
    def kubeconfig(self) -> Path:
        return self.cluster.kubeconfig

    def program(self, name: str) -> Path:
        return self.cluster.program(name)

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        return self.cluster.kubectl(*arguments, stdin=stdin)

    def check(self) -> None:
        self.cluster.processes.check()

    def address(self, port: int) -> str:
        return f"{self.real.address}:{port}"

    def load(self, image: str, *names: str) -> None:
        self.real.load(image)
        for name in names:
            if name != image:
                self.real.rename(image, name)

    def load_program(self, program: Path, image: str) -> None:
        self.real.load_program(program, image)

    def publish_names(self) -> None:
        self.real.publish_names()


@contextmanager
def carried(pytestconfig: pytest.Config, folder: Path) -> Iterator[Carrier]:
    """Start what CARRIER names; kind keeps its logs in `folder`.

    The first start builds for minutes, so its progress is shown despite pytest's capturing.
    """
    if os.environ.get("CARRIER") != "kind":
        with start_visibly(pytestconfig) as cluster, Node(cluster) as node:
            yield RealNode(cluster, node)
        return
    kind = KindCluster(folder, (PROXY_PORT, SINK_PORT), Reporter(), os.environ.get("NODE_IMAGE", ""))
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        with capture.global_and_fixture_disabled():
            stack.enter_context(kind)
        yield kind
