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

from .process_settings import NotStartedError, ProcessSettings, process_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

__all__ = ["ClusterProcess", "FixedProcess", "Process", "ProcessSettings", "Workload", "newest_settings"]

_LOG: Final = logging.getLogger(__name__)


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


class ClusterProcess:
    """Polls the API server for the workload's pods. `async with` it; until the first answer `current()` is None.

    A pod whose Kong does not start with its settings serves nothing, whatever its readiness says.
    """

    def __init__(self, kubeconfig: str, workload: Workload, *, interval: float = 0.5) -> None:
        self._workload, self._interval = workload, interval
        self._api = config.new_client_from_config(kubeconfig)  # type: ignore[no-untyped-call]
        self._api.configuration.refresh_api_key_hook = None  # reads os.environ at each request, in a thread, while pytest changes it
        self._settings: ProcessSettings | None = None
        self._task: asyncio.Task[None] | None = None

    def current(self) -> ProcessSettings | None:
        """Settings of the newest ready pod that starts."""
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
        return newest_settings(pods, workload.container)

    @staticmethod
    def _get(call: Any, *args: str, **options: str) -> Any:
        return json.loads(call(*args, **options, _preload_content=False, _request_timeout=5).data)


def newest_settings(pods: Iterable[Mapping[str, Any]], container: str) -> ProcessSettings | None:
    """Settings of the newest ready pod whose Kong starts with them; None without one."""
    ready = sorted((pod for pod in pods if _is_ready(pod)), key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
    found = (_started(item) for pod in ready for item in pod["spec"]["containers"] if item["name"] == container)
    return next((settings for settings in found if settings), None)


def _started(container: Mapping[str, Any]) -> ProcessSettings | None:
    try:
        return _container_settings(container)
    except NotStartedError as error:
        _LOG.debug("Kong does not start: %s", error)
        return None


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def _container_settings(container: Mapping[str, Any]) -> ProcessSettings:
    env = {entry["name"]: entry.get("value") or "" for entry in container.get("env") or () if "valueFrom" not in entry}
    return process_settings(container["image"], env)
