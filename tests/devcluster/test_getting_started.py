"""docs/getting-started.md, followed word by word in one shell: every command succeeds, and no cluster is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from devcluster import state
from devcluster.folders import PROJECT_ROOT
from devcluster.stage import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = PROJECT_ROOT / "docs" / "getting-started.md"
PROMISED: Final = (
    "fiddlerkongbinding.integrations.fiddler.ai/assistant condition met",
    "assistant   True    Ready    1/1      3.13.0.3   Reachable",
    '"content": "The capital of France is Paris. This was turn 1."',
    "\nThe capital of France is Paris. This was turn 1.\n",
    "text          captured",
    "session       that of the conversation",
    "leads in default",
    "Nothing wrong was found.",
    'deployment "kong-gateway" successfully rolled out',
)


def commands() -> str:
    """The blocks of the page in their order, with this environment's Python in place of `make` and `.venv`."""
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    typed = "\n".join(text if language == "sh" else f"python - <<'END'\n{text}END\n" for language, text in blocks)
    typed = typed.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    return re.sub(r"make devcluster-(up|down)", rf"{sys.executable} -m devcluster \1", typed)


@pytest.fixture
def name() -> Iterator[str]:
    """A cluster of this name, so that the developer's own is left alone."""
    chosen = f"page-{os.getpid()}"
    yield chosen
    subprocess.run([sys.executable, "-m", "devcluster", "down", "--name", chosen], cwd=PROJECT_ROOT, capture_output=True, check=False)


def test_the_commands_of_getting_started_lead_to_a_trace_without_showing_a_key(name: str, tmp_path: Path) -> None:
    path = os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "DEVCLUSTER_NAME": name, "PYTHONPATH": path}
    typed_in_one_shell = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + commands()  # a failure leaves no operator
    shell = ["/bin/bash", "-e", "-u", "-o", "pipefail", "-c", typed_in_one_shell]

    typed = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    shown = typed.stdout + typed.stderr
    assert typed.returncode == 0, shown
    assert [line for line in PROMISED if line not in shown] == []
    assert name not in [found.layout.name for found in state.find_states()]
    for key in (Keys().fiddler, Keys().provider):
        assert key not in shown + (tmp_path / "operator.log").read_text()
