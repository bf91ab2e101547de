"""Builds the pinned programs into the cache, once.

A cached file is named after the key of its own pins, so a changed pin rebuilds only its own programs. Files appear complete or not at all
(written under another name, then renamed); a lock file prevents two simultaneous builds.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import BuildError, log_tail
from .folders import cache_root
from .pins import host_platform
from .toolchain import find_go, go_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .pins import Component, Definitions
    from .progress import Reporter, Task

__all__ = ["Builder"]

_FROM_ASSETS: Final = frozenset({"etcd", "kube-apiserver", "kubectl"})
"""Programs that the environment variable KUBEBUILDER_ASSETS may provide (envtest's convention)."""


@dataclass(frozen=True)
class Builder:
    """Finds programs in `cache`, or builds them into it and reports that to `reporter`."""

    reporter: Reporter
    cache: Path = field(default_factory=cache_root)

    def programs(self, components: Iterable[Component]) -> dict[str, Path]:
        """Return the path of each program by name, and build missing ones; BuildError names the failed program and its log."""
        wanted = tuple(components)
        if not all(self._existing(component) for component in wanted):
            with self._lock():
                self._build_missing(wanted)
        return {component.name: self._existing(component) or self._cached(component) for component in wanted}

    def definitions(self, wanted: Definitions) -> Path:
        """Return the folder with these resource definitions, copied once from their Go module."""
        target = self.cache / "bin" / f"{wanted.name}-{wanted.version}"
        if not target.exists():
            with self._lock():
                if not target.exists():
                    self._copy(wanted, target)
        return target

    def source(self, wanted: Definitions) -> Path:
        """Return the folder in Go's module cache; its files are read-only."""
        return _module_folder(find_go(wanted.module.go_version, self.reporter), wanted) / wanted.folder

    def _cached(self, component: Component) -> Path:
        return self.cache / "bin" / f"{component.name}-{component.key}" / component.name

    def _existing(self, component: Component) -> Path | None:
        assets = os.environ.get("KUBEBUILDER_ASSETS")
        if assets and component.name in _FROM_ASSETS and (Path(assets) / component.name).exists():
            return Path(assets) / component.name
        cached = self._cached(component)
        return cached if cached.exists() else None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.cache / "build.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.reporter.line("Waiting for another build in the same cache ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _build_missing(self, wanted: Iterable[Component]) -> None:
        missing = [component for component in wanted if self._existing(component) is None]
        if missing:
            programs = "1 program" if len(missing) == 1 else f"{len(missing)} programs"
            self.reporter.line(f"Building {programs} from source into {self.cache}. This takes minutes, and happens only once.")
        for position, component in enumerate(missing, start=1):
            go = find_go(component.module.go_version, self.reporter)
            with self.reporter.task(f"[{position}/{len(missing)}] {component.name} {component.version}") as task:
                self._build(go, component, task)

    def _build(self, go: Path, component: Component, task: Task) -> None:
        target = self._cached(component)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        log = self.cache / f"build-{component.name}.log"
        flags = ["-v", "-mod=readonly", "-trimpath", "-ldflags", component.ldflags]
        command = [str(go), "build", *flags, "-o", str(unfinished), component.package]
        try:
            code = _run_watched(command, component.module.folder, log, task)
            if code != 0:
                raise BuildError(f"{component.name} could not be built (exit code {code}). The end of {log}:\n{log_tail(log)}")
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)

    def _copy(self, wanted: Definitions, target: Path) -> None:
        with self.reporter.task(f"{wanted.title} {wanted.version}"):
            source = self.source(wanted)
            files = sorted(source.glob(wanted.pattern))
            if not files:
                raise BuildError(f"{source} holds no resource definitions")
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(dir=target.parent))
            for file in files:
                shutil.copyfile(file, unfinished / file.name)
            unfinished.rename(target)


def _run_watched(command: list[str], folder: Path, log: Path, task: Task) -> int:
    """Run a Go command with its output in `log`, ticking once a second; an exception here ends the command too."""
    environment = go_environment(*host_platform())
    with log.open("w") as output, subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output) as process:
        try:
            while True:
                try:
                    return process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    task.tick(f"{log.read_text(errors='replace').count(chr(10))} packages compiled")
        finally:
            process.terminate()


def _module_folder(go: Path, wanted: Definitions) -> Path:
    command = [str(go), "mod", "download", "-json", f"{wanted.path}@{wanted.version}"]
    environment = go_environment(*host_platform())
    result = subprocess.run(command, cwd=wanted.module.folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(f"The Go module {wanted.path} could not be downloaded:\n{result.stdout.strip()}\n{result.stderr.strip()}")
    return Path(json.loads(result.stdout)["Dir"])
