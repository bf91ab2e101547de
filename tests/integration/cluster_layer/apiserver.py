"""A kube-apiserver and its etcd, for the tests of this folder: started on free loopback ports, stopped by their own process ids."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

TOKEN = "cluster-layer"
DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where it listens and how to log in."""

    url: str
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def api_server(folder: Path, *flags: str) -> Iterator[ApiServer]:
    """A server with the tables of `tokens.csv` and RBAC, whose `cluster-layer` token is an administrator's."""
    assets = Path(os.environ["KUBEBUILDER_ASSETS"])
    key = folder / "service-account.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)  # noqa: S607
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,1,system:masters\nnobody,nobody,2,"nobodies"\n')
    etcd, peer, secure = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(_process([assets / "etcd", *_etcd_flags(folder, etcd, peer)], folder / "etcd.log"))
        command = [assets / "kube-apiserver", *_server_flags(folder, key, etcd, secure), *flags]
        process = stack.enter_context(_process(command, folder / "apiserver.log"))
        server = ApiServer(f"https://127.0.0.1:{secure}", folder)
        server.kubeconfig.write_text(_kubeconfig(server.url))
        _wait_ready(server.url, process, folder / "apiserver.log")
        yield server


def _etcd_flags(folder: Path, client: int, peer: int) -> list[str]:
    local, other = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={local}",
        f"--advertise-client-urls={local}",
        f"--listen-peer-urls={other}",
        f"--initial-advertise-peer-urls={other}",
        f"--initial-cluster=default={other}",
        "--unsafe-no-fsync",
    ]


def _server_flags(folder: Path, key: Path, etcd: int, port: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--disable-admission-plugins=ServiceAccount",
    ]


def _kubeconfig(url: str, token: str = TOKEN) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "test", "user": {"token": token}}],
        }
    )


@contextmanager
def _process(command: list[object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(request, context=trusting, timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"kube-apiserver is not ready; see {log}")
