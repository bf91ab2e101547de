from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main

FOLDER = Path(__file__).parents[3] / "manifests" / "samples"
SAMPLES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "kustomization")


def rendered(*samples: Path) -> Result:
    """The samples with their placeholders replaced, as their comments ask."""
    text = "\n---\n".join(path.read_text() for path in samples)
    for placeholder in ("${FIDDLER_API_KEY}", "${OPENAI_API_KEY}", "${ANTHROPIC_API_KEY}"):
        text = text.replace(placeholder, "key-id.secret")
    return CliRunner().invoke(main, ["render", "-"], input=text)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_renders(sample: Path) -> None:
    result = rendered(sample)
    assert (result.exit_code, "opentelemetry" in result.stdout) == (0, True), result.stderr


def test_the_samples_do_not_clash_with_each_other() -> None:
    result = rendered(*SAMPLES)
    assert result.exit_code == 0, result.stderr
