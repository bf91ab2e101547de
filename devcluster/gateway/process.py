"""Kong's process settings, which the integration page's third step sets, and their sources for this stand-in.

They take effect only with new pods, so `ClusterProcess` reads the newest ready pod of the workload, never the Deployment's template.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import urllib3
from kubernetes import client, config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["ClusterProcess", "FixedProcess", "Process", "ProcessSettings", "Workload", "process_settings"]

_LOG: Final = logging.getLogger(__name__)
_NO_VERSION: Final = (0,)


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings at the start of one Kong process. The defaults are Kong's: no tracing."""

    instrumentations: frozenset[str] = frozenset({"off"})
    sampling_rate: float = 0.01
    untrusted_lua: str = "sandbox"
    version: tuple[int, ...] = (3, 13, 0, 3)
    enterprise: bool = True

    @property
    def tracing(self) -> bool:
        """Whether the process makes spans."""
        return bool(self.instrumentations - {"off"})

    @property
    def gen_ai(self) -> bool:
        """Whether this Kong makes GenAI spans: `kong/kong-gateway` from 3.13."""
        return self.enterprise and self.version >= (3, 13)

    @property
    def text(self) -> str:
        """The version in Kong's form."""
        return ".".join(str(part) for part in self.version)

    def instruments(self, name: str) -> bool:
        """Whether the instrumentation `name` (request, router, balancer, ...) is on."""
        return "all" in self.instrumentations or name in self.instrumentations


class Process(Protocol):
    """A source of settings."""

    def current(self) -> ProcessSettings | None:
        """The settings of the gateway that serves now; None while none does."""
        ...


@dataclass(frozen=True, slots=True)
class FixedProcess:
    """Settings that never change, for use without a cluster."""

    settings: ProcessSettings

    def current(self) -> ProcessSettings:
        """The fixed settings."""
        return self.settings


@dataclass(frozen=True, slots=True)
class Workload:
    """The Deployment whose pods are the gateway."""

    namespace: str
    name: str
    container: str = "proxy"


def _version(image: str) -> tuple[int, ...]:
    tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2].removeprefix("v").partition("-")[0]
    parts = tag.split(".")
    return tuple(int(part) for part in parts) if tag and all(part.isdigit() for part in parts) else _NO_VERSION


def process_settings(image: str, env: Mapping[str, str], unknown: tuple[int, ...] = (3, 13, 0, 3)) -> ProcessSettings:
    """Settings of a container. `unknown` is the version of an image without a version tag (a digest)."""
    version = _version(image)
    known = unknown if version == _NO_VERSION else version
    return ProcessSettings(
        instrumentations=frozenset(part.strip() for part in env.get("KONG_TRACING_INSTRUMENTATIONS", "off").split(",")),
        sampling_rate=float(env.get("KONG_TRACING_SAMPLING_RATE", "0.01")),
        untrusted_lua=env.get("KONG_UNTRUSTED_LUA", "strict" if known >= (3, 14) else "sandbox"),
        version=known,
        enterprise="kong-gateway" in image.rsplit("/", 1)[-1],
    )


class ClusterProcess:
    """Polls the API server for the workload's pods. `async with` it; until the first answer `current()` is None."""

    def __init__(self, kubeconfig: str, workload: Workload, *, interval: float = 0.5) -> None:
        self._workload, self._interval = workload, interval
        self._api = config.new_client_from_config(kubeconfig)  # type: ignore[no-untyped-call]
        self._api.configuration.refresh_api_key_hook = None  # reads os.environ at each request, in a thread, while pytest changes it
        self._settings: ProcessSettings | None = None
        self._task: asyncio.Task[None] | None = None

    def current(self) -> ProcessSettings | None:
        """Settings of the newest ready pod."""
        return self._settings

    async def __aenter__(self) -> Self:
        """Start to poll."""
        self._task = asyncio.create_task(self._poll())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._api.close()

    async def _poll(self) -> None:
        while True:
            try:
                self._settings = await asyncio.to_thread(self._read)
            except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                _LOG.warning("the gateway's pods could not be read: %s", type(error).__name__)
            await asyncio.sleep(self._interval)

    def _read(self) -> ProcessSettings | None:
        workload = self._workload
        deployment = self._get(client.AppsV1Api(self._api).read_namespaced_deployment, workload.name, workload.namespace)
        labels = ",".join(f"{k}={v}" for k, v in deployment["spec"]["selector"]["matchLabels"].items())
        pods = self._get(client.CoreV1Api(self._api).list_namespaced_pod, workload.namespace, label_selector=labels)["items"]
        ready = sorted((pod for pod in pods if _is_ready(pod)), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        containers = [c for c in ready[-1]["spec"]["containers"] if c["name"] == workload.container] if ready else []
        return _container_settings(containers[0]) if containers else None

    @staticmethod
    def _get(call: Any, *args: str, **options: str) -> Any:
        return json.loads(call(*args, **options, _preload_content=False, _request_timeout=5).data)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def _container_settings(container: Mapping[str, Any]) -> ProcessSettings:
    env = {entry["name"]: entry.get("value") or "" for entry in container.get("env") or () if "valueFrom" not in entry}
    return process_settings(container["image"], env)
