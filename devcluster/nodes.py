"""The simulated node and kwok, which simulates its kubelet: pods become ready and are deleted after a short delay; no container runs.

The delays are in `stages/`. A pod annotated `devcluster/ready-after: 1h` (any Go duration) takes that long to become ready instead, and
`devcluster/deleted-after` delays its deletion: tests can hold up a rollout.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .ports import LOOPBACK

if TYPE_CHECKING:
    from .api import ApiServer
    from .state import Layout

__all__ = ["NODE", "kwok_command", "node_is_ready"]

_STAGES: Final = Path(__file__).resolve().parent / "stages"
_NAME: Final = "simulated-node"
_LABEL: Final = "type"
"""A label of the simulated node; kwok leaves every other node to its own kubelet."""

NODE: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": _NAME,
        "labels": {"kubernetes.io/hostname": _NAME, "kubernetes.io/os": "linux", _LABEL: "kwok"},
    },
}
"""The one node of a cluster at its start."""


def kwok_command(program: Path, layout: Layout) -> list[str | Path]:
    """Return kwok's command line."""
    stages = [f"--config={stage}" for stage in sorted(_STAGES.glob("*.yaml"))]
    return [
        program,
        f"--kubeconfig={layout.kubeconfig('kwok')}",
        *stages,
        f"--manage-nodes-with-label-selector={_LABEL}=kwok",
        "--node-lease-duration-seconds=40",
        f"--node-ip={LOOPBACK}",
        "--cidr=10.244.0.0/16",
    ]


def node_is_ready(api: ApiServer) -> bool:
    """Whether pods can be scheduled: the node is Ready and carries no taint."""
    node = api.get(f"/api/v1/nodes/{_NAME}") or {}
    conditions = node.get("status", {}).get("conditions") or ()
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and not node["spec"].get("taints")
