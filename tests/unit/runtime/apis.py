"""An API server for the runtime: lists what it holds, watches nothing, and remembers every request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from fiddler_kong_operator.errors import Gone
from fiddler_kong_operator.kube.client import Page, WatchEvent
from fiddler_kong_operator.kube.objects import Kind, Manifest


class Api:
    """Holds objects by kind and namespace."""

    def __init__(self, *objects: Manifest) -> None:
        self.objects = list(objects)
        self.requests: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        """Raised by the next lists of a kind."""
        self.held: dict[str, asyncio.Event] = {}
        """Lists of a kind wait for it."""
        self._asked = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for requests that make the condition true."""
        async with asyncio.timeout(10):
            while not holds():
                self._asked.clear()
                await self._asked.wait()

    def names(self, verb: str) -> list[str]:
        """The objects or kinds that requests of a verb named."""
        return [request.partition(" ")[2] for request in self.requests if request.partition(" ")[0] == verb]

    def _note(self, request: str) -> None:
        self.requests.append(request)
        self._asked.set()

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> AsyncGenerator[Page, None]:
        del limit
        self._note(f"list {kind.name}{f' in {namespace}' if namespace else ''}")
        if kind.name in self.held:
            await self.held[kind.name].wait()
        if self.errors.get(kind.name):
            raise self.errors[kind.name].pop(0)
        found = [o for o in self.objects if o["kind"] == kind.name and namespace in (None, o["metadata"]["namespace"])]
        yield Page(found, "100")

    async def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        self._note(f"watch {kind.name}{f' in {namespace}' if namespace else ''} from {resource_version}")
        await asyncio.get_running_loop().create_future()
        yield WatchEvent("BOOKMARK", {})

    async def get(self, kind: Kind, namespace: str, name: str, /) -> Manifest:
        self._note(f"get {kind.name} {namespace}/{name}")
        for held in self.objects:
            if (held["kind"], held["metadata"]["namespace"], held["metadata"]["name"]) == (kind.name, namespace, name):
                return held
        raise Gone(f"get {kind.name} {namespace}/{name}: not found")

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        del kind, force
        return self._answer("status" if status else "apply", manifest)

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        del kind
        return self._answer("create", manifest)

    def _answer(self, verb: str, manifest: Manifest) -> Manifest:
        metadata = manifest["metadata"]
        self._note(f"{verb} {manifest['kind']} {metadata['namespace']}/{metadata['name']}")
        uid = metadata.get("uid", f"uid-{metadata['name']}")
        before = next((o for o in self.objects if o["metadata"].get("uid") == uid), {})
        return {**before, **manifest, "metadata": {**before.get("metadata", {}), **metadata, "uid": uid, "resourceVersion": "101"}}


def binding(name: str = "assistant", namespace: str = "ai", **changes: Any) -> Manifest:
    """A binding as the API server gives it."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "50",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    spec = {
        "fiddler": {
            "url": "https://acme.fiddler.ai",
            "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
            "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
        },
        "gateway": {"targetRef": {"name": "kong-gateway"}},
        "routes": [{"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}}],
    }
    return {
        "apiVersion": "integrations.fiddler.ai/v1alpha1",
        "kind": "FiddlerKongBinding",
        "metadata": metadata,
        "spec": spec,
        **changes,
    }
