"""Requests to the API server, JSON in and JSON out.

Every request has a time limit and raises only the project's own errors. A request that writes passes the fence first.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

import aiohttp

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Transient

from .clock import ServerClock
from .connection import APPLY, Connection, Fence, load_configuration
from .errors import Call, error_of, parse_status, unreachable
from .objects import Kind, Manifest
from .parsing import parse_json

__all__ = ["PAGE", "Client", "Page", "RequestObserver", "WatchEvent"]

RequestObserver = Callable[[str, str, int, float], None]
"""Called after each request with verb, kind, HTTP status (0 without an answer) and seconds."""

PAGE: Final = 200
"""Objects in one page of a list."""

READ_LIMIT: Final = 1 << 20
"""Most bytes that are read of an answer that is not an object of a kind."""

REQUEST_TIMEOUT: Final = 30.0
"""Seconds for a whole request; the API server gives up on its side after 60."""

WATCH_SECONDS: Final = 240
"""The server ends a watch after that many seconds."""

WATCH_SILENCE: Final = WATCH_SECONDS + 15
"""Seconds without a byte after which a watch counts as dead: it should have ended before."""

_CONNECT: Final = 10.0
_LIMITS: Final = aiohttp.ClientTimeout(REQUEST_TIMEOUT, sock_connect=_CONNECT)
_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_MUTATING: Final = frozenset({"apply", "create", "delete", "patch", "update"})
_HTTP_ERRORS: Final = 300
_STRICT: Final = {"fieldValidation": "Strict"}
"""Makes the API server refuse an unknown field; by default it would drop the field and only warn."""


class Page(NamedTuple):
    """One page of a list; `resource_version` is the collection's, the same on every page."""

    items: list[Manifest]
    resource_version: str


class WatchEvent(NamedTuple):
    """One event of a watch: ADDED, MODIFIED, DELETED, or BOOKMARK (whose object has only a resourceVersion)."""

    type: str
    object: Manifest


