"""Reads what the pods of a gateway run with: their env, their log, and the Admin API where the API server's proxy reaches it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.errors import Call
from fiddler_kong_operator.kube.objects import POD, Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.workloads import read_container
from fiddler_kong_operator.plan.gateway.process import is_controller
from fiddler_kong_operator.plan.kinds import KINDS, KONG_PLUGIN
from fiddler_kong_operator.plan.objects.raw import mapping, mappings
from fiddler_kong_operator.plan.snapshot import Child, Snapshot
from fiddler_kong_operator.plan.workload import Workload

from .evidence import Export, Look, Pod
from .exporter_log import read_log
from .looking import find, list_all, look

__all__ = ["ask_admin", "find_controllers", "find_pods", "read_logs"]

LINES: Final = 500
"""Lines of a log that are read."""

PODS: Final = 3
"""Pods of a gateway whose log is read, and whose Admin API is asked."""

_ADMIN: Final = ("https:{}:8444", "{}:8001")
"""How the API server's proxy reaches Kong's Admin API in a pod."""

_ENDED: Final = frozenset({"Succeeded", "Failed"})


async def find_pods(client: Client, snapshot: Snapshot) -> Look[tuple[Pod, ...]]:
    """The pods of the gateway's workloads, by their selectors, without those that have ended or are being deleted."""
    spec, workload = snapshot.binding.spec, snapshot.workload
    if spec is None or workload is None:
        return Look(())
    found: list[Pod] = []
    for member in _runners(workload):
        raw = await find(client, KINDS[member.key.kind], member.key.namespace, member.key.name)
        if raw.value is None:
            return Look(missing=raw.missing or f"{member.key} is gone", denied=raw.denied)
        selector = ",".join(f"{k}={v}" for k, v in mapping(mapping(raw.value, "spec"), "selector").get("matchLabels", {}).items())
        if not selector:
            return Look(missing=f"the selector of {member.key} has no labels")
        pods = await list_all(client, replace(POD, label_selector=selector), member.key.namespace)
        if pods.value is None:
            return Look(missing=pods.missing, denied=pods.denied)
        found += (_pod(pod, spec.gateway.container) for pod in _living(pods.value, selector))
    return Look(tuple(found))


def _runners(workload: Workload) -> Iterator[Workload]:
    return (member for member in workload.family() if not member.operated)


def _living(pods: Iterable[Manifest], selector: str) -> Iterator[Manifest]:
    wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        ended = pod["metadata"].get("deletionTimestamp") or mapping(pod, "status").get("phase") in _ENDED
        if not ended and wanted.items() <= labels.items():
            yield pod


def _pod(raw: Manifest, container: str) -> Pod:
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in mappings(mapping(raw, "status"), "conditions"))
    containers = [read_container(c) for c in mappings(mapping(raw, "spec"), "containers")]
    kong = next((c for c in containers if c.name == container), None)
    return Pod(POD.key(raw), ready, kong, controller=any(map(is_controller, containers)))


async def find_controllers(client: Client, namespace: str) -> Look[tuple[Pod, ...]]:
    """The pods of Kong Ingress Controller in the gateway's namespace, where Kong's charts put it."""
    pods = await list_all(client, POD, namespace)
    found = (_pod(raw, "") for raw in _living(pods.value or (), ""))
    return Look(tuple(pod for pod in found if pod.controller), pods.missing, pods.denied)


async def read_logs(client: Client, pods: Sequence[Pod], container: str) -> Look[tuple[Export, ...]]:
    """The troubles of Kong's exporter in the logs of the first `PODS` pods."""
    logs = await asyncio.gather(*(look(_log(client, pod, container)) for pod in pods[:PODS]))
    exports = tuple(log.value for log in logs if log.value)
    failed = [log for log in logs if log.missing]
    return Look(missing=failed[0].missing, denied=failed[0].denied) if failed and not exports else Look(exports)


async def _log(client: Client, pod: Pod, container: str) -> Export:
    call = Call("get", replace(POD, name="pods/log"), pod.key.namespace, pod.key.name)
    query = {"container": container, "tailLines": LINES}
    text = await client.read(call, POD.path(pod.key.namespace, pod.key.name, "log"), query)
    return read_log(pod.key, text.decode("utf-8", "replace"))


async def ask_admin(client: Client, pods: Sequence[Pod], snapshot: Snapshot) -> Look[tuple[str, ...]]:
    """The binding's plugins that Kong lacks in any of the first `PODS` pods whose Admin API answers; no value if none of them answers."""
    wanted = [child for key, child in snapshot.children.items() if key.kind == KONG_PLUGIN.name and child.belongs_to(snapshot.binding)]
    told = await asyncio.gather(*(_lacking(client, pod.key, wanted) for pod in pods[:PODS])) if wanted else []
    answered = [lacking for lacking in told if lacking is not None]
    return Look(tuple(chain.from_iterable(answered))) if answered else Look()


async def _lacking(client: Client, pod: ObjectKey, wanted: Sequence[Child]) -> tuple[str, ...] | None:
    """Those of the plugins that Kong lacks in a pod; None if its Admin API does not answer."""
    for address in _ADMIN:
        answers = await asyncio.gather(*(look(_has(client, pod, address, child.uid)) for child in wanted))
        if all(answer.value is not None for answer in answers):
            return tuple(f"{child.key} in {pod}" for child, answer in zip(wanted, answers, strict=True) if not answer.value)
    return None


async def _has(client: Client, pod: ObjectKey, address: str, uid: str) -> bool | None:
    """Whether Kong has the plugin of a KongPlugin; None where the answer is not Kong's."""
    call = Call("get", replace(POD, name="pods/proxy"), pod.namespace, pod.name)
    path = POD.path(pod.namespace, address.format(pod.name), "proxy/plugins")
    try:
        answer: Any = json.loads(await client.read(call, path, {"tags": f"k8s-uid:{uid}"}))
    except ValueError:
        return None
    data = answer.get("data") if isinstance(answer, dict) else None
    return bool(data) if isinstance(data, list) else None
