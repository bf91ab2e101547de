"""The operator in its image, with a read-only root, against a real control plane: `make test-image`, which builds the image first.

The file's name keeps it out of `make test`, which must pass without a container engine.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator import __version__
from tests.integration.arena import Arena
from tests.staging import stage

__all__ = ["stage"]

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGE: Final = f"{os.environ['IMAGE']}:{__version__}"
PODMAN: Final = ("/usr/bin/podman", "--runtime=runc", "--cgroup-manager=cgroupfs")
LIMITED: Final = (
    *("run", "--rm", "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"),
    *("--ulimit=nofile=20000:20000", "--ulimit=nproc=8192:8192"),
)
"""As the chart's security context asks. The limits stay below those of a machine on which they cannot be raised."""


def podman(*arguments: str) -> str:
    return subprocess.run([*PODMAN, *arguments], capture_output=True, text=True, check=True).stdout


def in_image(program: str) -> Any:
    """The JSON that a Python program prints in a container."""
    return json.loads(podman(*LIMITED, "--entrypoint=/opt/operator/bin/python", IMAGE, "-c", program))


class OperatorContainer(OperatorProcess):
    """The operator in a container of its own, on the machine's network, with a service account's files as in a pod."""

    def program(self, kubeconfig: Path) -> list[str]:
        """`podman run`, which hands signals on to the container."""
        mounted = f"--volume={account(kubeconfig)}:/var/run/secrets/kubernetes.io/serviceaccount:ro,U"
        server = urlsplit(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
        environment = (f"--env=KUBERNETES_SERVICE_HOST={server.hostname}", f"--env=KUBERNETES_SERVICE_PORT={server.port}")
        return [*PODMAN, *LIMITED, mounted, *environment, IMAGE]


def account(kubeconfig: Path) -> Path:
    """A folder as the kubelet mounts it, from a kubeconfig with a service account's token."""
    content = yaml.safe_load(kubeconfig.read_text())
    folder = kubeconfig.with_suffix(".account")
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(content["users"][0]["user"]["token"])
    (folder / "ca.crt").write_bytes(b64decode(content["clusters"][0]["cluster"]["certificate-authority-data"]))
    return folder


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    (image,) = json.loads(podman("image", "inspect", IMAGE))
    found: dict[str, Any] = image["Config"]
    return found


@pytest.fixture
def arena(stage: Stage) -> Iterator[Arena]:
    with OperatorContainer(stage.cluster) as operator:
        arena = Arena(stage, operator, f"test-{secrets.token_hex(4)}")
        arena.open()
        yield arena
        arena.close()


def test_a_binding_becomes_ready(arena: Arena) -> None:
    arena.put(arena.binding())

    arena.until_ready()


def test_it_ends_well_when_it_is_told_to(stage: Stage) -> None:
    with OperatorContainer(stage.cluster, name="ending") as operator:
        process = operator.process

    assert process.popen.returncode == 0


def test_it_runs_as_a_number_and_says_what_it_is(configuration: dict[str, Any]) -> None:
    labels = configuration["Labels"]

    assert configuration["User"] == "65532:65532"
    assert labels["org.opencontainers.image.version"] == __version__
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", labels["org.opencontainers.image.base.digest"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["org.opencontainers.image.created"])


def test_it_has_the_packages_of_the_lock_and_no_other() -> None:
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE))
    program = (
        "import json, re\nfrom importlib.metadata import distributions\n"
        "print(json.dumps({re.sub('[-_.]+', '-', d.name).lower(): d.version for d in distributions()}))"
    )

    assert in_image(program) == {**locked, "fiddler-kong-operator": __version__}


def test_it_has_no_shell_no_installer_and_nothing_of_the_build() -> None:
    names = [
        "/bin/sh",
        "/usr/bin/sh",
        "/bin/bash",
        "/opt/operator/bin/pip",
        "/usr/bin/pip",
        "/usr/bin/apt",
        "/etc/pip.conf",
        "/run/secrets",
    ]
    program = f"import json, os; print(json.dumps([name for name in {names} if os.path.exists(name)]))"

    assert in_image(program) == []
