"""The files of a release install the published image, by its digest."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devcluster.build import Builder
from devcluster.pins import COMPONENTS
from devcluster.progress import Reporter
from fiddler_kong_operator import __version__
from release.__main__ import main
from release.files import Image, write_files

ROOT: Final = Path(__file__).resolve().parents[2]
REPOSITORY: Final = "registry.example.com/team/fiddler-kong-operator"
DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    write_files(ROOT, folder, Image(REPOSITORY, DIGEST))
    return folder


def images(text: str) -> list[str]:
    deployments: list[dict[str, Any]] = [document for document in yaml.safe_load_all(text) if document["kind"] == "Deployment"]
    return [container["image"] for deployment in deployments for container in deployment["spec"]["template"]["spec"]["containers"]]


def test_they_are_complete(dist: Path) -> None:
    assert sorted(file.name for file in dist.iterdir()) == [
        f"fiddler-kong-operator-{__version__}.tgz",
        f"fiddler-kong-operator-bundle-{__version__}.tar.gz",
        f"fiddler_kong_operator-{__version__}-py3-none-any.whl",
        f"fiddler_kong_sink-{__version__}-py3-none-any.whl",
        "install.yaml",
        "integrations.fiddler.ai_fiddlerkongbindings.yaml",
        "notes.md",
    ]


def test_the_manifests_run_the_published_image(dist: Path) -> None:
    assert images((dist / "install.yaml").read_text()) == [f"{REPOSITORY}@{DIGEST}"]


def test_the_chart_runs_the_published_image(dist: Path) -> None:
    helm = Builder(Reporter()).programs([COMPONENTS["helm"]])["helm"]
    command: list[str | Path] = [helm, "template", "--kube-version=1.36.0", dist / f"fiddler-kong-operator-{__version__}.tgz"]

    assert images(subprocess.run(command, capture_output=True, text=True, check=True).stdout) == [f"{REPOSITORY}@{DIGEST}"]


def test_the_bundle_runs_the_published_image(dist: Path) -> None:
    with tarfile.open(dist / f"fiddler-kong-operator-bundle-{__version__}.tar.gz") as archive:
        member = archive.extractfile("./manifests/fiddler-kong-operator.clusterserviceversion.yaml")
        assert member
        version = yaml.safe_load(member)

    (deployment,) = version["spec"]["install"]["spec"]["deployments"]
    assert version["metadata"]["annotations"]["containerImage"] == f"{REPOSITORY}@{DIGEST}"
    assert [container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]] == [f"{REPOSITORY}@{DIGEST}"]


def test_the_notes_end_with_the_image(dist: Path) -> None:
    assert (dist / "notes.md").read_text().endswith(f"Image: `{REPOSITORY}@{DIGEST}`\n")


def test_a_tag_is_no_digest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files", f"--repository={REPOSITORY}", "--digest=latest"]) == 2
    assert "'latest' is no digest" in capsys.readouterr().err
