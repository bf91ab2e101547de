"""The demo in a pipe, as a newcomer runs it: every scene succeeds, no key is shown, and no cluster is left however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from devcluster import state
from devcluster.folders import PROJECT_ROOT
from devcluster.stage import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO: Final = [sys.executable, "-m", "devcluster.demo"]
PROMISED: Final = (
    "fiddlerkongbinding.integrations.fiddler.ai/assistant condition met",
    "assistant   True    Ready    1/1      3.13.0.3   Reachable",
    "The capital of France is Paris.",
    "one session, 3 LLM spans, with input, output and tokens",
    "infrastructure spans dropped: kong, kong.access.plugin.ai-proxy, kong.balancer, kong.dns, kong.router",
    "fiddlerkongbinding.integrations.fiddler.ai/targets condition met",
    "POST https://api.openai.com/v1/chat/completions  key in: authorization",
    "POST https://api.anthropic.com/v1/messages  key in: x-api-key",
    "chat gpt-4o-mini  model: openai gpt-4o-mini  tokens: 9+10",
    "chat claude-sonnet-4-5  model: anthropic claude-sonnet-4-5  tokens: 9+10",
    "each span names the provider and the model that answered",
    "assistant   False   Unauthorized   1/1      3.13.0.3   Unauthorized",
    "✗ Trace endpoint       FKB1311 Fiddler does not accept the API key, or a collector wants one of its own (401).",
    "with the right key the binding is Ready again, and the doctor finds nothing",
    "no Secret, KongPlugin, Service or Ingress of the operator is left",
    "the three settings are gone from the gateway's Deployment",
    "Kong Ingress Controller has removed the routes from the gateway",
)


def clusters_of(pid: int) -> list[str]:
    """The listed clusters that this process has started."""
    return [found.layout.name for found in state.find_states() if found.layout.name.startswith(f"run-{pid}-")]


@pytest.fixture
def started() -> Iterator[subprocess.Popen[str]]:
    """A demo whose cluster runs."""
    with subprocess.Popen(DEMO, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            assert any("✓ Kubernetes" in line for line in demo.stdout)
            assert clusters_of(demo.pid) != []
            yield demo
        finally:
            demo.kill()  # otherwise the end of the block waits for it


@pytest.mark.exhaustive
def test_a_demo_ended_by_sigterm_leaves_no_cluster(started: subprocess.Popen[str]) -> None:
    started.send_signal(signal.SIGTERM)

    _, errors = started.communicate(timeout=60)

    assert (started.returncode, errors) == (128 + signal.SIGTERM, "")
    assert clusters_of(started.pid) == []


@pytest.mark.exhaustive
def test_a_demo_whose_output_is_cut_off_ends_without_a_traceback_and_leaves_no_cluster(started: subprocess.Popen[str]) -> None:
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.close()

    started.wait(timeout=120)

    assert (started.returncode, started.stderr.read()) == (128 + signal.SIGPIPE, "")
    assert clusters_of(started.pid) == []


def test_the_demo_shows_what_it_promises() -> None:
    demo = subprocess.run(DEMO, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert [line for line in PROMISED if line not in demo.stdout] == []
    assert "\x1b" not in demo.stdout
    for key in (Keys().fiddler, Keys().provider):
        assert key not in demo.stdout + demo.stderr