class Client:
    """Requests to an API server. A namespace of None means every namespace."""

    def __init__(self, connection: Connection, *, fence: Fence | None = None, on_request: RequestObserver | None = None) -> None:
        """A request that writes passes the fence once it has a connection, unless its kind is not `fenced`: a Lease opens the fence."""
        self.connection = connection
        """Makes sessions with the same credentials for other parts of this process (kopf)."""
        self._fence = fence
        self._on_request = on_request
        self.clock = ServerClock()
        """The API server's clock."""

    @classmethod
    async def connect(
        cls,
        kubeconfig: str | None = None,
        context: str | None = None,
        *,
        fence: Fence | None = None,
        on_request: RequestObserver | None = None,
    ) -> Self:
        """A client for the cluster that `load_configuration` finds; NoCluster where there is none."""

        async def load() -> Any:
            return await load_configuration(kubeconfig, context)

        return cls(Connection(await load(), load), fence=fence, on_request=on_request)

    async def __aenter__(self) -> Self:
        """The first request opens the connection."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.connection.close()

    async def get(self, kind: Kind, namespace: str, name: str, /) -> Manifest:
        """Read one object; Gone where it does not exist."""
        return await self._request(Call("get", kind, namespace, name), "GET", kind.path(namespace, name))

    async def read(self, call: Call, path: str, query: Mapping[str, Any] | None = None, limit: int = READ_LIMIT) -> bytes:
        """Read at most `limit` bytes of an answer that is no object of a kind: a log, the server's version, a proxied page."""
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            response = await self._send(call, "GET", target)
            try:
                await _raise_for_status(call, response)
                chunks = bytearray()
                while len(chunks) < limit and (chunk := await response.content.readany()):
                    chunks += chunk
            finally:
                response.close()
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(call, error) from error
        return bytes(chunks[:limit])

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = PAGE) -> AsyncGenerator[Page, None]:
        """List the kind page by page; Expired where the list took too long, Gone where the kind is not installed."""
        query: dict[str, Any] = {**kind.selectors, "limit": limit}
        while True:
            answer = await self._request(Call("list", kind, namespace), "GET", kind.path(namespace), query)
            metadata = answer["metadata"]
            yield Page(answer.get("items") or [], metadata.get("resourceVersion", ""))
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    async def watch(self, kind: Kind, namespace: str | None, resource_version: str) -> AsyncGenerator[WatchEvent, None]:
        """Events after the version, until the server ends the watch; Expired where the version is too old."""
        call = Call("watch", kind, namespace)
        query = {
            **kind.selectors,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": WATCH_SECONDS,
        }
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=WATCH_SILENCE)
        try:
            response = await self._send(call, "GET", f"{kind.path(namespace)}?{urlencode(query)}", limits=limits)
            try:
                await _raise_for_status(call, response)
                async for line in _lines(response.content):
                    yield _event(call, line)
            finally:
                response.close()
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(call, error) from error

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = False, status: bool = False) -> Manifest:
        """Server-side apply under our field manager; Conflict where others own a field and `force` is not given."""
        query = {**_as_manager(), "force": str(force).lower()}
        call = _call("apply", kind, manifest)
        path = kind.path(call.namespace, call.name, "status" if status else "")
        return await self._request(call, "PATCH", path, query, manifest, APPLY)

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, body: Manifest, *, strategic: bool = False, manager: str = names.FIELD_MANAGER
    ) -> Manifest:
        """Merge patch (RFC 7386, or strategic). A uid or resourceVersion in its metadata is a precondition: Stale if it does not hold."""
        path = kind.path(namespace, name)
        content_type = _STRATEGIC if strategic else _MERGE
        return await self._request(Call("patch", kind, namespace, name), "PATCH", path, _as_manager(manager), body, content_type)

    async def dry_run_patch(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        """The object as a merge patch would leave it, with defaults and webhooks; nothing is stored.

        Refused where a webhook does not support dry runs.
        """
        query = {**_as_manager(), "dryRun": "All"}
        return await self._request(Call("patch", kind, namespace, name), "PATCH", kind.path(namespace, name), query, body, _MERGE)

    async def patch_status(self, kind: Kind, namespace: str, name: str, body: Manifest) -> Manifest:
        """JSON merge patch of the status subresource, with the preconditions of `merge_patch`."""
        call = Call("patch", kind, namespace, name)
        return await self._request(call, "PATCH", kind.path(namespace, name, "status"), _as_manager(), body, _MERGE)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Delete the object with this uid; Stale where the live object has another, Gone where there is none."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self._request(Call("delete", kind, namespace, name), "DELETE", kind.path(namespace, name), body=body)

    async def create(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        """Create an object; Stale where one of that name exists."""
        call = _call("create", kind, manifest)
        return await self._request(call, "POST", kind.path(call.namespace), _as_manager(), manifest)

    async def dry_run_create(self, kind: Kind, manifest: Manifest) -> None:
        """Raise what a creation would raise, policies and webhooks included; nothing is stored.

        Stale where one of that name exists: the API server admits an object before it looks for that. Refused with `Denial.DRY_RUN` where a
        webhook does not support dry runs.
        """
        call = _call("create", kind, manifest)
        await self._request(call, "POST", kind.path(call.namespace), {**_as_manager(), "dryRun": "All"}, manifest)

    async def replace(self, kind: Kind, manifest: Manifest, /) -> Manifest:
        """Replace an object at the manifest's resourceVersion; Stale where it changed."""
        call = _call("update", kind, manifest)
        return await self._request(call, "PUT", kind.path(call.namespace, call.name), _as_manager(), manifest)

    async def _request(
        self,
        call: Call,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Manifest:
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            response = await self._send(call, method, target, body, content_type)
            try:
                await _raise_for_status(call, response, body)
                answer = _mapping(parse_json(await response.read()))
            finally:
                response.release()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise unreachable(call, error) from error
        return answer

    async def _send(
        self,
        call: Call,
        method: str,
        target: str,
        body: Any = None,
        content_type: str = "application/json",
        limits: aiohttp.ClientTimeout = _LIMITS,
    ) -> aiohttp.ClientResponse:
        fence = self._fence if call.verb in _MUTATING and call.kind.fenced else None
        started, status = time.perf_counter(), 0
        try:
            response = await self.connection.send(method, target, body, content_type, limits, fence)
            status = response.status
            self.clock.answered(response.headers.get("Date"))
        finally:
            if self._on_request:
                self._on_request(call.verb, call.kind.name, status, time.perf_counter() - started)
        return response


def _as_manager(manager: str = names.FIELD_MANAGER) -> dict[str, str]:
    """The query parameters of every write but a deletion."""
    return {"fieldManager": manager, **_STRICT}


def _call(verb: str, kind: Kind, manifest: Manifest) -> Call:
    metadata = manifest["metadata"]
    return Call(verb, kind, metadata.get("namespace"), metadata.get("name", ""))


async def _raise_for_status(call: Call, response: aiohttp.ClientResponse, body: Any = None) -> None:
    if response.status >= _HTTP_ERRORS:
        raise error_of(call, response.status, parse_status(await response.read()), response.headers.get("Retry-After"), body)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines of a stream, however long; aiohttp's own reader gives up on lines beyond its buffer."""
    rest = bytearray()
    async for chunk in content.iter_any():
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            continue
        for line in (bytes(rest) + head).split(b"\n"):
            if line:
                yield line
        rest = bytearray(tail)


def _event(call: Call, line: bytes) -> WatchEvent:
    try:
        content = _mapping(parse_json(line))
        event = WatchEvent(content["type"], _mapping(content["object"]))
    except (ValueError, KeyError) as error:
        raise Transient(f"{call}: the watch sent something that is not an event") from error
    if event.type == "ERROR":
        raise error_of(call, int(event.object.get("code") or 500), event.object)
    return event


def _mapping(content: Any) -> Manifest:
    """The JSON object; ValueError for any other JSON, and for text that is not JSON."""
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a text is wrong, not a caller's type
    return content
