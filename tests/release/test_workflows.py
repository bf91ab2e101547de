"""The workflows are valid, and take nothing that somebody else can replace."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter

ROOT: Final = Path(__file__).resolve().parents[2]
WORKFLOWS: Final = sorted((ROOT / ".github/workflows").glob("*.yml"))
USES: Final = re.compile(r"^ *(?:- )?uses: (.*)$", re.MULTILINE)
PINNED: Final = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
TARGETS: Final = re.compile(r"\bmake ([a-z][a-z0-9-]*)")


def jobs(workflow: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def test_actionlint_finds_nothing() -> None:
    actionlint = Builder(Reporter()).programs([COMPONENTS["actionlint"]])["actionlint"]

    done = subprocess.run([actionlint, "-shellcheck=", "-pyflakes=", *WORKFLOWS], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit(workflow: Path) -> None:
    used = [line for line in USES.findall(workflow.read_text()) if not line.startswith("./")]

    assert [line for line in used if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_token_may_read_only_unless_a_job_asks_for_more(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] in ({}, {"contents": "read"})


def test_a_tag_takes_nothing_from_a_cache() -> None:
    steps = [
        step
        for name in ("test", "release")
        for job in jobs(ROOT / f".github/workflows/{name}.yml").values()
        for step in job.get("steps", ())
    ]
    caching = [step for step in steps if "actions/cache@" in step.get("uses", "") or "cache" in str(step.get("with", ""))]

    assert [step.get("if") or step["with"].get("no-cache") for step in caching] == ["github.ref_type != 'tag'", True]


def test_one_version_of_each_action() -> None:
    used = {line for workflow in WORKFLOWS for line in USES.findall(workflow.read_text())}

    assert len(used) == len({line.partition("@")[0] for line in used})


def test_every_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    called = {target for workflow in WORKFLOWS for target in TARGETS.findall(workflow.read_text())}

    assert "test" in called
    assert [target for target in sorted(called) if f"\n{target}: " not in makefile] == []


def test_dependabot_knows_every_go_module_but_those_that_follow_by_hand() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    (directories,) = (update["directories"] for update in updates if update["package-ecosystem"] == "gomod")

    assert set(directories) | {"/devcluster/go/kubernetes", "/devcluster/go/kubeadm"} == {
        f"/devcluster/go/{path.parent.name}" for path in ROOT.glob("devcluster/go/*/go.mod")
    }
