"""The demo, as a newcomer runs it, in a pipe: every scene happens, and no key shows."""

from __future__ import annotations

import subprocess
import sys

from devcluster.folders import PROJECT_ROOT
from devcluster.stage import Keys

PROMISED = (
    "fiddlerkongbinding.integrations.fiddler.ai/assistant condition met",
    "assistant   True    Ready    1/1      3.13.0.3   Reachable",
    "The capital of France is Paris.",
    "one session, 3 LLM spans, with input, output and tokens",
    "infrastructure spans dropped: kong, kong.access.plugin.ai-proxy, kong.balancer, kong.dns, kong.router",
    "assistant   False   Unauthorized   1/1      3.13.0.3   Unauthorized",
    "the right key is back, and so is the binding",
    "no Secret, KongPlugin, Service or Ingress of the operator's is left",
    "the three settings are gone from the gateway's Deployment",
    "Kong Ingress Controller has taken the route from the gateway",
)


def test_the_demo_shows_what_it_promises() -> None:
    demo = subprocess.run([sys.executable, "-m", "devcluster.demo"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert [line for line in PROMISED if line not in demo.stdout] == []
    assert "\x1b" not in demo.stdout
    for key in (Keys().fiddler, Keys().provider):
        assert key not in demo.stdout + demo.stderr
