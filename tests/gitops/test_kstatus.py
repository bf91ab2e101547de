"""kstatus' own code, which Flux waits by, over every state that the operator writes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from codegen.gitops import CASES
from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter
from fiddler_kong_operator.api.conditions import REASONS, Finding
from fiddler_kong_operator.plan.status.compute import ASPECTS, conclude

STATES: Final = {
    "ready": "Current",
    "ready_with_advice": "Current",
    "rollout_paused": "Failed",
    "setting_conflict": "Failed",
    "plugin_clash": "Failed",
    "kong_refused": "Failed",
    "application_not_found": "Failed",
    "deleting": "Terminating",
}
"""The verdicts of kstatus on the cases of Argo CD's check; InProgress where the operator works, waits, or is suspended."""


@pytest.fixture(scope="module")
def kstatus() -> Path:
    return Builder(Reporter()).programs([COMPONENTS["kstatus"]])["kstatus"]


def judged(kstatus: Path, objects: list[dict[str, Any]]) -> list[str]:
    lines = "".join(f"{json.dumps(entry)}\n" for entry in objects)
    return subprocess.run([kstatus], input=lines, capture_output=True, text=True, check=True).stdout.split()


def test_every_state_has_its_status(kstatus: Path) -> None:
    found = judged(kstatus, [case.object for case in CASES])

    assert dict(zip([case.name for case in CASES], found, strict=True)) == {
        case.name: STATES.get(case.name, "InProgress") for case in CASES
    }


def test_what_stalls_has_failed_and_what_does_not_is_in_progress(kstatus: Path) -> None:
    reasons = [entry for entry in REASONS.values() if entry.type in ASPECTS]
    good = {kind: next(entry for entry in reasons if entry.type is kind and entry.status == "True") for kind in ASPECTS}
    statuses = [conclude({kind: Finding(e, e.summary) for kind, e in (good | {r.type: r}).items()}, 1, {}, 0.0) for r in reasons]

    found = judged(kstatus, [{"kind": "FiddlerKongBinding", "metadata": {"generation": 1}, "status": status} for status in statuses])

    expected = ["Current" if entry.status == "True" else "Failed" if entry.stalls else "InProgress" for entry in reasons]
    names = [entry.name for entry in reasons]
    assert dict(zip(names, found, strict=True)) == dict(zip(names, expected, strict=True))
