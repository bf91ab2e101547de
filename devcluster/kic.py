"""Runs a real Kong Ingress Controller against a given Kong Admin API, usually a stand-in's."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from .api import wait_until
from .ports import LOOPBACK, PROXY_PORTS, free_ports

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from .processes import Process, ProcessSet
    from .state import Layout

__all__ = ["KongController", "KongControllerOptions", "publish_service"]

_START_SECONDS: Final = 60.0
_PUBLISH_SERVICE: Final = "kong-proxy"
_PUSHES: Final = b"ingress_controller_configuration_push_count{"
"""A counter in its metrics that appears after the first push of a configuration."""


@dataclass(frozen=True)
class KongControllerOptions:
    """Options of the controller; the defaults suit tests and the demo."""

    sync_seconds: float = 0.3
    """Shortest time between two pushes of the configuration; Kong's own default is 3."""
    ingress_class: str = "kong"
    """The ingress class it serves."""
    namespace: str = "kong"
    """Namespace of its publish Service, and of its Pod in its events; the Pod does not exist."""
    pod: str = "kong-controller"
    """Name of that Pod."""
    log_level: str = "info"
    """trace, debug, info or error."""
    feature_gates: tuple[str, ...] = ()
    """Further `--feature-gates`, such as `GatewayAlpha=true`."""
    extra: tuple[str, ...] = ()
    """Further command line arguments."""


def publish_service(options: KongControllerOptions) -> dict[str, Any]:
    """The Service before the gateway, without which the controller ends where the Gateway API is installed.

    It finds the protocol of a Gateway's port by the Service's numeric targetPort, among the listeners that the Admin API names.
    """
    ports = [{"name": f"port-{port}", "port": port, "targetPort": target} for port, target in PROXY_PORTS.items()]
    metadata = {"name": _PUBLISH_SERVICE, "namespace": options.namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}


@dataclass(frozen=True)
class _Ports:
    health: int
    metrics: int
    diagnostics: int


class KongController:
    """A running Kong Ingress Controller; a context manager that stops it. It always ends with its cluster."""

    def __init__(self, processes: ProcessSet, process: Process, ports: _Ports) -> None:
        self._processes = processes
        self._process = process
        self._ports = ports

    @classmethod
    def start(
        cls,
        processes: ProcessSet,
        program: Path,
        layout: Layout,
        admin_url: str,
        options: KongControllerOptions | None = None,
    ) -> Self:
        """Start it; returns after it has pushed a first configuration, accepted or not.

        Raises ComponentDiedError with the end of its log if it ends, for instance because nothing answers at `admin_url`.
        """
        chosen = options or KongControllerOptions()
        ports = _Ports(*free_ports(3))
        environment = {"POD_NAME": chosen.pod, "POD_NAMESPACE": chosen.namespace}
        process = processes.start("kong-ingress-controller", _command(program, layout, admin_url, chosen, ports), environment)
        controller = cls(processes, process, ports)
        wait_until(
            controller._has_pushed, f"The first push of Kong Ingress Controller (its log: {process.log})", _START_SECONDS, process.check
        )
        return controller

    def __enter__(self) -> Self:
        """Return the running controller."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """Stop it by SIGTERM, as a rollout of the controller does."""
        self._processes.stop(self._process)

    @property
    def log(self) -> Path:
        """Its log file."""
        return self._process.log

    def _has_pushed(self) -> bool:
        """Whether its metrics count a push. `/readyz` is no answer: it is 200 before the first push, until the controller leads."""
        connection = http.client.HTTPConnection(LOOPBACK, self._ports.metrics, timeout=5)
        try:
            connection.request("GET", "/metrics")
            return _PUSHES in connection.getresponse().read()
        except OSError:
            return False
        finally:
            connection.close()


def _command(program: Path, layout: Layout, admin_url: str, options: KongControllerOptions, ports: _Ports) -> list[str | Path]:
    gates = [f"--feature-gates={','.join(options.feature_gates)}"] if options.feature_gates else []
    return [
        program,
        f"--kubeconfig={layout.kubeconfig('kong-ingress-controller')}",
        f"--kong-admin-url={admin_url}",
        "--kong-admin-init-retries=5",
        f"--ingress-class={options.ingress_class}",
        f"--publish-service={options.namespace}/{_PUBLISH_SERVICE}",
        f"--publish-status-address={LOOPBACK}",
        f"--proxy-sync-seconds={options.sync_seconds}",
        "--init-cache-sync-duration=500ms",
        "--anonymous-reports=false",
        "--admission-webhook-listen=off",
        f"--health-probe-bind-address={LOOPBACK}:{ports.health}",
        f"--metrics-bind-address={LOOPBACK}:{ports.metrics}",
        f"--diagnostic-server-port={ports.diagnostics}",
        f"--log-level={options.log_level}",
        *gates,
        *options.extra,
    ]
