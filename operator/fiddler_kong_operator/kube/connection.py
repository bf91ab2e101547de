"""Reaches the API server and logs in to it: kubeconfig or service account, by the official client's own loaders.

Only the client's configuration and TLS context are used. Its generated models take three times as long to turn JSON into objects and back.

A request that writes passes its fence once it has a connection, not before: getting one can take seconds (TLS, a busy API server), in
which the process may be suspended and lose its lease.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import ssl
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yarl import URL

from fiddler_kong_operator import __version__, names
from fiddler_kong_operator.errors import NoCluster

__all__ = ["APPLY", "Connection", "Fence", "Loader", "load_configuration"]

logger: Final = logging.getLogger(__name__)

Fence = Callable[[], None]
"""Raises NotLeader where this process must not write."""

Loader = Callable[[], Awaitable[Configuration]]
"""Reads address and credentials again."""

APPLY: Final = "application/apply-patch+yaml"
"""Content type of a server-side apply."""

_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"{names.APPLICATION}/{__version__}"}
_UNAUTHORIZED: Final = 401

_UNFIT: Final = re.compile("[\x7f-\uffff]")

_TOKEN: Final = "BearerToken"  # noqa: S105 - the client's name for the security scheme

_REMEDY: Final = "Set KUBECONFIG, or run in a pod with a service account."


async def load_configuration(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """The named kubeconfig (or $KUBECONFIG), else the pod's service account, else ~/.kube/config.

    With a `context`, the pod's service account is not used. NoCluster where there is no configuration, or it is malformed.
    """
    configuration = Configuration()
    named = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if not named and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=named, context=context, client_configuration=configuration, persist_config=False
            )
    except (ConfigException, OSError) as error:
        raise NoCluster(f"No access to a cluster: {str(error).rstrip('. ')}. {_REMEDY}") from error
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:  # the loader does not validate
        raise NoCluster(f"No access to a cluster: the kubeconfig is malformed ({type(error).__name__}). {_REMEDY}") from error
    if not isinstance(configuration.tls_server_name, str | None):
        raise NoCluster("No access to a cluster: tls-server-name in the kubeconfig must be text. Put it in quotes.")
    return configuration


def _trust(configuration: Configuration) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = RESTClientObject(configuration).ssl_context
    except OSError as error:  # ssl.SSLError is one too
        raise NoCluster(f"No access to a cluster: the kubeconfig's certificates cannot be used ({error.strerror}). {_REMEDY}") from error
    return context


def _behind_proxy(host: str) -> bool:
    """Whether the environment names a proxy for the API server. aiohttp starts a thread for each request to look for one."""
    parts = urlsplit(host)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


class Connection:
    """Makes HTTP sessions to the API server, with credentials that are renewed, proxy, TLS server name and trusted certificates.

    The client's `refresh_api_key_hook` reads a service account's token again every minute. After an HTTP 401 the whole loader runs again,
    which covers the token files and exec plugins of a kubeconfig, and the request is sent once more.
    """

    def __init__(self, configuration: Configuration, load: Loader) -> None:
        """`load` is called for new credentials after an HTTP 401. NoCluster where the configuration's certificates cannot be used."""
        self._configuration = configuration
        self._load = load
        self._tls = _trust(configuration)
        self._session: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()

    @property
    def server(self) -> str:
        """URL of the API server."""
        host: str = self._configuration.host
        return host

    def open_session(
        self, *middlewares: aiohttp.ClientMiddlewareType, response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse
    ) -> aiohttp.ClientSession:
        """Make a session; the caller closes it. Its `middlewares` run before credentials are added."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),  # a limit could be used up by watches, one for each kind and namespace
            headers=_HEADERS,
            middlewares=(*middlewares, self._authorize),
            proxy=self._configuration.proxy,
            response_class=response_class,
            trace_configs=[_fencing()],
            trust_env=_behind_proxy(self.server),
        )

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        limits: aiohttp.ClientTimeout | None = None,
        fence: Fence | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request with its body as JSON; the caller closes the response. Where the `fence` raises, nothing was sent."""
        if self._session is None:
            self._session = self.open_session()
        data = None if body is None else _encoded(body, content_type)
        headers = {"Content-Type": content_type}
        url = f"{self.server}{path}"
        return await self._session.request(method, url, headers=headers, data=data, timeout=limits, trace_request_ctx=fence)

    async def close(self) -> None:
        """Close the session of `send`."""
        if self._session:
            await self._session.close()

    async def _authorize(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send with credentials, after a 401 once more with renewed ones. A redirect to another server gets none."""
        if request.url.origin() != URL(self.server).origin():
            return await handler(request)
        request.server_hostname = self._configuration.tls_server_name
        used = await self._sign(request)
        response = await handler(request)
        if response.status == _UNAUTHORIZED:
            response.close()  # not released: a connection keeps the client certificate it was made with
            await self._renew(used)
            await self._sign(request)
            response = await handler(request)
        return response

    async def _sign(self, request: aiohttp.ClientRequest) -> str | None:
        value = await self._authorization()
        if value is not None:
            request.headers["Authorization"] = value
        return value

    async def _authorization(self) -> str | None:
        """The Authorization header; None with client certificates."""
        value: str | None = await self._configuration.get_api_key_with_prefix(_TOKEN, alias="authorization")
        return value

    async def _renew(self, rejected: str | None) -> None:
        """Load credentials again, unless another request has done so since."""
        async with self._renewing:
            if rejected is not None and await self._authorization() != rejected:
                return
            try:
                fresh = await self._load()
            except NoCluster as error:
                logger.warning("the API server does not accept the credentials, and they cannot be loaded again: %s", error)
                return
            self._configuration.api_key = fresh.api_key
            self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook
            if fresh.cert_file:
                self._tls.load_cert_chain(fresh.cert_file, fresh.key_file)


def _fencing() -> aiohttp.TraceConfig:
    """Calls the fence of a request, if it has one, between getting a connection and writing on it.

    aiohttp documents tracing for observing only; tests/unit/kube/test_client.py pins that an error raised here keeps the request back.
    """

    async def check(_session: aiohttp.ClientSession, context: SimpleNamespace, _event: object) -> None:
        if context.trace_request_ctx:
            context.trace_request_ctx()

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(check)
    tracing.on_connection_reuseconn.append(check)
    return tracing


def _encoded(body: Any, content_type: str) -> bytes:
    try:
        text = orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits stays; half a surrogate pair, which no valid text has, becomes the replacement character
        text = json.dumps(body, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return _yaml(text) if content_type == APPLY else text


def _yaml(text: bytes) -> bytes:
    """The same JSON as YAML: characters that YAML does not allow become escapes."""
    return text if text.isascii() else _UNFIT.sub(_escaped, text.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
