"""A small client of the API server, enough to start a cluster."""

from __future__ import annotations

import http.client
import json
import select
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from .errors import ApiError, DevClusterError
from .ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["ApiServer", "wait_until"]

_FIELD_MANAGER: Final = "devcluster"
_FIRST_ERROR_STATUS: Final = 400
_NOT_FOUND: Final = 404
_COLLECTIONS: Final = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "IngressClass": "/apis/networking.k8s.io/v1/ingressclasses",
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "Service": "/api/v1/namespaces/{namespace}/services",
}
"""Paths of the kinds that devcluster itself creates; it creates everything else with kubectl."""


def _encoded(body: Any, content_type: str) -> bytes | None:
    """The body as JSON, which is YAML too but for the escapes of some characters."""
    if body is None:
        return None
    text = json.dumps(body, ensure_ascii=False)
    if content_type.endswith("+yaml"):
        text = "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)
    return text.encode()


def wait_until(ready: Callable[[], bool], what: str, seconds: float, check: Callable[[], None]) -> None:
    """Poll `ready` until it is true, and call `check`, which may raise, in between. DevClusterError names `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > deadline:
            raise DevClusterError(f"{what} did not happen within {seconds:.0f} s.")
        time.sleep(0.05)


@dataclass(frozen=True)
class ApiServer:
    """The API server of a cluster as one user sees it."""

    port: int
    token: str = field(repr=False)
    trust: ssl.SSLContext = field(repr=False)
    _idle: list[http.client.HTTPSConnection] = field(default_factory=list, init=False, repr=False, compare=False)
    """Connections that wait for the next request: a handshake costs more than most requests."""

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Send one request and return the parsed answer; ApiError for an HTTP error, OSError without an answer."""
        connection = self._connection()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type, "User-Agent": _FIELD_MANAGER}
        try:
            connection.request(method, path, _encoded(body, content_type), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if answer.status >= _FIRST_ERROR_STATUS:
            raise ApiError(f"{method} {path}: HTTP {answer.status}: {_message(text)}", answer.status)
        return json.loads(text) if answer.headers.get_content_type() == "application/json" else text

    def _connection(self) -> http.client.HTTPSConnection:
        """An idle connection that the server has not closed, or a new one."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if _is_open(connection):
                    return connection
                connection.close()
        return http.client.HTTPSConnection(LOOPBACK, self.port, timeout=30, context=self.trust)

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def get(self, path: str) -> Any:
        """Read an object; None if it does not exist."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def delete(self, path: str) -> None:
        """Delete an object, if it exists."""
        try:
            self.request("DELETE", path)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise

    def answers(self, path: str) -> bool:
        """Whether a GET of `path` is answered without an error."""
        try:
            self.request("GET", path)
        except (ApiError, OSError):
            return False
        return True

    def apply(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        """Server-side apply objects of the few kinds devcluster creates."""
        for manifest in manifests:
            collection = _COLLECTIONS[manifest["kind"]].format_map(manifest["metadata"])
            path = f"{collection}/{manifest['metadata']['name']}?fieldManager={_FIELD_MANAGER}&force=true"
            self.request("PATCH", path, manifest, "application/apply-patch+yaml")


def _is_open(connection: http.client.HTTPSConnection) -> bool:
    """Whether nothing has come since the last answer: the end of a connection does."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:500]
