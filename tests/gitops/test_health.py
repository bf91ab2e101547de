"""Argo CD's health check for bindings, in Lua 5.1 as Argo CD runs it, over every state that the operator writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

from codegen.gitops import CASES, CHECK
from fiddler_kong_operator.api.conditions import REASONS, Finding
from fiddler_kong_operator.plan.status.compute import ASPECTS, conclude

ROOT: Final = Path(__file__).resolve().parents[2]
KEY: Final = "resource.customizations.health.integrations.fiddler.ai_FiddlerKongBinding"


LUA: Final = LuaRuntime()
RUN: Final = LUA.execute(f"return function(obj) {CHECK.read_text()} end")


def health(binding: dict[str, Any]) -> dict[str, str]:
    """The verdict of the check on a binding."""
    return dict(RUN(LUA.table_from(binding, recursive=True)))


def with_status(status: dict[str, Any] | None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 1}, "spec": spec} | ({} if status is None else {"status": status})


def expected(name: str) -> str:
    """A binding that fails or needs a person is Degraded; one that the operator works on or waits for is Progressing."""
    entry = REASONS[name]
    if entry.status == "True":
        return "Healthy"
    return "Degraded" if entry.status == "False" or entry.stalls or name == "GatewayVersionUnknown" else "Progressing"


@pytest.mark.parametrize("name", [name for name, entry in REASONS.items() if entry.type in ASPECTS and name != "Suspended"])
def test_every_reason_has_its_health(name: str) -> None:
    good = {kind: next(e for e in REASONS.values() if e.type is kind and e.status == "True") for kind in ASPECTS}
    findings = {kind: Finding(entry, entry.summary) for kind, entry in (good | {REASONS[name].type: REASONS[name]}).items()}

    answer = health(with_status(conclude(findings, 1, {}, 0.0)))

    assert answer["status"] == expected(name)
    assert answer["message"].startswith("Ready: " if answer["status"] == "Healthy" else f"{name}: ")


@pytest.mark.parametrize("entry", yaml.safe_load((CHECK.parent / "health_test.yaml").read_text())["tests"], ids=lambda e: e["inputPath"])
def test_the_files_for_argo_cds_own_tests_hold(entry: dict[str, Any]) -> None:
    assert health(yaml.safe_load((CHECK.parent / entry["inputPath"]).read_text())) == entry["healthStatus"]


def test_there_is_no_test_data_without_a_test() -> None:
    assert {path.stem for path in (CHECK.parent / "testdata").glob("*.yaml")} == {case.name for case in CASES}


@pytest.mark.parametrize("status", [None, {}, {"observedGeneration": 1}, {"observedGeneration": 1, "conditions": []}])
def test_a_binding_without_conditions_is_progressing(status: dict[str, Any] | None) -> None:
    assert health(with_status(status)) == {"status": "Progressing", "message": "Waiting for fiddler-kong-operator"}


def test_a_binding_is_suspended_as_soon_as_its_spec_says_so() -> None:
    assert health(with_status(None, suspend=True)) == {"status": "Suspended", "message": "spec.suspend is true"}


@pytest.mark.parametrize(("file", "path"), [("argocd-cm.yaml", ("data",)), ("values.yaml", ("configs", "cm"))])
def test_what_users_apply_holds_the_tested_check(file: str, path: tuple[str, ...]) -> None:
    found = yaml.safe_load((ROOT / "argocd" / file).read_text())
    for step in path:
        found = found[step]

    assert found == {KEY: CHECK.read_text()}
