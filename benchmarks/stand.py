"""One fresh cluster with a gateway, a trace endpoint and N bindings, for one contender at a time."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme

from devcluster import Cluster, Write
from devcluster.audit import Mark, WriteLog
from devcluster.operator_process import USER, install
from devcluster.ports import free_ports
from devcluster.progress import Reporter
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.kinds import BINDING

from .manifests import GATEWAY, NAMESPACE, PROVIDER_SECRET, Manifest, binding, gateway, secret

__all__ = ["BenchmarkError", "Stand", "open_stand"]

PROJECT: Final = Path(__file__).resolve().parent.parent
_CREATIONS: Final = 16
"""Requests in flight at once."""

_START_SECONDS: Final = 20.0
_CALM: Final = 5.0
"""Seconds in which a fresh API server still loads its resource definitions."""


class BenchmarkError(Exception):
    """A measurement failed; the text says which."""


@dataclass(frozen=True)
class Stand:
    """A cluster for a measurement: `api` with the administrator's rights, `url` of the trace endpoint, and the CA of its certificate."""

    cluster: Cluster
    api: Client
    log: WriteLog
    url: str
    ca_file: Path

    async def populate(self, numbers: Iterable[int], *, distinct: bool = False) -> None:
        """Create bindings, many at a time."""
        await self.together(self.api.create(BINDING, binding(number, self.url, distinct=distinct)) for number in numbers)

    async def together(self, requests: Iterable[Any]) -> None:
        """Send requests, enough at a time to keep the API server busy; raises the first error."""
        slots = asyncio.Semaphore(_CREATIONS)

        async def send(request: Any) -> None:
            async with slots:
                await request

        await asyncio.gather(*(send(request) for request in requests))

    async def all_of(self, kind: Kind) -> list[Manifest]:
        """Every object of a kind in the namespace."""
        return [{**item, "kind": kind.name} async for page in self.api.list_pages(kind, NAMESPACE) for item in page.items]

    def writes(self, since: Mark | None = None) -> tuple[Write, ...]:
        """The contender's writes in the API server's audit log, including refused and unchanged ones, without renewals of the Lease."""
        self.log.mark()
        return tuple(write for write in self.log.writes(user=USER, since=since) if write.resource != "leases")

    async def until_ready(self, number: int, quiet: float = 2.0) -> None:
        """Wait until that many bindings have a status and no write came for `quiet` seconds; BenchmarkError unless all are Ready."""
        deadline = time.monotonic() + 120 + 0.2 * number
        while not self._is_quiet(number, quiet):
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{number} bindings were still being written in the end; see {self.cluster.logs}")
            await asyncio.sleep(0.5)
        unready = [b["metadata"]["name"] for b in await self.all_of(BINDING) if not is_ready(b)]
        if unready:
            raise BenchmarkError(f"{len(unready)} bindings are not Ready, the first is {unready[0]}; see {self.cluster.logs}")

    def exports(self) -> int:
        """Number of exports that the trace endpoint received."""
        trust = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(f"{self.url}/count", timeout=5, context=trust) as answer:  # noqa: S310 - our own https URL
            return int(json.load(answer))

    def _is_quiet(self, number: int, quiet: float) -> bool:
        writes = self.writes()
        reported = {write.name for write in writes if write.subresource == "status"}
        return len(reported) >= number and time.time() - writes[-1].at > quiet


def is_ready(manifest: Manifest) -> bool:
    """Whether a binding is Ready."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@asynccontextmanager
async def open_stand(*, ready: bool, gateway_api: bool = True) -> AsyncIterator[Stand]:
    """Start a cluster with everything but bindings and a contender.

    `ready`: the gateway already has its settings. `gateway_api`: the kinds of the Gateway API are installed.
    """
    with Cluster.start(gateway_api=gateway_api, reporter=Reporter()) as cluster, tempfile.TemporaryDirectory() as folder:
        install(cluster)
        cluster.create_namespace(NAMESPACE)
        cluster.apply(gateway(ready=ready), secret("fiddler", "fdl_bench.f0e1d2c3b4a5"), secret(PROVIDER_SECRET, "sk-bench-first"))
        cluster.wait_rolled_out(NAMESPACE, GATEWAY)
        ca_file, url = _start_endpoint(cluster, Path(folder))
        async with await Client.connect(str(cluster.kubeconfig)) as api:
            await asyncio.sleep(_CALM)
            yield Stand(cluster, api, cluster.write_log(), url, ca_file)


def _start_endpoint(cluster: Cluster, folder: Path) -> tuple[Path, str]:
    authority, chain, ca_file = trustme.CA(), folder / "chain.pem", folder / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
    authority.cert_pem.write_to_path(ca_file)
    (port,) = free_ports(1)
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.endpoint", str(port), chain]
    process = cluster.start_process("endpoint", command, {"PYTHONPATH": str(PROJECT)})
    url = f"https://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(f"{url}/count", ca_file):
        process.check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"the trace endpoint did not start; see {cluster.logs}")
        time.sleep(0.05)
    return ca_file, url


def _answers(url: str, ca_file: Path) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1, context=ssl.create_default_context(cafile=ca_file)):  # noqa: S310 - as above
            return True
    except OSError:
        return False
