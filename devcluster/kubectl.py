"""Runs kubectl, for every kind of cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import DevClusterError

__all__ = ["run_kubectl"]


def run_kubectl(program: Path, kubeconfig: Path, *arguments: str | Path, stdin: str | None = None) -> str:
    """Return its output; DevClusterError with its error message."""
    command = [program, f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DevClusterError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
