"""How to reach and log in to the API server: kubeconfig or service account, by the official client's own loaders.

Only its configuration and its HTTP session are used. Its generated models turn JSON into objects and back at three times the cost.

A request that writes passes its fence when it has got its connection, not before: getting one can take seconds (TLS, a busy API server),
in which a process may be stopped and its lease be taken by another.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
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

from fiddler_kong_operator.errors import NoCluster

__all__ = ["APPLY", "Connection", "Fence", "Loader", "Login", "load_configuration"]

Fence = Callable[[], None]
"""Raises NotLeader where this process must not write."""

Loader = Callable[[], Awaitable[Configuration]]
"""Reads address and credentials anew."""

APPLY: Final = "application/apply-patch+yaml"
"""Content type of a server-side apply."""

_UNFIT: Final = re.compile("[\x7f-\uffff]")

_TOKEN: Final = "BearerToken"  # noqa: S105 - the client's name for the security scheme

_REMEDY: Final = "Set KUBECONFIG, or run in a pod with a service account."


async def load_configuration(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """The named kubeconfig (or $KUBECONFIG), else the pod's service account, else ~/.kube/config; NoCluster where there is none."""
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
        raise NoCluster(f"No access to a cluster: {error}. {_REMEDY}") from error
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:  # the loader takes its form for granted
        raise NoCluster(f"No access to a cluster: the kubeconfig is malformed ({type(error).__name__}). {_REMEDY}") from error
    return configuration


def _behind_proxy(host: str) -> bool:
    """Whether the environment names a proxy for the API server. Only then does the session look for one, for each request in a thread."""
    parts = urlsplit(host)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


@dataclass(frozen=True, slots=True)
class Login:
    """Address and credentials of an API server; None for what is not used."""

    server: str
    ca_file: str | None
    ca_data: str | bytes | None
    verify: bool
    token: str | None = field(repr=False)
    cert_file: str | None
    key_file: str | None


class _Rest(RESTClientObject):
    """The client's own way to a session, which it takes only when a request is sent through its layer of Python."""

    def open(self) -> aiohttp.ClientSession:
        session: aiohttp.ClientSession = self._create_pool_manager()
        return session


class Connection:
    """An HTTP session to the API server whose credentials renew themselves.

    A service account's token is read again every minute (the client's `refresh_api_key_hook`); `renew` runs the whole loader again, which
    covers token files and exec plugins of a kubeconfig.
    """

    def __init__(self, configuration: Configuration, load: Loader) -> None:
        """`load` is asked for new credentials after an HTTP 401."""
        configuration.client_session_kwargs = {"trust_env": _behind_proxy(configuration.host)}
        configuration.trace_configs = [_fencing()]
        self._configuration = configuration
        self._load = load
        self._rest = _Rest(configuration)
        self._session: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()

    async def authorization(self) -> str | None:
        """The Authorization header; None with client certificates."""
        value: str | None = await self._configuration.get_api_key_with_prefix(_TOKEN, alias="authorization")
        return value

    async def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Any = None,
        limits: aiohttp.ClientTimeout | None = None,
        fence: Fence | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request, JSON bodies as objects; the caller closes the response. Raises what the `fence` raises, and nothing was sent."""
        if self._session is None:
            self._session = self._rest.open()
        used = self._configuration
        return await self._session.request(
            method,
            f"{used.host}{path}",
            headers=headers,
            data=None if body is None else _encoded(body, headers["Content-Type"]),
            timeout=limits,
            proxy=used.proxy,
            proxy_headers=used.proxy_headers,
            server_hostname=used.tls_server_name,
            trace_request_ctx=fence,
        )

    async def renew(self, rejected: str | None) -> None:
        """Load credentials again, unless the rejected ones were replaced meanwhile."""
        async with self._renewing:
            if rejected is not None and await self.authorization() != rejected:
                return
            fresh = await self._load()
            self._configuration.api_key = fresh.api_key
            self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook
            if fresh.cert_file:
                self._rest.ssl_context.load_cert_chain(fresh.cert_file, fresh.key_file)

    async def login(self) -> Login:
        """Everything another client needs, with the token as it is now."""
        used = self._configuration
        header = await self.authorization()
        token = header.partition(" ")[2] if header else None
        return Login(used.host, used.ssl_ca_cert, used.ca_cert_data, used.verify_ssl, token, used.cert_file, used.key_file)

    async def close(self) -> None:
        """Close the session."""
        if self._session:
            await self._session.close()


def _fencing() -> aiohttp.TraceConfig:
    """Puts the fence of a request, if it has one, between getting a connection and writing on it."""

    async def passes(_session: aiohttp.ClientSession, context: SimpleNamespace, _event: object) -> None:
        if context.trace_request_ctx:
            context.trace_request_ctx()

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(passes)
    tracing.on_connection_reuseconn.append(passes)
    return tracing


def _encoded(body: Any, content_type: str) -> bytes:
    try:
        text = orjson.dumps(body)
    except TypeError:  # half a surrogate pair, which is in no valid text: it becomes the replacement character
        text = json.dumps(body, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return _yaml(text) if content_type == APPLY else text


def _yaml(text: bytes) -> bytes:
    """The same JSON as YAML: what YAML does not take as it is stands as an escape."""
    return text if text.isascii() else _UNFIT.sub(_escaped, text.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
