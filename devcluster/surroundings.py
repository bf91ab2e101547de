"""The gateway, Kong Ingress Controller and stand-ins of a cluster that `python -m devcluster up` leaves running."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from .api import wait_until
from .folders import PROJECT_ROOT

if TYPE_CHECKING:
    from .cluster import Cluster
    from .state import Layout

__all__ = ["Surroundings"]

_MANIFESTS: Final = Path(__file__).resolve().parent / "manifests"
_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Surroundings:
    """Addresses of the stand-ins, and the files with the keys that they accept."""

    admin: str
    gateway: str
    sink: str
    application_id: str
    fiddler_key_file: str
    openai_key_file: str

    @classmethod
    def start(cls, cluster: Cluster) -> Self:
        """Create the gateway's Deployment, start the stand-ins and Kong Ingress Controller. All end with the cluster."""
        cluster.apply(_MANIFESTS / "gateway.yaml", _MANIFESTS / "gateway-api.yaml")
        file = _file(cluster.layout)
        command = [sys.executable, "-m", "devcluster.standins", str(cluster.kubeconfig), str(file)]
        process = cluster.start_process("stand-ins", command, {"PYTHONPATH": str(PROJECT_ROOT)})
        wait_until(file.exists, "The start of the stand-ins", _START_SECONDS, process.check)
        started = cls.read(file)
        cluster.start_kong_controller(started.admin)
        return started

    @classmethod
    def find(cls, layout: Layout) -> Self | None:
        """Those of a running cluster; None if it was started without."""
        file = _file(layout)
        return cls.read(file) if file.exists() else None

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` wrote."""
        return cls(**json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        """Write the file atomically."""
        unfinished = file.with_suffix(".tmp")
        unfinished.write_text(json.dumps(asdict(self)) + "\n")
        unfinished.rename(file)

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the shell: those of docs/getting-started.md, and settings with which an operator may probe loopback."""
        return {
            "FIDDLER_URL": self.sink,
            "FIDDLER_APPLICATION_ID": self.application_id,
            "FIDDLER_KEY_FILE": self.fiddler_key_file,
            "OPENAI_KEY_FILE": self.openai_key_file,
            "KONG_URL": self.gateway,
            "FIDDLER_KONG_PROBE_ALLOW_HTTP": "true",
            "FIDDLER_KONG_PROBE_ALLOWED_ADDRESSES": "127.0.0.0/8",
            "FIDDLER_KONG_HEALTH_PORT": "0",
            "FIDDLER_KONG_METRICS_PORT": "0",
        }


def _file(layout: Layout) -> Path:
    return layout.private / "stand-ins.json"
