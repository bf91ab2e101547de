"""A cluster on whose node everything runs in pods, and questions to it."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from devcluster.cluster import is_rolled_out
from devcluster.errors import DevClusterError
from devcluster.stage import APPLICATION_ID, Keys
from fiddler_kong_operator import __version__
from tests.chart.rendering import CHART
from tests.crd.release import Release
from tests.node.carriers import Carrier
from tests.node.gateway import Gateway
from tests.node.objects import CONTROLLER, PROXY_PORT, SINK_PORT, STAND_INS, build_objects

__all__ = ["NAMESPACE", "NEXT", "PATIENCE", "Land", "landed", "settled"]

Manifest = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGE: Final = os.environ.get("IMAGE", "localhost/fiddler-kong-operator")
NAMESPACE: Final = "operator"
NEXT: Final = f"{__version__}-next"
"""The tag to which the operator is upgraded: the same image under another name."""

PATIENCE: Final = 600.0
"""Seconds that a step may take on a busy machine."""


@dataclass(frozen=True)
class Land:
    """The cluster with its node, the gateway's form, and the keys of the stand-ins."""

    carrier: Carrier
    gateway: Gateway
    keys: Keys

    @property
    def release(self) -> Release:
        """The operator's release of the chart."""
        return Release(self.carrier, NAMESPACE)

    @property
    def deployment(self) -> str:
        """Name of the operator's Deployment."""
        return f"{NAMESPACE}-fiddler-kong-operator"

    def install(self, verb: str, tag: str) -> None:
        """Install or upgrade the operator by its chart, with two replicas."""
        values = ["image.repository=" + IMAGE, f"image.tag={tag}", "image.pullPolicy=Never", "replicaCount=2", "crds.enabled=false"]
        done = self.release.run(verb, CHART, *(f"--set={value}" for value in values), "--wait", f"--timeout={PATIENCE:.0f}s")
        assert done.returncode == 0, done.stderr + self.kubectl("--namespace", NAMESPACE, "describe", "pods")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl."""
        return self.carrier.kubectl(*arguments, stdin=stdin)

    def get(self, namespace: str, *arguments: str) -> Any:
        """Objects as `kubectl get` reads them."""
        return json.loads(self.kubectl("--namespace", namespace, "get", *arguments, "--output=json"))

    def pods(self, namespace: str, selector: str) -> list[Manifest]:
        """The pods that are not being deleted."""
        found = self.get(namespace, "pods", f"--selector={selector}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def until(self, holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for a condition. A question that fails is asked again: kind's API server shares the node with the pods."""
        deadline, failed = time.monotonic() + seconds, ""
        while True:
            try:
                if holds():
                    return
                failed = ""
            except DevClusterError as error:
                failed = f"; the last question failed: {error}"
            self.carrier.check()
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s{failed}"
            time.sleep(1)

    def rolled_out(self, namespace: str, name: str) -> None:
        """Wait until a Deployment is rolled out."""
        self.until(lambda: is_rolled_out(self.get(namespace, "deployment", name)), f"The rollout of {namespace}/{name}")

    def leader(self) -> str:
        """The pod that holds the operator's Lease; empty if none does."""
        held = str(self.get(NAMESPACE, "lease", "fiddler-kong-operator")["spec"].get("holderIdentity") or "")
        return next((name for pod in self.pods(NAMESPACE, "") if held.startswith(name := pod["metadata"]["name"])), "")

    def ready(self) -> tuple[str, str]:
        """Status and reason of the binding's Ready."""
        status = self.get("ai", "fiddlerkongbinding", "assistant").get("status") or {}
        found: Manifest = next((item for item in status.get("conditions") or () if item["type"] == "Ready"), {})
        return found.get("status", ""), found.get("reason", "")

    def until_ready(self) -> None:
        """Wait until the binding is Ready for its present generation."""
        self.kubectl("--namespace=ai", "wait", "--for=condition=Ready", "fkb/assistant", f"--timeout={PATIENCE:.0f}s")

    def processes(self) -> list[dict[str, str]]:
        """The KONG_* variables of each gateway process, read where the process runs."""
        found = []
        for pod in settled(self.pods("kong", "app.kubernetes.io/name=gateway")):
            text = self.kubectl("--namespace=kong", "exec", pod, "--container=proxy", "--", *self.gateway.environment)
            entries = (entry.partition("=") for entry in text.strip().replace("\0", "\n").splitlines())
            found.append({name: value for name, _, value in entries if name.startswith("KONG_")})
        return found

    def ask(self, session: str) -> str:
        """One call through the gateway, by the node's port of its Service; the answer's text."""
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
        headers = {"Content-Type": "application/json", "X-Fiddler-Conversation-Id": session}
        answer = self._http(PROXY_PORT, "/openai/chat/completions", json.dumps(body).encode(), headers)
        return str(answer["choices"][0]["message"]["content"])

    def asks(self, session: str) -> bool:
        """Whether a call is answered now."""
        try:
            return bool(self.ask(session))
        except OSError:
            return False

    def sessions(self) -> dict[str, int]:
        """The calls of each session that the sink shows."""
        return {item["session_id"]: item["llm_count"] for item in self._http(SINK_PORT, "/api/state")["sessions"]}

    def quickstart(self) -> str:
        """The sample, with its placeholders replaced as its first lines ask."""
        text = (ROOT / "manifests/samples/quickstart.yaml").read_text()
        values = {"${FIDDLER_API_KEY}": self.keys.fiddler, "${OPENAI_API_KEY}": self.keys.provider}
        values |= {"https://your-instance.fiddler.ai": "http://sink.ai.svc:4318", "00000000-0000-4000-8000-000000000000": APPLICATION_ID}
        for placeholder, value in values.items():
            assert placeholder in text
            text = text.replace(placeholder, value)
        return self.gateway.adapt(text)

    def _http(self, port: int, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(f"http://{self.carrier.address(port)}{path}", body, headers or {})
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the address is the node's
            return json.load(response)


def settled(pods: list[Manifest]) -> list[str]:
    """The names of the ready ones."""
    return [pod["metadata"]["name"] for pod in pods if _is_ready(pod)]


def _is_ready(pod: Manifest) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions") or ())


@contextmanager
def landed(carrier: Carrier) -> Iterator[Land]:
    """Load the images into a started cluster, and install the objects around the operator, and the operator by its chart."""
    gateway = Gateway.chosen()
    land = Land(carrier, gateway, Keys())
    stand_ins = f"{STAND_INS}:{__version__}"
    carrier.load(f"{IMAGE}:{__version__}", f"{IMAGE}:{__version__}", f"{IMAGE}:{NEXT}")
    carrier.load(stand_ins, stand_ins, *gateway.own_names)
    carrier.load_program(carrier.program("kong-ingress-controller"), CONTROLLER)
    objects = build_objects(land.keys, stand_ins, gateway)
    land.kubectl("apply", "--server-side", "--filename=-", stdin="\n---\n".join(map(json.dumps, objects)))
    carrier.publish_names()
    land.kubectl("create", "namespace", NAMESPACE)
    land.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    land.install("install", __version__)
    for namespace, name in (("ai", "sink"), ("ai", "provider"), ("kong", "kong-controller"), ("kong", "kong-gateway")):
        land.rolled_out(namespace, name)
    yield land
