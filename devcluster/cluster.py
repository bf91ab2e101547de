"""`Cluster`: one running control plane, for tests, the demo and the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Self

from . import crds
from .api import ApiServer, wait_until
from .audit import WriteLog
from .bringup import bring_up
from .build import Builder
from .errors import ApiError, ComponentDiedError, DevClusterError
from .kic import KongController, KongControllerOptions, publish_service
from .kubectl import run_kubectl
from .pins import COMPONENTS, CONTROL_PLANE
from .pki import write_kubeconfig
from .processes import ProcessSet
from .progress import Reporter
from .state import ClusterState, claim_layout, release

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from .bringup import Foundation
    from .processes import Process
    from .state import Layout

__all__ = ["Cluster", "is_rolled_out"]

_START_ATTEMPTS: Final = 3
_PORT_TAKEN: Final = "address already in use"
_TOKEN_SECONDS: Final = 24 * 3600


class Cluster:
    """A running control plane, made by `Cluster.start`. As a context manager it stops at the end of the block, however the block ends.

    Its processes also end when this Python process ends, even by SIGKILL, unless it was started `persistent`.
    """

    def __init__(self, foundation: Foundation, processes: ProcessSet, programs: dict[str, Path]) -> None:
        self._foundation = foundation
        self._processes = processes
        self._programs = programs
        self.layout: Layout = foundation.layout
        self._write_log = WriteLog(self.layout.audit_log)

    @classmethod
    def start(
        cls,
        name: str | None = None,
        *,
        kong: bool = True,
        gateway_api: bool = True,
        persistent: bool = False,
        audit_reads: bool = False,
        reporter: Reporter | None = None,
    ) -> Self:
        """Start a cluster and return it when it is usable: node Ready, resource definitions served, controllers working.

        Builds missing programs first. `kong` installs Kong's resource definitions and the ingress class `kong`, and the Gateway API's
        too unless `gateway_api` is False; ours in `crds/` are installed in any case.
        `persistent` leaves the processes running when this process ends (`python -m devcluster down` stops them).
        `audit_reads` also logs the reads of service accounts (`write_log().requests`).
        Call it from the main thread. Raises BuildError, ComponentDiedError (with the component and the end of its log) or DevClusterError.
        """
        reporter = reporter or Reporter(quiet=True)
        programs = Builder(reporter).programs(COMPONENTS[component] for component in CONTROL_PLANE)
        definitions = crds.own_definitions()
        if kong:
            definitions += crds.kong_definitions(reporter)
        if kong and gateway_api:
            definitions += crds.gateway_definitions(reporter)
        for _ in range(_START_ATTEMPTS - 1):
            try:
                return cls._start_once(name, programs, definitions, persistent=persistent, audit_reads=audit_reads)
            except ComponentDiedError as error:
                if _PORT_TAKEN not in error.tail:
                    raise
        return cls._start_once(name, programs, definitions, persistent=persistent, audit_reads=audit_reads)

    @classmethod
    def _start_once(
        cls, name: str | None, programs: dict[str, Path], definitions: list[dict[str, Any]], *, persistent: bool, audit_reads: bool
    ) -> Self:
        layout = claim_layout(name)
        processes = ProcessSet(layout.logs, lambda: _record(layout, processes, programs), persistent=persistent)
        try:
            foundation = bring_up(layout, processes, programs, definitions, audit_reads=audit_reads)
        except BaseException:
            processes.stop_all()
            release(layout)
            raise
        return cls(foundation, processes, programs)

    def __enter__(self) -> Self:
        """Return the running cluster."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the cluster."""
        self.stop()

    def stop(self) -> None:
        """Stop everything that was started in this cluster and delete its data but not its logs. May be called twice."""
        self.api.close()
        self._processes.stop_all()
        release(self.layout)

    @property
    def name(self) -> str:
        """Name of the cluster."""
        return self.layout.name

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._foundation.server

    @property
    def logs(self) -> Path:
        """Folder with one log file for each process."""
        return self.layout.logs

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator (user `admin`)."""
        return self.layout.kubeconfig("admin")

    @property
    def api(self) -> ApiServer:
        """A client of the API server with the administrator's rights."""
        return self._foundation.api

    @property
    def processes(self) -> ProcessSet:
        """Its processes. Further ones that are started here (an operator, a stand-in) end with the cluster."""
        return self._processes

    def program(self, name: str) -> Path:
        """Return the path of a program such as `kubectl`; `helm` and others outside the control plane are built at the first call."""
        if name not in self._programs:
            self._programs.update(Builder(Reporter()).programs([COMPONENTS[name]]))
        return self._programs[name]

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
        """Run kubectl as the administrator (or with another kubeconfig) and return its output; DevClusterError with its error message."""
        return run_kubectl(self.program("kubectl"), kubeconfig or self.kubeconfig, *arguments, stdin=stdin)

    def apply(self, *sources: Path | Mapping[str, Any]) -> None:
        """Apply manifests as the administrator, server-side with kubectl: files, folders of files, or objects."""
        for source in sources:
            if isinstance(source, dict):
                self.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(source))
            else:
                self.kubectl("apply", "--server-side", f"--filename={source}")

    def create_namespace(self, name: str) -> None:
        """Create a namespace and wait until pods can be created in it (its default service account exists)."""
        self.api.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        wait_until(lambda: self.api.get(account) is not None, f"The default service account in {name}", 20, self._processes.check)

    def wait_rolled_out(self, namespace: str, deployment: str, seconds: float = 60) -> None:
        """Wait until a Deployment's rollout is complete; DevClusterError after `seconds`."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}"
        what = f"The rollout of Deployment {namespace}/{deployment}"
        wait_until(lambda: is_rolled_out(self.api.get(path) or {}), what, seconds, self._processes.check)

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig with which a program has exactly the rights of a service account (a TokenRequest, valid for a day)."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": _TOKEN_SECONDS}}
        try:
            token = self.api.request("POST", path, request)["status"]["token"]
        except ApiError as error:
            raise DevClusterError(f"No token for service account {namespace}/{name}: {error}") from error
        user = f"system:serviceaccount:{namespace}:{name}"
        return write_kubeconfig(self.layout.kubeconfig(user), self.server, self._foundation.authority, user, token)

    def write_log(self) -> WriteLog:
        """Return the reader of everything that was written to the API server since the start, for one thread.

        It is the same for all callers: to parse the whole log again takes seconds in a cluster of many tests.
        """
        return self._write_log

    def start_process(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Process:
        """Start a further program that lives no longer than the cluster; its output goes to `<logs>/<name>.log`."""
        return self._processes.start(name, command, environment)

    def start_kong_controller(self, admin_url: str, options: KongControllerOptions | None = None) -> KongController:
        """Start Kong Ingress Controller against a Kong Admin API; returns after it has pushed a first configuration.

        Creates the namespace for its events, and its publish Service. Raises ComponentDiedError if nothing answers at `admin_url`.
        """
        chosen = options or KongControllerOptions()
        self.create_namespace(chosen.namespace)
        self.api.apply([publish_service(chosen)])
        return KongController.start(self._processes, self.program("kong-ingress-controller"), self.layout, admin_url, chosen)

    def install_definitions(self, definitions: Iterable[dict[str, Any]]) -> None:
        """Install resource definitions (such as ours, when they were generated after the start) and wait until they are served."""
        wanted = list(definitions)
        self.api.apply(wanted)
        wait_until(lambda: crds.established(self.api, wanted), "Serving the resource definitions", 20, self._processes.check)


def is_rolled_out(deployment: Mapping[str, Any]) -> bool:
    """Whether a Deployment's rollout is complete; {} for none."""
    status = deployment.get("status") or {}
    counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")]
    seen = deployment and status.get("observedGeneration") == deployment["metadata"]["generation"]
    return bool(seen) and counts == [deployment["spec"]["replicas"]] * 3


def _record(layout: Layout, processes: ProcessSet, programs: dict[str, Path]) -> None:
    if layout.private.exists():
        ClusterState(layout, tuple(programs.values()), processes.records).write()
