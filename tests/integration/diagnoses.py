"""The doctor's look at an arena's binding, by the rights of an administrator unless a kubeconfig says otherwise."""

from __future__ import annotations

import json
import time
from typing import Final

from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main
from tests.integration.arena import Arena

__all__ = ["diagnosed", "doctor", "found", "until_named"]

_PATIENCE: Final = 60.0
_PROBE: Final = ("--probe-allow-http", "--probe-allowed-addresses=127.0.0.0/8")


def doctor(arena: Arena, *options: str, name: str = "assistant", kubeconfig: str | None = None) -> Result:
    """Look once, at the binding of that name."""
    config = kubeconfig or str(arena.stage.cluster.kubeconfig)
    command = ["doctor", name, "--namespace", arena.namespace, "--kubeconfig", config, "--output=json", *_PROBE, *options]
    return CliRunner().invoke(main, command)


def found(result: Result) -> set[str]:
    """The names of the codes that a look has found."""
    return {entry["name"] for check in json.loads(result.stdout)["checks"] for entry in check["diagnoses"]}


def diagnosed(arena: Arena) -> set[str]:
    """The names of the codes that a look at the quick start's binding finds."""
    return found(doctor(arena))


def until_named(arena: Arena, names: set[str], name: str = "assistant") -> str:
    """Look until the doctor has found these; returns what it said then."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        result = doctor(arena, name=name)
        if found(result) >= names:
            return result.output
        assert time.monotonic() < deadline, result.output
        time.sleep(arena.poll)
