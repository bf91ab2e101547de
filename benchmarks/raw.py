"""The lower limit for comparison: lists and watches the bindings, and sends the same writes through 16 workers without any decision.

`python -m benchmarks.raw TEMPLATE`, with the operator's rights in $KUBECONFIG. It talks to the API server through the client library
as it is, on asyncio's own loop, and ignores the answers. The operator uses only the library's session, with uvloop and orjson.
When the provider's Secret changes, it writes each derived Secret once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import load_kube_config

from fiddler_kong_operator.kube.objects import Kind
from fiddler_kong_operator.plan.kinds import BINDING, SECRET

from .manifests import NAMESPACE, PROVIDER_SECRET
from .template import Request, Template, encoded_key

__all__ = ["LISTING"]

LISTING: Final = "listing begins"
"""The log line that marks the beginning of the work."""

_WORKERS: Final = 16
_PAGE: Final = 500
_ERRORS: Final = 300

logger = logging.getLogger(__name__)


class Http:
    """The client library's HTTP session."""

    def __init__(self, configuration: Configuration, authorization: str) -> None:
        configuration.client_session_kwargs = {"trust_env": False}  # as in the operator: otherwise each request reads netrc in a thread
        self._rest = RESTClientObject(configuration)
        self._host = configuration.host
        self._authorization = authorization

    @classmethod
    async def connect(cls) -> Http:
        """Log in as $KUBECONFIG says."""
        configuration = Configuration()
        await load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(configuration, str(await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")))

    async def get(self, target: str) -> Any:
        """Read an object or a list."""
        response = await self._send("GET", target, "application/json")
        return json.loads(await response.read())

    async def write(self, request: Request) -> None:
        """Write; any error ends the process, since a failed run cannot be compared."""
        response = await self._send(request.method, request.target, request.content_type, json.loads(request.body))
        text = await response.read()
        if response.status >= _ERRORS:
            raise RuntimeError(f"{request.method} {request.target}: {response.status} {text[:500]!r}")

    async def watch(self, kind: Kind, query: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Events until the server ends the watch, which is later than the end of any measurement."""
        target = f"{kind.path(NAMESPACE)}?{urlencode({'watch': '1', 'timeoutSeconds': '3600', **query})}"
        response = await self._send("GET", target, "application/json")
        while line := await response.content.readline():
            yield json.loads(line)

    async def _send(self, method: str, target: str, content_type: str, body: Any = None) -> Any:
        headers = {"Authorization": self._authorization, "Accept": "application/json", "Content-Type": content_type}
        answer = await self._rest.request(  # type: ignore[no-untyped-call]
            method, f"{self._host}{target}", headers=headers, body=body, _request_timeout=3600
        )
        return answer.response


class RawLoop:
    """A work queue; each item produces the writes of one binding in order."""

    def __init__(self, http: Http, template: Template) -> None:
        self._http = http
        self._template = template
        self._queue: asyncio.Queue[Callable[[], tuple[Request, ...]]] = asyncio.Queue()
        self._names: dict[str, str] = {}

    async def run(self) -> None:
        """Work until the process is stopped."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_WORKERS):
                tasks.create_task(self._work())
            tasks.create_task(self._follow_bindings())
            tasks.create_task(self._follow_key())

    async def _work(self) -> None:
        while True:
            make = await self._queue.get()
            for request in make():
                await self._http.write(request)

    async def _follow_bindings(self) -> None:
        token, version = "", ""
        while token or not version:
            page = await self._http.get(f"{BINDING.path(NAMESPACE)}?{urlencode({'limit': _PAGE, 'continue': token})}")
            for item in page["items"]:
                self._take(item)
            token, version = page["metadata"].get("continue", ""), page["metadata"]["resourceVersion"]
        async for event in self._http.watch(BINDING, {"resourceVersion": version}):
            self._take(event["object"])

    def _take(self, binding: dict[str, Any]) -> None:
        name, uid = binding["metadata"]["name"], binding["metadata"]["uid"]
        if name not in self._names:
            self._names[name] = uid
            self._queue.put_nowait(lambda: self._template.fill(name, uid))

    async def _follow_key(self) -> None:
        known = ""
        async for event in self._http.watch(SECRET, {"fieldSelector": f"metadata.name={PROVIDER_SECRET}"}):
            key = base64.b64decode(event["object"]["data"]["api-key"]).decode()
            if known:
                former = encoded_key(known)
                data = {entry: encoded_key(key) if value == former else value for entry, value in self._template.secret_data.items()}
                self._rotate(json.dumps({"data": data}))
            known = known or key

    def _rotate(self, body: str) -> None:
        for name in self._names:
            target = f"{SECRET.path(NAMESPACE, f'{name}-kong-keys')}?fieldManager=fiddler-kong-operator"
            request = Request("PATCH", target, "application/merge-patch+json", body)
            self._queue.put_nowait(lambda request=request: (request,))  # type: ignore[misc]


async def _main(template: Template) -> None:
    http = await Http.connect()
    logger.info(LISTING)
    await RawLoop(http, template).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(created).3f %(message)s")
    asyncio.run(_main(Template.from_json(Path(sys.argv[1]).read_text())))
