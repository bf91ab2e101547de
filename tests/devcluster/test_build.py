"""Programs are built once, and again only when their own pins change; failures have readable messages."""

from __future__ import annotations

import fcntl
import io
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from devcluster import BuildError
from devcluster.build import Builder
from devcluster.pins import COMPONENTS, Component, GoModule
from devcluster.progress import Reporter, elapsed_text

if TYPE_CHECKING:
    from pathlib import Path

MAIN = 'package main\n\nvar version = "unknown"\n\nfunc main() { println("version " + version) }\n'


@pytest.fixture
def component(tmp_path: Path) -> Component:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/hello\n\ngo 1.21\n\nrequire example.test/pinned v1.2.3 // indirect\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(MAIN)
    return Component("hello", GoModule(folder), "example.test/hello", "example.test/pinned", (("main.version", "{version}"),))


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def builder(tmp_path: Path, output: io.StringIO) -> Builder:
    cache = tmp_path / "cache"
    cache.mkdir()
    return Builder(Reporter(output, live=False), cache)


def repinned(component: Component, version: str) -> Component:
    file = component.module.folder / "go.mod"
    file.write_text(file.read_text().replace(component.version, version))
    return Component(component.name, GoModule(component.module.folder), component.package, component.source, component.version_variables)


def test_a_program_is_built_once_with_its_version(builder: Builder, component: Component, output: io.StringIO) -> None:
    program = builder.programs([component])["hello"]
    built = subprocess.run([program], capture_output=True, text=True, check=True)
    assert built.stderr == "version v1.2.3\n"
    assert "hello v1.2.3" in output.getvalue()

    output.truncate(0)
    assert builder.programs([component]) == {"hello": program}
    assert not output.getvalue().strip("\0")
    assert [file.name for file in program.parent.iterdir()] == ["hello"]


def test_a_changed_pin_is_built_again(builder: Builder, component: Component) -> None:
    before = builder.programs([component])["hello"]
    after = builder.programs([repinned(component, "v1.2.4")])["hello"]
    assert before != after
    assert "v1.2.4" in subprocess.run([after], capture_output=True, text=True, check=True).stderr


def test_a_failed_build_shows_the_compilers_message(builder: Builder, component: Component) -> None:
    (component.module.folder / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(BuildError, match=r"hello could not be built(?s:.*)undefined: nonsense"):
        builder.programs([component])
    assert not list(builder.cache.glob("bin/*/*"))


def test_two_builds_in_one_cache_wait_for_each_other(builder: Builder, component: Component, output: io.StringIO) -> None:
    with (builder.cache / "build.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build = threading.Thread(target=builder.programs, args=[[component]])
        build.start()
        while "Waiting for another build" not in output.getvalue():
            assert build.is_alive()
        assert not list(builder.cache.glob("bin/*/*"))
    build.join()
    assert len(list(builder.cache.glob("bin/*/hello"))) == 1


def test_kubebuilder_assets_come_first(builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubectl").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert builder.programs([COMPONENTS["kubectl"]]) == {"kubectl": tmp_path / "kubectl"}


def test_versions_come_from_the_pins() -> None:
    stamps = "-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1"
    assert COMPONENTS["kube-apiserver"].ldflags == f"-s -w {stamps} -X k8s.io/component-base/version.gitMinor=36"
    assert {name: component.version for name, component in COMPONENTS.items() if not name.startswith("kube")} == {
        "etcd": "v3.7.3",
        "kwok": "v0.8.0",
        "kong-ingress-controller": "v3.4.0",
        "helm": "v3.22.0",
        "coredns": "v1.14.1",
        "kind": "v0.33.0",
        "actionlint": "v1.7.12",
        "kstatus": "v0.37.2",
        "collector": "v0.161.0",
        "promql": "v0.315.1",
        "olm": "v0.38.0",
    }


def test_a_module_that_is_not_pinned_is_named(component: Component) -> None:
    with pytest.raises(BuildError, match=r"go\.mod does not require example\.test/other"):
        component.module.version("example.test/other")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_gets_plain_lines_and_a_heartbeat_each_minute(output: io.StringIO) -> None:
    clock = Clock()
    with Reporter(output, live=False, clock=clock).task("building x") as task:
        for second in range(130):
            clock.now = float(second)
            task.tick(f"{second} packages")
    assert output.getvalue().splitlines() == [
        "  building x ...",
        "  building x: still running after 1:00  60 packages",
        "  building x: still running after 2:00  120 packages",
        "  ✓ building x  2:09",
    ]


def test_a_terminal_gets_one_line_that_is_redrawn(output: io.StringIO) -> None:
    with Reporter(output, live=True, clock=Clock()).task("building x") as task:
        task.tick("7 packages")
    assert output.getvalue().split("\r\x1b[2K") == [
        "",
        "  · building x  0.0 s",
        "  · building x  0.0 s  7 packages",
        "  ✓ building x  0.0 s\n",
    ]


def test_elapsed_text() -> None:
    assert [elapsed_text(seconds) for seconds in (0.04, 59.94, 60, 3725)] == ["0.0 s", "59.9 s", "1:00", "62:05"]
