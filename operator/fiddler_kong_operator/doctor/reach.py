"""How far a pod of the gateway came toward the endpoint that Kong sends traces to, and the command that finds it out. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import Fiddler
from fiddler_kong_operator.kube.execution import Ran
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.endpoint import COLLECTOR, FIDDLER, Endpoint, parse_endpoint

__all__ = ["Goal", "Reach", "Stage", "read_reach", "unread_reason"]

_NO_RESTY: Final = 97
_NO_SETTINGS: Final = 98
"""Exit codes of `reach.sh`."""

_LONGEST: Final = 200
_HERE: Final = files(__package__ or "")


def _packed(name: str, comment: str) -> str:
    """A program without comments and indentation: the command is in a URL, and proxies limit the length of one."""
    lines = (line.strip() for line in (_HERE / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(comment))


_SCRIPT: Final = _packed("reach.sh", "#")
_PROGRAM: Final = _packed("reach.lua", "--")


class Stage(StrEnum):
    """The stage at which it ended, in order."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    HANDSHAKE = "handshake"
    REQUEST = "request"
    ANSWER = "answer"
    """There is an HTTP status."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where Kong sends the traces of a binding: Fiddler, or the collector before it."""

    endpoint: Endpoint

    @classmethod
    def of(cls, fiddler: Fiddler) -> Goal:
        """That of an accepted binding; RefusedAddress for a URL that none has."""
        if fiddler.export:
            return cls(parse_endpoint(fiddler.export.endpoint, allow_http=True, hop=COLLECTOR))
        return cls(parse_endpoint(fiddler.url, allow_http=True, hop=FIDDLER))

    @property
    def command(self) -> tuple[str, ...]:
        """Shell, script and program are constants: what a user wrote comes behind them, as words of their own."""
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        return ("sh", "-c", _SCRIPT, _PROGRAM, self.endpoint.scheme, host, str(self.endpoint.port), names.TRACES_PATH)

    def __str__(self) -> str:
        """The URL, as messages show it."""
        return f"{self.endpoint.scheme}://{self.endpoint}{names.TRACES_PATH}"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a pod came. `error` is in nginx's words."""

    pod: ObjectKey
    container: str
    goal: Goal
    stage: Stage
    error: str = ""
    status: int | None = None


def read_reach(pod: ObjectKey, container: str, goal: Goal, ran: Ran) -> Reach | None:
    """Read the line that the program prints; None where the output does not end with it."""
    found = _last_object(ran.output)
    stage, status = found.get("stage"), found.get("status")
    if ran.exit_code != 0 or stage not in list(Stage) or not isinstance(status, int | None) or (stage == Stage.ANSWER) != bool(status):
        return None
    return Reach(pod, container, goal, Stage(stage), str(found.get("error") or "")[:_LONGEST], status)


def unread_reason(pod: ObjectKey, container: str, ran: Ran) -> str:
    """Why there is no such line, and what to do."""
    where = f"container {container} of {pod}"
    if ran.exit_code == _NO_RESTY:
        return f"{where} has no resty, Kong's command-line tool, in its PATH or in /usr/local/openresty/bin. Is it Kong's image?"
    if ran.exit_code == _NO_SETTINGS:
        place = ran.errors.strip()[:_LONGEST]
        return f"{where} has no readable {place}, where Kong keeps its settings. If Kong's prefix is elsewhere, set KONG_PREFIX there."
    if ran.exit_code is None:
        return f"the command did not run in {where}: {ran.message}. The image must have sh, and the API server must reach the kubelet."
    said = (ran.errors.strip().splitlines() or ["it printed nothing"])[-1][:_LONGEST]
    return f"resty in {where} ended with exit code {ran.exit_code}: {said}"


def _last_object(output: str) -> dict[str, Any]:
    try:
        found = json.loads((output.strip().splitlines() or [""])[-1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
