"""Calls podman, with what a machine without CAP_SYS_RESOURCE and with cgroups of version 1 needs."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from devcluster.errors import DevClusterError

__all__ = ["LIMITS", "ULIMITS", "Podman", "check_machine"]

LIMITS: Final = {"nofile": 20000, "nproc": 8192}
"""Below the limits of a machine on which they cannot be raised."""

ULIMITS: Final = tuple(f"--ulimit={name}={limit}:{limit}" for name, limit in LIMITS.items())

_OPTIONS: Final = ("--runtime=runc", "--cgroup-manager=cgroupfs")
"""crun refuses hybrid cgroups, and nothing here runs systemd outside the container."""


def check_machine(root: Path = Path("/")) -> None:
    """Raise DevClusterError where a node would disturb the machine: its systemd and the machine's would share one cgroup hierarchy.

    podman gives a container a part of its own of every hierarchy of version 1 except systemd's.
    """
    if (root / "run/systemd/system").is_dir() and (root / "sys/fs/cgroup/systemd").is_dir():
        raise DevClusterError(
            "A real node cannot run here: this machine runs systemd with cgroups of version 1, and the node's systemd would change the "
            "machine's. Boot with systemd.unified_cgroup_hierarchy=1, or use another machine."
        )


@dataclass(frozen=True)
class Podman:
    """The program; `find` says what to do where there is none."""

    program: Path

    @classmethod
    def find(cls) -> Podman:
        """The podman on PATH; DevClusterError without one."""
        found = shutil.which("podman")
        if found is None:
            raise DevClusterError("A real node needs podman. Install it with scripts/install-container-engine (as root, on Debian).")
        return cls(Path(found))

    def command(self, *arguments: str | Path) -> list[str]:
        """The whole command line of a call."""
        return [str(self.program), *_OPTIONS, *map(str, arguments)]

    def run(self, *arguments: str | Path, stdin: IO[bytes] | None = None) -> str:
        """Run it and return its output; DevClusterError with what it printed."""
        done = subprocess.run(self.command(*arguments), stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DevClusterError(f"podman {' '.join(map(str, arguments[:3]))} ...: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def exists(self, image: str) -> bool:
        """Whether this machine has an image."""
        return subprocess.run(self.command("image", "exists", image), check=False).returncode == 0

    def import_program(self, program: Path, image: str, place: str, *changes: str) -> None:
        """Make an image of one static program, which is at `place` in it."""
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "root.tar"
            with tarfile.open(archive, "w") as root:
                root.add(program, place.removeprefix("/"), recursive=False)
            self.run("import", "--quiet", *changes, archive, image)

    def pipe(self, first: tuple[str, ...], second: tuple[str, ...]) -> None:
        """Run two calls, the output of the first into the second; DevClusterError if one of them fails."""
        with subprocess.Popen(self.command(*first), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
            self.run(*second, stdin=source.stdout)
        if source.returncode != 0:
            raise DevClusterError(f"podman {' '.join(first)} ended with exit code {source.returncode}")
