"""The configurations of kind and kubeadm; checking them needs neither a container engine nor kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devcluster.errors import DevClusterError
from devcluster.kind import KindCluster, configuration
from devcluster.pins import COMPONENTS, CONTROL_PLANE, NODE
from devcluster.progress import Reporter

VERSIONS = {"etcd": "v3.7.3", "coredns": "v1.14.1"}
CONTAINERD = """version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pause:3.10"
  restrict_oom_score_adj = false
"""


def patch(kind: str) -> dict[str, object]:
    patches = map(json.loads, configuration.build_cluster({}, VERSIONS)["kubeadmConfigPatches"])
    (found,) = (patch for patch in patches if patch["kind"] == kind)
    return dict(found)


def test_ports_are_open_on_loopback_only() -> None:
    (node,) = configuration.build_cluster({30080: 20001}, None)["nodes"]

    assert node["extraPortMappings"] == [{"containerPort": 30080, "hostPort": 20001, "listenAddress": "127.0.0.1"}]


def test_an_image_that_is_complete_is_not_patched() -> None:
    assert set(configuration.build_cluster({}, None)) == {"kind", "apiVersion", "nodes"}


def test_kubeadm_takes_the_images_that_are_in_the_node_image() -> None:
    cluster = patch("ClusterConfiguration")

    assert cluster["imageRepository"] == configuration.IMAGES
    assert json.dumps(cluster["etcd"]).count("v3.7.3") == 1
    assert cluster["dns"] == {"imageTag": "v1.14.1"}


def test_kubeadm_has_the_version_of_the_other_programs() -> None:
    kubernetes = {COMPONENTS[name].version for name in ("kubeadm", *NODE, *CONTROL_PLANE) if name.startswith("kube")}

    assert len(kubernetes) == 1


def test_containerd_is_changed_in_three_settings() -> None:
    changed = configuration.patch_containerd(CONTAINERD)

    assert "SystemdCgroup = false" in changed
    assert 'sandbox_image = "localhost/fiddler-kong-base:pause"' in changed
    assert "restrict_oom_score_adj = true" in changed


def test_a_setting_that_kind_no_longer_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="sandbox_image"):
        configuration.patch_containerd(CONTAINERD.replace("sandbox_image", "pause_image"))


def test_a_machine_without_an_engine_gets_an_instruction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DevClusterError, match="Install Docker, podman or nerdctl"):
        KindCluster(tmp_path, (), Reporter(quiet=True), "kindest/node:v1.37.0")


def test_a_user_other_than_root_gets_an_instruction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(DevClusterError, match="NODE_IMAGE=kindest/node:TAG"):
        KindCluster(tmp_path, (), Reporter(quiet=True))
