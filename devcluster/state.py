"""A cluster's folder and state file, by which `down`, `status` and `env` find clusters of other processes."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import DevClusterError
from .folders import clusters_root
from .processes import ProcessRecord, stop_recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ClusterState", "Layout", "claim_layout", "find_state", "find_states", "release", "stop_recorded_cluster"]

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_FINISHED_KEPT: Final = 5
"""Number of ended clusters whose logs are kept; the start of a cluster deletes older ones."""


@dataclass(frozen=True)
class Layout:
    """The files of one cluster below its folder."""

    root: Path

    @property
    def name(self) -> str:
        """Name of the cluster."""
        return self.root.name

    @property
    def logs(self) -> Path:
        """One log file for each process; kept when the cluster ends."""
        return self.root / "logs"

    @property
    def private(self) -> Path:
        """Kubeconfigs, tokens, keys and etcd's data; deleted when the cluster ends."""
        return self.root / "private"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log."""
        return self.logs / "audit.jsonl"

    @property
    def state(self) -> Path:
        """The state file; exists while the cluster runs."""
        return self.root / "state.json"

    def kubeconfig(self, user: str) -> Path:
        """Kubeconfig file of a user."""
        return self.private / f"{user.replace(':', '-')}.kubeconfig"


@dataclass(frozen=True)
class ClusterState:
    """The content of the state file."""

    layout: Layout
    programs: tuple[Path, ...]
    processes: tuple[ProcessRecord, ...]

    @property
    def running(self) -> bool:
        """Whether every process of the cluster runs."""
        return bool(self.processes) and all(record.alive for record in self.processes)

    def write(self) -> None:
        """Write the state file atomically."""
        data = {
            "programs": [str(path) for path in self.programs],
            "processes": [record.to_json() for record in self.processes],
        }
        unfinished = self.layout.state.with_suffix(".tmp")
        unfinished.write_text(json.dumps(data, indent=2) + "\n")
        unfinished.rename(self.layout.state)

    @classmethod
    def read(cls, layout: Layout) -> ClusterState:
        """Read the state file; DevClusterError if it does not exist."""
        try:
            data = json.loads(layout.state.read_text())
        except FileNotFoundError:
            raise DevClusterError(f"No cluster named {layout.name!r} runs. `python -m devcluster status` lists those that do.") from None
        processes = tuple(ProcessRecord.from_json(item) for item in data["processes"])
        return cls(layout, tuple(Path(path) for path in data["programs"]), processes)


def claim_layout(name: str | None) -> Layout:
    """Make the folder of a new cluster; DevClusterError if one of that name runs. Without a name, a random one is chosen."""
    chosen = name or f"run-{os.getpid()}-{secrets.token_hex(3)}"
    if not _NAME.fullmatch(chosen):
        raise DevClusterError(f"{chosen!r} is not a valid name for a cluster: use up to 40 lower-case letters, digits and dashes.")
    _delete_finished()
    layout = Layout(clusters_root() / chosen)
    if layout.state.exists():
        _clear_leftover(ClusterState.read(layout))
    shutil.rmtree(layout.root, ignore_errors=True)
    for folder in (layout.root, layout.logs, layout.private):
        folder.mkdir(mode=0o700)
    return layout


def _clear_leftover(state: ClusterState) -> None:
    if state.running:
        raise DevClusterError(
            f"A cluster named {state.layout.name!r} runs already. Stop it with `python -m devcluster down`, or choose --name."
        )
    stop_recorded(state.processes)


def find_state(name: str) -> ClusterState:
    """Return the state of the cluster of that name; DevClusterError if none runs."""
    return ClusterState.read(Layout(clusters_root() / name))


def find_states() -> tuple[ClusterState, ...]:
    """Return the state of every cluster that has not been stopped, by name."""
    states = []
    for file in sorted(clusters_root().glob("*/state.json")):
        with suppress(DevClusterError):  # another process has stopped it since the folder was listed
            states.append(ClusterState.read(Layout(file.parent)))
    return tuple(states)


def stop_recorded_cluster(state: ClusterState) -> None:
    """Stop a cluster that another process started, and delete its private files; its logs stay."""
    stop_recorded(state.processes)
    release(state.layout)


def release(layout: Layout) -> None:
    """Delete the private files and the state file of a cluster; its logs stay."""
    layout.state.unlink(missing_ok=True)
    shutil.rmtree(layout.private, ignore_errors=True)


def _delete_finished() -> None:
    """Delete the private files of clusters that were killed, and the logs of all but the newest that have ended."""
    for state in find_states():
        if not any(record.alive for record in state.processes):
            release(state.layout)
    ended = [folder for folder in clusters_root().iterdir() if not (folder / "state.json").exists()]
    for folder in _newest_first(ended)[_FINISHED_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    aged = []
    for folder in folders:
        with suppress(FileNotFoundError):  # another start deletes folders at the same time
            aged.append((folder.stat().st_mtime, folder))
    return [folder for _, folder in sorted(aged, reverse=True)]
