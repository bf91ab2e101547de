"""The files of a release: chart, manifests, bundle, wheels and notes, which name the published image by its digest."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter
from fiddler_kong_operator import __version__, names
from release.versions import notes

__all__ = ["Image", "write_files"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Image:
    """A published image, such as `registry.example.com/team/fiddler-kong-operator` and its digest; ValueError unless that is one."""

    repository: str
    digest: str

    def __post_init__(self) -> None:
        """Check the digest: without one, the chart would name an image that anybody can replace."""
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"{self.digest!r} is no digest: it must be sha256: and 64 hexadecimal digits.")


def write_files(root: Path, folder: Path, image: Image) -> None:
    """Write the files of this checkout's version."""
    folder.mkdir(parents=True, exist_ok=True)
    programs = Builder(Reporter()).programs([COMPONENTS["helm"], COMPONENTS["kubectl"]])
    with tempfile.TemporaryDirectory() as scratch:
        _run(programs["helm"], "package", _chart(root, Path(scratch), image), "--destination", folder)
        shutil.make_archive(str(folder / f"{names.APPLICATION}-bundle-{__version__}"), "gztar", _bundle(root, Path(scratch), image))
        (folder / "install.yaml").write_text(_run(programs["kubectl"], "kustomize", _manifests(root, Path(scratch), image)))
    for definition in (root / "crds").iterdir():
        shutil.copy(definition, folder)
    for project in (root, root / "sink"):
        _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, folder=project)
    (folder / "notes.md").write_text(f"{notes(root, __version__)}\n\nImage: `{image.repository}@{image.digest}`\n")


def _chart(root: Path, scratch: Path, image: Image) -> Path:
    """A copy of the chart whose default image is the published one."""
    chart = Path(shutil.copytree(root / "charts" / names.APPLICATION, scratch / names.APPLICATION))
    values = chart / "values.yaml"
    text = values.read_text().replace(f"\n  repository: {names.APPLICATION}\n", f"\n  repository: {image.repository}\n", 1)
    values.write_text(text.replace('\n  digest: ""\n', f"\n  digest: {image.digest}\n", 1))
    return chart


def _manifests(root: Path, scratch: Path, image: Image) -> Path:
    """A copy of manifests/install whose image is the published one."""
    folder = Path(shutil.copytree(root / "manifests" / "install", scratch / "install"))
    kustomization = folder / "kustomization.yaml"
    named = f"    newName: {image.repository}\n    digest: {image.digest}\n"
    kustomization.write_text(re.sub(r"^    newTag: .*\n", named, kustomization.read_text(), flags=re.MULTILINE))
    return folder


def _bundle(root: Path, scratch: Path, image: Image) -> Path:
    """A copy of bundle/ whose image is the published one."""
    folder = Path(shutil.copytree(root / "bundle", scratch / "bundle"))
    version = folder / "manifests" / f"{names.APPLICATION}.clusterserviceversion.yaml"
    version.write_text(version.read_text().replace(f"{names.APPLICATION}:{__version__}", f"{image.repository}@{image.digest}"))
    return folder


def _run(*command: str | Path, folder: Path | None = None) -> str:
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
