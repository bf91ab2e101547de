from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fiddler_kong_operator.cli import main

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.mark.parametrize("content", [None, "", "apiVersion: v1\nkind: Config\n"], ids=["missing", "empty", "without a context"])
def test_without_a_cluster_it_fails_and_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    kubeconfig = tmp_path / "config"
    if content is not None:
        kubeconfig.write_text(content)

    result = CliRunner().invoke(main, ["run"], env={"KUBECONFIG": str(kubeconfig)})

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Set KUBECONFIG, or run in a pod with a service account." in result.stderr
    assert "Traceback" not in result.stderr


def test_the_log_is_in_the_form_that_was_asked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["run", "--log-format", "json"], env={"KUBECONFIG": str(tmp_path / "none")})

    assert result.stderr.startswith('{"ts": "')
    assert '"level": "error"' in result.stderr


def test_wrong_settings_are_refused_before_anything_starts(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["run", "--workers", "0"], env={"KUBECONFIG": str(tmp_path / "none")})

    assert result.exit_code == 2
    assert "KUBECONFIG" not in result.stderr


def test_it_takes_no_arguments() -> None:
    assert CliRunner().invoke(main, ["run", "now"]).exit_code == 2
