"""`NodeImage`: the node image of this project for kind, made without a registry."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devcluster.build import Builder
from devcluster.errors import DevClusterError
from devcluster.folders import cache_root
from devcluster.node.podman import Podman
from devcluster.pins import COMPONENTS, KIND_FILES
from devcluster.progress import Reporter

from .configuration import IMAGES, patch_containerd

__all__ = ["NodeImage"]

BASE: Final = "localhost/fiddler-kong-base"
_HERE: Final = Path(__file__).resolve().parent
_ON_THE_NODE: Final = ("kubeadm", "kubelet", "kubectl")
_STATIC: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_PATH: Final = "--change=ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin"


@dataclass(frozen=True)
class NodeImage:
    """The image; `build` makes it unless it is there already."""

    podman: Podman
    reporter: Reporter

    @property
    def name(self) -> str:
        """Its name. The tag changes with everything that comes into it."""
        digest = hashlib.sha256()
        for kind in ("kind", "iptables", "pause"):
            digest.update(self.podman.run("image", "inspect", "--format={{.Id}}", f"{BASE}:{kind}").encode())
        for name in (*_ON_THE_NODE, *_STATIC, "kube-proxy", "coredns"):
            digest.update(COMPONENTS[name].key.encode())
        digest.update(KIND_FILES.version.encode())
        own = (_HERE / name for name in ("Containerfile", "configuration.py", "image.py"))
        for file in (*own, *sorted(path for path in (_HERE / "root").rglob("*") if path.is_file())):
            digest.update(file.read_bytes())
        return f"{IMAGES}/node:{digest.hexdigest()[:16]}"

    @property
    def versions(self) -> dict[str, str]:
        """The tags of the images that kubeadm would expect in another version."""
        return {name: COMPONENTS[name].version for name in ("etcd", "coredns")}

    def build(self) -> str:
        """Return its name; builds programs, the images of the control plane, and the image itself, unless it is there already."""
        if not self.podman.exists(self.name):
            builder = Builder(self.reporter)
            programs = builder.programs(COMPONENTS[name] for name in (*_ON_THE_NODE, *_STATIC, "kube-proxy", "coredns"))
            files = builder.source(KIND_FILES)
            with self.reporter.task("kind's node image"), tempfile.TemporaryDirectory(dir=cache_root()) as folder:
                self._write_context(Path(folder), programs, files)
                context = ("--isolation=chroot", "--pull=never", f"--build-arg=BASE={BASE}:kind", f"--file={_HERE / 'Containerfile'}")
                self.podman.run("build", *context, "--tag", self.name, folder)
            self._remove_older()
        return self.name

    def _remove_older(self) -> None:
        """Remove those of former checkouts, of a gigabyte each. One that a cluster uses stays."""
        for name in self.podman.run("image", "ls", f"--filter=reference={IMAGES}/node", "--format={{.Repository}}:{{.Tag}}").split():
            if name != self.name:
                with suppress(DevClusterError):
                    self.podman.run("rmi", name)

    def _write_context(self, folder: Path, programs: dict[str, Path], files: Path) -> None:
        shutil.copytree(files, folder / "files")
        shutil.copytree(_HERE / "root", folder / "root")
        (folder / "programs").mkdir()
        for name in _ON_THE_NODE:
            shutil.copy(programs[name], folder / "programs" / name)
        (folder / "version").write_text(COMPONENTS["kubelet"].version)
        (folder / "containerd.toml").write_text(patch_containerd((files / "etc/containerd/config.toml").read_text()))
        self._save_images(programs, folder / "images.tar")

    def _save_images(self, programs: dict[str, Path], archive: Path) -> None:
        """Write the images of the control plane to an archive, and remove them from this machine."""
        images = {name: f"{IMAGES}/{name}:{COMPONENTS[name].version}" for name in (*_STATIC, "kube-proxy", "coredns")}
        try:
            for name in _STATIC:
                self.podman.import_program(programs[name], images[name], f"/usr/local/bin/{name}", _PATH)
            self.podman.import_program(programs["coredns"], images["coredns"], "/coredns", '--change=ENTRYPOINT ["/coredns"]')
            self._add_proxy(programs["kube-proxy"], images["kube-proxy"])
            self.podman.run("save", "--quiet", "--multi-image-archive", f"--output={archive}", *images.values(), f"{BASE}:pause")
        finally:
            self.podman.run("rmi", "--force", "--ignore", *images.values())

    def _add_proxy(self, program: Path, image: str) -> None:
        """kube-proxy calls iptables, so it needs more than itself."""
        container = self.podman.run("create", "--pull=never", f"{BASE}:iptables", "kube-proxy").strip()
        try:
            self.podman.run("cp", program, f"{container}:/usr/local/bin/kube-proxy")
            self.podman.run("commit", "--quiet", _PATH, container, image)
        finally:
            self.podman.run("rm", "--force", container)
