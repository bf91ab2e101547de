"""An API server on loopback, for commands that connect to a cluster themselves. It serves objects, and knows no write but
reviews of permissions, which store nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from fiddler_kong_operator.kube.objects import LEASE, Kind, Manifest
from fiddler_kong_operator.plan.kinds import KINDS

POD = Kind("Pod", "", "v1", "pods")
_KINDS = {**KINDS, "Lease": LEASE, "Pod": POD}


class SmallCluster:
    """Objects by their path. `texts` are answers that are no objects; `forbidden` are plurals that this user may not read,
    `failing` those for which a webhook fails."""

    def __init__(self, *objects: Manifest) -> None:
        self.objects: list[Manifest] = []
        self.texts: dict[str, Any] = {
            "/version": {"gitVersion": "v1.36.3"},
            "/apis/integrations.fiddler.ai": {"versions": [{"version": "v1alpha1"}]},
            "/openapi/v3/apis/configuration.konghq.com/v1": {
                "components": {"schemas": {"com.konghq.KongPlugin": {"properties": {"configPatches": {}}}}}
            },
        }
        self.forbidden: set[str] = set()
        self.failing: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        """Verb and resource of what a review of one's own permissions does not allow."""
        self.methods: set[str] = set()
        self.put(*objects)

    def put(self, *objects: Manifest) -> None:
        """Add objects, or replace those of the same name."""
        for raw in objects:
            self.objects = [known for known in self.objects if _path(known) != _path(raw)] + [raw]

    def review(self, asked: Manifest) -> Manifest:
        """The answer to a SelfSubjectAccessReview."""
        attributes = asked["spec"]["resourceAttributes"]
        return {**asked, "status": {"allowed": (attributes["verb"], attributes["resource"]) not in self.denied}}

    def answer(self, path: str) -> tuple[int, Any]:
        """Status and content for a path."""
        if path in self.texts:
            return 200, self.texts[path]
        collections = {kind.plural for kind in _KINDS.values()}
        plural = next((part for part in path.split("/")[2:] if part in collections), "")
        if plural in self.forbidden:
            return 403, _failure(403, f'{plural} is forbidden: User "someone" cannot list resource "{plural}"')
        if plural in self.failing:
            return 500, _failure(500, f"conversion webhook for {plural} failed")
        if path.endswith(f"/{plural}") and plural:
            root, _, namespace = path.removesuffix(f"/{plural}").partition("/namespaces/")
            items = [raw for raw in self.objects if _collection(raw) == f"{root}/{plural}" and namespace in ("", _namespace(raw))]
            return 200, {"metadata": {"resourceVersion": "1"}, "items": items}
        found = next((raw for raw in self.objects if _path(raw) == path), None)
        return (200, found) if found else (404, _failure(404, f"{path} not found"))


def _failure(code: int, message: str) -> Manifest:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}


def _namespace(raw: Manifest) -> str:
    return str(raw["metadata"].get("namespace") or "")


def _collection(raw: Manifest) -> str:
    return _KINDS[raw["kind"]].path()


def _path(raw: Manifest) -> str:
    return _KINDS[raw["kind"]].path(_namespace(raw), raw["metadata"]["name"])


@contextmanager
def serving(cluster: SmallCluster, folder: Path) -> Iterator[str]:
    """Serve it; gives the path of a kubeconfig."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cluster.methods.add(self.command)
            self.send(*cluster.answer(urlsplit(self.path).path))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert asked["kind"] == "SelfSubjectAccessReview"
            self.send(201, cluster.review(asked))

        def send(self, code: int, content: Any) -> None:
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield _kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def _kubeconfig(folder: Path, server: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "small",
        "contexts": [{"name": "small", "context": {"cluster": "small", "user": "small", "namespace": "ai"}}],
        "clusters": [{"name": "small", "cluster": {"server": server}}],
        "users": [{"name": "small", "user": {}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return str(file)
