"""The ground of one run: a namespace with a gateway, a proxy, and an operator that watches only this namespace."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from anyio.from_thread import BlockingPortal

from devcluster.cluster import is_rolled_out
from devcluster.stage import Stage
from fiddler_kong_operator.plan.kinds import KINDS as EVERY_KIND
from tests.faults.audit import AuditTail
from tests.faults.normal import KINDS, State, normalised
from tests.faults.pod import Pod, write_identity
from tests.faults.proxy import Proxy
from tests.faults.script import Script
from tests.integration.arena import PATIENCE, Arena

__all__ = ["OTHER_CLASS", "Ground", "Replica", "World"]

Manifest = dict[str, Any]

OTHER_CLASS: Final = "internal"
"""An IngressClass of Kong's beside `kong`."""


@dataclass(frozen=True)
class World:
    """Everything that the runs of a cluster share."""

    stage: Stage
    portal: BlockingPortal
    identity: Manifest = field(repr=False)

    @contextmanager
    def ground(self, *flags: str, namespaced: bool = True, tended: bool = True) -> Iterator[Ground]:
        """A fresh namespace with its gateway and Secrets, and a running operator; `tended` ones are restarted when they end.

        A `namespaced` operator watches only this namespace, so that many grounds can exist at once.
        """
        namespace = f"run-{secrets.token_hex(4)}"
        scope = (f"--namespaces={namespace}",) if namespaced else ()
        with self.replica(namespace, "operator", (*scope, *flags)) as replica:
            ground = Ground(self, namespace, replica, tended=tended)
            try:
                ground.open()
                replica.pod.start()
                yield ground
            finally:
                ground.close()

    @contextmanager
    def replica(self, namespace: str, name: str, flags: tuple[str, ...]) -> Iterator[Replica]:
        """An operator behind its own proxy, not started yet; it is stopped at the end of the block."""
        cluster = self.stage.cluster
        proxy = Proxy(cluster.server, cluster.api.trust)
        with self.portal.wrap_async_context_manager(proxy):
            label = f"{name}-{namespace}"
            kubeconfig = write_identity(self.identity, proxy.url, cluster.layout.private / f"{label}.kubeconfig")
            pod = Pod(cluster, kubeconfig, *flags, name=label)
            proxy.kill = pod.kill
            try:
                yield Replica(pod, proxy, flags, kubeconfig)
            finally:
                pod.stop(0)


@dataclass(frozen=True)
class Replica:
    """One operator and the proxy between it and the API server."""

    pod: Pod
    proxy: Proxy
    flags: tuple[str, ...]
    kubeconfig: Path


class Ground(Arena):
    """An arena whose operator may be killed at any time: every wait restarts it like a kubelet."""

    poll = 0.15
    confirms = False

    def __init__(self, world: World, namespace: str, replica: Replica, *, tended: bool) -> None:
        """The arena's operator is that of the first replica."""
        super().__init__(world.stage, replica.pod, namespace)
        self.replicas = [replica]
        self._world = world
        self._tended = tended
        self._audit = AuditTail(world.stage.cluster.layout.audit_log, namespace)

    @property
    def pod(self) -> Pod:
        """The first operator."""
        return self.replicas[0].pod

    @property
    def proxy(self) -> Proxy:
        """The first operator's proxy."""
        return self.replicas[0].proxy

    @contextmanager
    def another_replica(self) -> Iterator[Replica]:
        """Start a further operator with the same flags."""
        name = f"replica-{len(self.replicas)}"
        with self._world.replica(self.namespace, name, self.replicas[0].flags) as replica:
            self.replicas.append(replica)
            replica.pod.start()
            yield replica

    @property
    def script(self) -> Script:
        """The faults from now on."""
        return self.proxy.script

    def close(self) -> None:
        """Stop the operator, remove finalizers in its place, and delete the namespace without waiting."""
        for replica in self.replicas:
            replica.pod.stop(0)
        for binding in self.all_of("FiddlerKongBinding"):
            if binding["metadata"].get("finalizers"):
                self.patch("FiddlerKongBinding", binding["metadata"]["name"], {"metadata": {"finalizers": None}})
        self.stage.cluster.api.delete(f"/api/v1/namespaces/{self.namespace}")  # a scenario may have deleted it already

    def tend(self) -> None:
        """Restart ended operators."""
        for replica in self.replicas if self._tended else ():
            replica.pod.tend()

    def until_quiet(self, seconds: float = 2.0, patience: float = PATIENCE) -> None:
        """Wait until the API server's audit log shows no write of the operator for `seconds`."""
        deadline, since, before = time.monotonic() + patience, time.monotonic(), len(self.audited())
        while time.monotonic() - since < seconds:
            assert time.monotonic() < deadline, f"the operator never stops writing: {self.audited()[-5:]}"
            time.sleep(self.poll)
            self.tend()
            now = len(self.audited())
            if now != before:
                since, before = time.monotonic(), now

    def audited(self) -> tuple[str, ...]:
        """Every write of the operator in this namespace so far, including unchanged and refused ones."""
        return self._audit.writes()

    def state(self) -> State:
        """The content of the namespace, comparable with another run's; {} if the namespace is gone."""
        return normalised([item for kind in KINDS for item in self.all_of(kind)], self.namespace)

    def rolled_out(self, name: str = "kong-gateway") -> bool:
        """Whether a Deployment's rollout is complete."""
        found = self.get("Deployment", name)
        return found is not None and is_rolled_out(found)

    def is_ready(self, name: str = "assistant") -> bool:
        """Whether a binding is Ready for its newest generation."""
        return self.reason(name) == "Ready"

    def reason(self, name: str = "assistant") -> str | None:
        """The reason of Ready for a binding's newest generation; None while the status belongs to an older one."""
        found = self.get("FiddlerKongBinding", name) or {}
        status = found.get("status") or {}
        if not found or status.get("observedGeneration") != found["metadata"]["generation"]:
            return None
        return next((str(c["reason"]) for c in status["conditions"] if c["type"] == "Ready"), None)

    def end_watches(self, resource: str = "", error: int | None = None) -> None:
        """End every watch of the operator, or those of one resource, like a load balancer, or with an ERROR event of that code."""
        self._world.portal.call(self.proxy.end_watches, resource, error)

    def all_of(self, kind: str) -> list[Manifest]:
        """Objects of a kind; none if the kind is not installed."""
        answer = self.stage.cluster.api.get(EVERY_KIND[kind].path(self.namespace)) or {}
        furniture = ("kube-root-ca.crt", "default")
        api_version = EVERY_KIND[kind].api_version
        items = [{**item, "apiVersion": api_version, "kind": kind} for item in answer.get("items") or ()]
        return [item for item in items if item["metadata"]["name"] not in furniture]
