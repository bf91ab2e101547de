"""The programs to build and their versions: the `go.mod` files under `go/` are the only place with a version."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from .errors import BuildError

__all__ = [
    "COMPONENTS",
    "CONTROL_PLANE",
    "GATEWAY_API_CRDS",
    "KIND_FILES",
    "KONG_CRDS",
    "NODE",
    "Component",
    "Definitions",
    "GoModule",
    "host_platform",
]

_GO_FOLDER: Final = Path(__file__).resolve().parent / "go"
_REQUIREMENT: Final = re.compile(r"^(?:require)?\s*(?P<path>[^\s()]+) (?P<version>v[^\s]+)(?: //.*)?$", re.MULTILINE)
_GO_DIRECTIVE: Final = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_platform() -> tuple[str, str]:
    """GOOS and GOARCH of this machine, without calling Go; BuildError on an unsupported machine."""
    machine = platform.machine().lower()
    if sys.platform != "linux" or machine not in _MACHINES:
        raise BuildError(f"devcluster runs on Linux on amd64 and arm64 only; this is {sys.platform} on {machine}.")
    return "linux", _MACHINES[machine]


@dataclass(frozen=True)
class GoModule:
    """One folder with a pinned go.mod and go.sum; `go build` runs in it."""

    folder: Path

    @classmethod
    def named(cls, name: str) -> Self:
        """One of the folders under `go/`."""
        return cls(_GO_FOLDER / name)

    @cached_property
    def _text(self) -> str:
        return (self.folder / "go.mod").read_text()

    @property
    def content(self) -> bytes:
        """Its files, for the cache key: the pins, and the source of a program of our own."""
        own = b"".join(b"\0" + source.read_bytes() for source in sorted(self.folder.glob("*.go")))
        return self._text.encode() + b"\0" + (self.folder / "go.sum").read_bytes() + own

    def version(self, path: str) -> str:
        """Return the pinned version of the Go module `path`, such as `v1.36.3`."""
        for match in _REQUIREMENT.finditer(self._text.partition("\nreplace ")[0]):
            if match["path"] == path:
                return match["version"]
        raise BuildError(f"{self.folder / 'go.mod'} does not require {path}")

    @property
    def go_version(self) -> tuple[int, int, int]:
        """The oldest Go release that can build it."""
        match = _GO_DIRECTIVE.search(self._text)
        if match is None:
            raise BuildError(f"{self.folder / 'go.mod'} has no go directive")
        return int(match[1]), int(match[2]), int(match[3] or 0)


@dataclass(frozen=True)
class Component:
    """One program: `name` is its file, `package` its Go package, `source` the module with its version."""

    name: str
    module: GoModule
    package: str
    source: str
    version_variables: tuple[tuple[str, str], ...] = ()
    """Go variables for the version: name, and a pattern of `{version}`, `{number}`, `{major}`, `{minor}`."""

    @property
    def version(self) -> str:
        """Pinned version, such as `v1.36.3`."""
        return self.module.version(self.source)

    @property
    def ldflags(self) -> str:
        """Linker flags that set the version; clients such as kwok refuse a server without one."""
        major, minor, *_ = self.version.removeprefix("v").split(".")
        values = {"version": self.version, "number": self.version.removeprefix("v"), "major": major, "minor": minor}
        stamps = [f"-X {variable}={pattern.format(**values)}" for variable, pattern in self.version_variables]
        return " ".join(["-s -w", *stamps])

    @property
    def key(self) -> str:
        """Cache key: changes only with the pins, the flags and the platform."""
        digest = hashlib.sha256(self.module.content)
        digest.update("\0".join([self.package, self.ldflags, *host_platform()]).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Definitions:
    """Files in a folder of the Go module `path`, which `module` pins, such as resource definitions; `pattern` says which."""

    title: str
    name: str
    module: GoModule
    path: str
    folder: str
    pattern: str

    @property
    def version(self) -> str:
        """Pinned version, such as `v1.0.0`."""
        return self.module.version(self.path)


def _kubernetes(name: str, folder: str = "kubernetes") -> Component:
    package = "k8s.io/component-base/version"
    stamps = ((f"{package}.gitVersion", "{version}"), (f"{package}.gitMajor", "{major}"), (f"{package}.gitMinor", "{minor}"))
    return Component(name, GoModule.named(folder), f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes", stamps)


_KIC: Final = "github.com/kong/kubernetes-ingress-controller/v3"

_ALL: Final = (
    Component("etcd", GoModule.named("etcd"), "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubectl"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubeadm", "kubeadm"),
    Component("coredns", GoModule.named("coredns"), ".", "github.com/coredns/coredns"),
    Component("kwok", GoModule.named("kwok"), "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok"),
    Component(
        "kong-ingress-controller",
        GoModule.named("kic"),
        f"{_KIC}/internal/cmd",
        _KIC,
        ((f"{_KIC}/internal/manager/metadata.Release", "{number}"),),
    ),
    Component(
        "helm",
        GoModule.named("helm"),
        "helm.sh/helm/v3/cmd/helm",
        "helm.sh/helm/v3",
        (("helm.sh/helm/v3/internal/version.version", "{version}"),),
    ),
    Component("kind", GoModule.named("kind"), "sigs.k8s.io/kind", "sigs.k8s.io/kind"),
    Component("actionlint", GoModule.named("actionlint"), "github.com/rhysd/actionlint/cmd/actionlint", "github.com/rhysd/actionlint"),
    Component("kstatus", GoModule.named("kstatus"), ".", "sigs.k8s.io/cli-utils"),
    Component("collector", GoModule.named("collector"), ".", "go.opentelemetry.io/collector/otelcol"),
    Component("promql", GoModule.named("promql"), ".", "github.com/prometheus/prometheus"),
    Component("olm", GoModule.named("olm"), ".", "github.com/operator-framework/api"),
)

COMPONENTS: Final[dict[str, Component]] = {component.name: component for component in _ALL}
"""Every program that devcluster can build, by name."""

CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok")
"""The programs of a cluster, in the order of building."""

NODE: Final = ("kubelet", "kube-proxy")
"""The programs of a real node (`devcluster.node`), of the control plane's version."""

KONG_CRDS: Final = Definitions(
    "Kong's resource definitions",
    "kong-crds",
    GoModule.named("kic"),
    "github.com/kong/kubernetes-configuration",
    "config/crd/ingress-controller",
    "configuration.konghq.com_*.yaml",
)
"""Those of the Kong Ingress Controller in go/kic."""

GATEWAY_API_CRDS: Final = Definitions(
    "the Gateway API's resource definitions",
    "gateway-api-crds",
    GoModule.named("gateway-api"),
    "sigs.k8s.io/gateway-api",
    "config/crd/standard",
    "gateway.networking.k8s.io_[!v]*.yaml",
)
"""Those of the standard channel, without its admission policy."""

KIND_FILES: Final = Definitions(
    "the files of kind's base image", "kind-files", GoModule.named("kind"), "sigs.k8s.io/kind", "images/base/files", "**"
)
"""Those from which `devcluster.kind` makes a node image."""
