"""The fix of a condition's reason as a command to paste, where one can be written. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.plan.gateway.tenancy import namespaces_in_grant
from fiddler_kong_operator.plan.keys import PluginKey
from fiddler_kong_operator.plan.plugins import required_keys
from fiddler_kong_operator.plan.snapshot import Snapshot

__all__ = ["fix_for", "kubectl"]


def fix_for(finding: Finding, snapshot: Snapshot) -> str:
    """A command, or the remedy of the reason. There is a command only if the binding's spec is valid."""
    write = _COMMANDS.get(finding.reason.name) if snapshot.binding.spec else None
    return (write(snapshot) if write else "") or finding.reason.remedy


def kubectl(namespace: str, *words: str) -> str:
    """A command to paste. Its words may come from others: none of them becomes a command of its own."""
    return shlex.join(["kubectl", "--namespace", namespace, *words])


def _create_secret(snapshot: Snapshot) -> str:
    """Creates the first Secret that is missing, with every key that the binding takes from it."""
    missing = [key.ref for key in _keys(snapshot) if snapshot.secrets.get(key.ref.name) is None]
    if not missing:
        return ""
    keys = dict.fromkeys(ref.key for ref in missing if ref.name == missing[0].name)
    values = (f"--from-literal={key}=..." for key in keys)
    return kubectl(snapshot.binding.namespace, "create", "secret", "generic", missing[0].name, *values)


def _add_key(snapshot: Snapshot) -> str:
    """Adds the first key that its Secret lacks."""
    for key in _keys(snapshot):
        data = snapshot.secrets.get(key.ref.name)
        if data is not None and key.ref.key not in data:
            patch = f'{{"stringData":{{"{key.ref.key}":"..."}}}}'
            return kubectl(snapshot.binding.namespace, "patch", "secret", key.ref.name, "--patch", patch)
    return ""


def _keys(snapshot: Snapshot) -> tuple[PluginKey, ...]:
    return required_keys(snapshot.binding.spec) if snapshot.binding.spec else ()


def _grant(snapshot: Snapshot) -> str:
    """Adds the binding's namespace to those that the workload already grants."""
    present = namespaces_in_grant(snapshot.workload) if snapshot.workload else ()
    namespaces = (*present, snapshot.binding.namespace)
    return _on_workload(snapshot, "annotate", f"{names.GRANT_ANNOTATION}={','.join(namespaces)}", "--overwrite")


def _resume(snapshot: Snapshot) -> str:
    halt = snapshot.workload.halted("paused") if snapshot.workload else None
    return _on_workload(snapshot, "rollout resume") if halt and "is paused" in halt.shown and not _operated(snapshot) else ""


def _scale(snapshot: Snapshot) -> str:
    return "" if _operated(snapshot) else _on_workload(snapshot, "scale", "--replicas=1")


def _operated(snapshot: Snapshot) -> bool:
    """Whether the binding names an object of Kong Operator, which kubectl can neither resume nor scale."""
    return snapshot.workload is not None and snapshot.workload.operated


def _on_workload(snapshot: Snapshot, verb: str, *rest: str) -> str:
    key = snapshot.binding.workload
    return kubectl(key.namespace, *verb.split(), f"{key.kind.lower()}/{key.name}", *rest) if key else ""


def _unsuspend(snapshot: Snapshot) -> str:
    key = snapshot.binding.key
    return kubectl(key.namespace, "patch", names.SHORT_NAME, key.name, "--type=merge", "--patch", '{"spec":{"suspend":false}}')


_COMMANDS: Final[Mapping[str, Callable[[Snapshot], str]]] = {
    "SecretNotFound": _create_secret,
    "SecretKeyNotFound": _add_key,
    "GatewayNotGranted": _grant,
    "GatewayRolloutPaused": _resume,
    "GatewayScaledToZero": _scale,
    "Suspended": _unsuspend,
}
"""Each returns a command, or "" where none can be written."""
