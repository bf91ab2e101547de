"""Renders the chart with the real Helm, which needs no cluster for it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter

__all__ = ["CHART", "NAMESPACE", "VALUES", "Helm", "container", "only"]

CHART: Final = Path(__file__).resolve().parents[2] / "charts/fiddler-kong-operator"
VALUES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
"""Each file of values that the chart is tested with."""

NAMESPACE: Final = "fiddler-kong-operator"
"""Where the operator is installed in the tests, with its Pod Security level: warnings and refusals are those of a real installation."""


@dataclass(frozen=True)
class Helm:
    """The program."""

    program: Path

    @classmethod
    def built(cls) -> Helm:
        """The pinned one, built at the first call."""
        return cls(Builder(Reporter()).programs([COMPONENTS["helm"]])["helm"])

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it with its output captured, whatever its exit code."""
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)

    def template(self, *settings: str, values: Path | None = None, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """The manifests of the chart with these `--set` values and this file."""
        return [document for document in yaml.load_all(self._rendered(settings, values, namespace), Loader=yaml.CSafeLoader) if document]

    @cache  # noqa: B019 - one Helm for a run, and few different values
    def _rendered(self, settings: tuple[str, ...], values: Path | None, namespace: str) -> str:
        flags = [f"--set={setting}" for setting in settings] + ([f"--values={values}"] if values else [])
        done = self.run("template", "fiddler-kong-operator", CHART, f"--namespace={namespace}", "--kube-version=1.36.3", *flags)
        assert done.stderr == ""
        return done.stdout


def only(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The one document of this kind."""
    (found,) = (document for document in documents if document["kind"] == kind)
    return found


def container(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The operator's container."""
    found: dict[str, Any] = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found
