"""Each directory is a case: `binding.yaml` (a binding and the objects it meets) -> `expected.yaml` (everything decided about it).

The first document of `expected.yaml` has the status, the write to the gateway, the lists of other people's objects and the objects to be
deleted; the others are the objects to be applied, in order. A case meets the objects of `common.yaml` too, unless it has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from fiddler_kong_operator.api.conditions import ConditionType, Finding, reason
from fiddler_kong_operator.cli.render import print_yaml
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.observe.reader import Reader
from fiddler_kong_operator.plan.decision import Decision, decide
from fiddler_kong_operator.plan.gateway.settings_plan import plan_settings
from fiddler_kong_operator.plan.kinds import BINDING, KINDS
from fiddler_kong_operator.plan.objects.build import build_removal, prune
from fiddler_kong_operator.plan.objects.desired import Attachment
from fiddler_kong_operator.plan.snapshot import Snapshot
from fiddler_kong_operator.plan.status.arriving import can_arrive, not_looked_for, not_seen
from fiddler_kong_operator.plan.status.compute import Details, conclude
from fiddler_kong_operator.plan.status.programming import evaluate_programming
from fiddler_kong_operator.plan.status.served import count_served
from tests.unit.write.fake_cluster import FakeCluster

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/binding.yaml"))
ASSISTANT = ObjectKey(BINDING.name, "ai", "assistant")
NOW = 1_800_000_000.0


def documents(case: Path) -> list[Manifest]:
    """The objects of a case, bindings first: the cache keeps of the others what a binding refers to."""
    read = [raw for path in (HERE / "common.yaml", case / "binding.yaml") for raw in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    by_key = {KINDS[raw["kind"]].key(raw): raw for raw in read}
    return sorted(by_key.values(), key=lambda raw: bool(raw["kind"] != BINDING.name))


def reader_of(case: Path) -> Reader:
    cache = Cache(lambda: NOW)
    for raw in documents(case):
        cache.observe(raw)
    return Reader(Feed(cache, lambda _keys, _lane, _delay: None, lambda _kind: None), FakeCluster(), clock=lambda: NOW)


async def outcome(reader: Reader) -> list[Manifest]:
    """Everything decided about the binding of a case."""
    snapshot = await reader.gather(ASSISTANT)
    assert snapshot
    if snapshot.binding.deleting:
        removal = build_removal(snapshot)
        return [{"attach": _lists(removal.attachments), "delete": list(map(str, prune(snapshot, removal)))}]
    decision = decide(snapshot)
    summary = {
        "status": _status(snapshot, decision),
        "gateway": await _gateway(reader, snapshot),
        "attach": _lists(decision.plan.attachments),
        "delete": list(map(str, decision.prune)),
    }
    return [summary, *(desired.manifest for desired in decision.plan.objects)]


def _status(snapshot: Snapshot, decision: Decision) -> Manifest:
    """The status once the plan was applied and the endpoint has answered, where there is a key to ask it with, before any call."""
    answer = Finding(reason("Reachable" if decision.keys else "ProbePending"), "(the probe's sentence)")
    programmed = evaluate_programming(snapshot, lua_withheld=decision.lua_withheld, refusal=decision.refusal)
    findings = {ConditionType.PLUGINS_PROGRAMMED: programmed, ConditionType.TRACE_ENDPOINT_REACHABLE: answer, **decision.findings}
    spec, arriving = snapshot.binding.spec, decision.keys is not None and can_arrive(findings)
    shown = not_seen(spec) if spec and arriving else not_looked_for(off=False)
    details = Details(count_served(snapshot, decision.plan, decision.prune), refusal=decision.refusal)
    return conclude({**findings, shown.type: shown}, snapshot.binding.generation, snapshot.binding.status, snapshot.now, details)


async def _gateway(reader: Reader, snapshot: Snapshot) -> Manifest | None:
    workload, bindings = await reader.gather_workload(snapshot.binding.workload) if snapshot.binding.workload else (None, ())
    plan = plan_settings(workload, bindings) if workload else None
    return {"apply": plan.apply, "force": plan.force, "restore": plan.restore} if plan and plan.action != "nothing" else None


def _lists(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    pins = ((a, {"uid": a.uid, "resourceVersion": a.resource_version}) for a in attachments)
    return [{"target": str(a.target), **pin, "plugins": list(a.plugins)} for a, pin in pins]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_everything_decided_about_a_binding(case: Path, update_golden: bool) -> None:  # noqa: FBT001
    text = print_yaml(await outcome(reader_of(case)))
    expected = case / "expected.yaml"
    if update_golden:
        expected.write_text(text, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == text, "run `pytest tests/golden --update-golden` and review the difference"


def test_every_directory_is_a_case() -> None:
    directories = {path for path in HERE.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert directories == set(CASES)
