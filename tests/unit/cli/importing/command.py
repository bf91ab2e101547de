"""Runs the command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from click.testing import CliRunner

from fiddler_kong_operator.cli import main
from tests.unit.cli.importing.kong_files import FIDDLER_KEY, PROVIDER_KEY


@dataclass(frozen=True)
class Outcome:
    """The exit code, the output and the objects that a user has afterwards."""

    code: int
    stdout: str
    stderr: str
    bindings: list[dict[str, Any]]
    secrets: list[dict[str, Any]]

    @property
    def spec(self) -> dict[str, Any]:
        """The spec of the only binding."""
        (binding,) = self.bindings
        found: dict[str, Any] = binding["spec"]
        return found

    @property
    def keys(self) -> dict[tuple[str, str], str]:
        """Every key by the name of its Secret and its entry."""
        return {(secret["metadata"]["name"], entry): value for secret in self.secrets for entry, value in secret["stringData"].items()}


def run_import(file: Any, *arguments: str) -> Outcome:
    """Import a file, given as an object or as text. No key may show, and the command must end in words."""
    text = file if isinstance(file, str | bytes) else json.dumps(file)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "secrets.yaml"
        result = CliRunner().invoke(main, ["import", "--secrets-file", str(path), *arguments, "-"], input=text)
        secrets = list(yaml.safe_load_all(path.read_text(encoding="utf-8"))) if path.exists() else []
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert FIDDLER_KEY not in result.output
    assert PROVIDER_KEY not in result.output
    printed = list(yaml.safe_load_all(result.stdout)) if result.exit_code < 2 else []
    return Outcome(result.exit_code, result.stdout, result.stderr, printed, secrets)
