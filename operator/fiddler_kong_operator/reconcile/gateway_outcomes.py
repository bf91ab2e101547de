"""Remembers the last failed write to each gateway workload, for the conditions of its bindings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.workload import Workload

__all__ = ["GatewayOutcomes", "RolloutObserver"]

logger: Final = logging.getLogger(__name__)

RolloutObserver = Callable[[str, str], None]
"""Called with a workload's kind and the action of the plan (`apply`, `release`)."""

_WRITTEN: Final = {"apply": "the operator's settings are set", "release": "the operator's settings are taken back"}


class GatewayOutcomes:
    """The last failed write to each workload, for the bindings that name it, and the log of its transitions.

    The log has one line for each workload; thousands of bindings may repeat it in their conditions.
    """

    def __init__(self, wake: Callable[[ObjectKey], None], on_rollout: RolloutObserver = lambda _kind, _action: None) -> None:
        """`wake` is called with a workload's key when its outcome changed, `on_rollout` with each write that replaces its pods."""
        self._failures: dict[ObjectKey, Finding] = {}
        self._progress: dict[ObjectKey, str] = {}
        self._kept: set[ObjectKey] = set()
        self._wake = wake
        self._on_rollout = on_rollout

    def rolled_out(self, workload: ObjectKey, action: str) -> None:
        """Note a write that replaces the workload's pods. Once the last binding is gone, only the log tells why they were replaced."""
        logger.info("%s: %s; its pods are replaced", workload, _WRITTEN[action], extra={"object": str(workload)})
        self._on_rollout(workload.kind, action)

    def progressed(self, key: ObjectKey, workload: Workload | None) -> None:
        """Note how far its rollout is; None where it is gone."""
        before, shown = self._progress.pop(key, None), _progress(workload) if workload else None
        if shown:
            self._progress[key] = shown
        if shown and before not in {None, shown}:
            logger.info("%s: %s", key, shown, extra={"object": str(key)})

    def kept(self, workload: ObjectKey, *, kept: bool) -> None:
        """Log, once, that settings are kept although no visible binding needs them. No condition shows this."""
        if kept and workload not in self._kept:
            self._kept.add(workload)
            text = "%s: settings that no visible binding needs are kept: others may need them"
            logger.info(text, workload, extra={"object": str(workload)})
        elif not kept:
            self._kept.discard(workload)

    def failure(self, workload: ObjectKey | None) -> Finding | None:
        """Why the settings could not be written; None where they could."""
        return self._failures.get(workload) if workload else None

    def note(self, workload: ObjectKey, failure: Finding | None) -> None:
        """Keep the newest outcome; None for success."""
        before = self._failures.pop(workload, None)
        if failure:
            self._failures[workload] = failure
        if before != failure:
            shown = f"{failure.reason.name}: {failure.message}" if failure else "the settings can be written again"
            logger.info("%s: %s", workload, shown, extra={"object": str(workload)})
            self._wake(workload)


def _progress(workload: Workload) -> str:
    rollout = workload.rollout
    if not rollout.complete:
        return f"the replacement of its pods is halted ({rollout.halt.kind})" if rollout.halt else "its pods are being replaced"
    return "all its pods run with its present template" if rollout.ready else "it has no ready pod"
