"""The files of the real node, which need neither a container engine nor a control plane to be checked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from devcluster.errors import DevClusterError
from devcluster.node import configuration
from devcluster.node.podman import Podman, check_machine
from devcluster.pins import COMPONENTS, CONTROL_PLANE, NODE

ROOT = Path(__file__).resolve().parents[2] / "devcluster/node/root"


def service(name: str, **spec: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "ai"}, "spec": spec}


def test_names_are_those_of_services_with_an_address() -> None:
    services = [service("sink", clusterIP="10.96.0.7"), service("headless", clusterIP="None"), service("elsewhere", externalName="a.test")]

    assert configuration.build_names(services) == "10.96.0.7 sink.ai.svc.cluster.local\n"


def test_a_kubeconfig_keeps_its_user_and_its_trust() -> None:
    cluster = {"server": "https://127.0.0.1:20000", "certificate-authority-data": "Q0E="}
    text = json.dumps({"clusters": [{"name": "devcluster", "cluster": cluster}], "users": [{"name": "a", "user": {"token": "t"}}]})

    changed = json.loads(configuration.build_kubeconfig(text, "https://10.89.0.1:20001"))

    assert changed["users"] == [{"name": "a", "user": {"token": "t"}}]
    assert changed["clusters"][0]["cluster"] == {**cluster, "server": "https://10.89.0.1:20001", "tls-server-name": "kubernetes"}


def test_the_node_has_the_version_of_the_control_plane() -> None:
    kubernetes = {COMPONENTS[name].version for name in (*NODE, *CONTROL_PLANE) if name.startswith("kube")}

    assert len(kubernetes) == 1


@pytest.mark.parametrize("unit", ["kubelet", "kube-proxy"])
def test_units_name_the_node(unit: str) -> None:
    assert f"--hostname-override={configuration.NAME}\n" in (ROOT / f"{unit}.service").read_text()


def test_a_machine_without_podman_gets_an_instruction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DevClusterError, match="scripts/install-container-engine"):
        Podman.find()


def make_folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def test_a_node_refuses_to_share_the_cgroups_of_a_systemd(tmp_path: Path) -> None:
    with pytest.raises(DevClusterError, match="unified_cgroup_hierarchy"):
        check_machine(make_folders(tmp_path, "run/systemd/system", "sys/fs/cgroup/systemd"))


@pytest.mark.parametrize("folders", [("run/systemd/system", "sys/fs/cgroup"), ("run", "sys/fs/cgroup/systemd")])
def test_a_node_starts_where_it_has_cgroups_of_its_own(tmp_path: Path, folders: tuple[str, ...]) -> None:
    check_machine(make_folders(tmp_path, *folders))


def test_a_call_that_fails_says_what_podman_said(tmp_path: Path) -> None:
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\necho no such image >&2\nexit 125\n")
    program.chmod(0o755)

    with pytest.raises(DevClusterError, match="no such image"):
        Podman(program).run("image", "inspect", "missing")


def test_a_pipe_fails_with_its_first_part(tmp_path: Path) -> None:
    program = tmp_path / "podman"
    program.write_text('#!/bin/sh\nshift 2\n[ "$1" = load ] && exec cat >/dev/null\nexit 3\n')
    program.chmod(0o755)

    with pytest.raises(DevClusterError, match="save missing ended with exit code 3"):
        Podman(program).pipe(("save", "missing"), ("load",))
    assert subprocess.run([program, "-", "-", "load"], stdin=subprocess.DEVNULL, check=False).returncode == 0
