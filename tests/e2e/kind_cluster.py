"""End to end in containers: `make test-e2e`. Needs a Docker engine and access to the images of kind, Python and Kong.

Only this test shows that both images build, that the operator starts under Pod Security `restricted` with a read-only root, that the pod's
probes answer, that its service account token works, that names of Services resolve, and that a real Kong Gateway starts with the three
settings. It does not run Kong Ingress Controller (tests/integration does) and does not check whether Kong accepts the plugins.

The file's name keeps it out of `make test`, which must pass without Docker. It has never been run where this project is developed.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from devcluster.build import Builder
from devcluster.pins import COMPONENTS, KONG_CRDS
from devcluster.progress import Reporter

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGE: Final = "fiddler-kong-operator:0.1.0"
SINK: Final = "fiddler-kong-sink:0.1.0"
KONG: Final = os.environ.get("KONG_IMAGE", "kong/kong-gateway:3.13.0.7")
KEY: Final = "e2e.0123456789abcdef"
APPLICATION: Final = "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11"

Manifest = dict[str, Any]


class Kind:
    """A kind cluster and the kubeconfig for it."""

    def __init__(self, folder: Path) -> None:
        self.name = f"fkb-{secrets.token_hex(3)}"
        self.environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig")}
        builder = Builder(Reporter())
        self.programs = builder.programs([COMPONENTS["kind"], COMPONENTS["kubectl"]])
        self.kong_crds = builder.definitions(KONG_CRDS)

    def run(self, *command: str | Path, stdin: str | None = None) -> str:
        """Run a command; the error of a failed one contains its output."""
        done = subprocess.run(command, input=stdin, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def kind(self, *arguments: str) -> str:
        return self.run(self.programs["kind"], *arguments)

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        return self.run(self.programs["kubectl"], *arguments, stdin=stdin)

    def apply(self, *manifests: Manifest) -> None:
        self.kubectl("apply", "--server-side", "--filename=-", stdin="\n---\n".join(map(json.dumps, manifests)))


def deployment(namespace: str, name: str, container: Manifest) -> Manifest:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def service(namespace: str, name: str, port: int) -> Manifest:
    spec = {"selector": {"app": name}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def secret(name: str, key: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "ai"}, "stringData": {"api-key": key}}


def binding() -> Manifest:
    llm = {"provider": "openai", "model": "gpt-4o-mini", "auth": {"secretRef": {"name": "openai", "key": "api-key"}}}
    spec = {
        "fiddler": {
            "url": "http://sink.ai.svc:4318",
            "applicationId": APPLICATION,
            "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
        },
        "gateway": {"targetRef": {"name": "kong-gateway", "namespace": "kong"}},
        "routes": [{"name": "openai", "expose": {"path": "/openai"}, "llm": llm}],
    }
    metadata = {"name": "assistant", "namespace": "ai"}
    return {"apiVersion": "integrations.fiddler.ai/v1alpha1", "kind": "FiddlerKongBinding", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    kind = Kind(tmp_path_factory.mktemp("kind"))
    kind.run("docker", "build", "--tag", IMAGE, ".")
    kind.run("docker", "build", "--tag", SINK, "sink")
    kind.kind("create", "cluster", f"--name={kind.name}", "--wait=180s")
    try:
        kind.kind("load", "docker-image", IMAGE, SINK, f"--name={kind.name}")
        kind.kubectl("apply", "--server-side", f"--filename={kind.kong_crds}")
        kind.kubectl("apply", "--server-side", f"--kustomize={ROOT / 'manifests/install'}")
        yield kind
    finally:
        kind.kind("delete", "cluster", f"--name={kind.name}")


def test_the_operator_starts_as_it_is_shipped(cluster: Kind) -> None:
    cluster.kubectl("-n", "fiddler-kong-operator", "rollout", "status", "deployment/fiddler-kong-operator", "--timeout=180s")


def test_a_binding_becomes_ready_in_front_of_a_real_kong(cluster: Kind) -> None:
    cluster.kubectl("create", "namespace", "ai")
    cluster.kubectl("create", "namespace", "kong")
    arguments = ["--host=0.0.0.0", "--port=4318", f"--api-key={KEY}", f"--application-id={APPLICATION}"]
    sink = {"name": "sink", "image": SINK, "args": arguments, "ports": [{"containerPort": 4318}]}
    kong = {"name": "proxy", "image": KONG, "env": [{"name": "KONG_DATABASE", "value": "off"}]}
    cluster.apply(deployment("ai", "sink", sink), service("ai", "sink", 4318), secret("fiddler", KEY), secret("openai", "sk-e2e"))
    cluster.apply(deployment("kong", "kong-gateway", kong))
    cluster.kubectl("-n", "kong", "annotate", "deployment/kong-gateway", "integrations.fiddler.ai/allow-bindings-from=ai")
    cluster.kubectl("-n", "ai", "rollout", "status", "deployment/sink", "--timeout=120s")

    cluster.apply(binding())

    cluster.kubectl("-n", "ai", "wait", "--for=condition=Ready", "fkb/assistant", "--timeout=300s")
    printed = cluster.kubectl("-n", "kong", "exec", "deployment/kong-gateway", "--container=proxy", "--", "env")
    assert {"KONG_TRACING_INSTRUMENTATIONS=all", "KONG_TRACING_SAMPLING_RATE=1.0", "KONG_UNTRUSTED_LUA=on"} <= set(printed.splitlines())
