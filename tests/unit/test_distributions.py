"""The two distributions: the operator's wheel and lock carry no part of the sink, and the extra `sink` names the sink's own version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
SINK_ONLY = ("opentelemetry-proto", "protobuf", "fiddler-kong-sink")


class Wheel:
    """A wheel that was built from this checkout."""

    def __init__(self, project: Path, folder: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(command, cwd=project, capture_output=True, check=True)
        [file] = folder.glob("*.whl")
        with ZipFile(file) as archive:
            self.names = archive.namelist()
            [metadata] = [name for name in self.names if name.endswith(".dist-info/METADATA")]
            self.metadata: Message = Parser().parsestr(archive.read(metadata).decode())

    @property
    def packages(self) -> set[str]:
        """The importable packages at its top."""
        return {name.partition("/")[0] for name in self.names if ".dist-info/" not in name}

    @property
    def requirements(self) -> Sequence[str]:
        """Its requirements with their markers."""
        return self.metadata.get_all("Requires-Dist", [])


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    return Wheel(ROOT, tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    return Wheel(ROOT / "sink", tmp_path_factory.mktemp("sink"))


def test_the_operators_wheel_carries_no_sink(operator: Wheel) -> None:
    assert operator.packages == {"fiddler_kong_operator"}
    assert [name for name in operator.names if "sink" in name or name.endswith((".js", ".html", ".css"))] == []
    assert [item for item in operator.requirements if item.startswith(SINK_ONLY) and "extra ==" not in item] == []


def test_the_operators_lock_has_none_of_the_sinks_libraries() -> None:
    lines = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8").splitlines()
    assert "pydantic" in [line.partition("==")[0] for line in lines]
    assert [line for line in lines if line.startswith(SINK_ONLY)] == []


def test_the_extra_is_the_sink_of_the_same_version(operator: Wheel, sink: Wheel) -> None:
    version = sink.metadata["Version"]
    assert operator.metadata["Version"] == version
    assert [item for item in operator.requirements if "extra ==" in item] == [f"fiddler-kong-sink=={version}; extra == 'sink'"]


def test_the_sinks_wheel_has_its_page_and_its_command(sink: Wheel) -> None:
    assert sink.packages == {"fiddler_kong_sink"}
    assert {f"fiddler_kong_sink/page/{name}" for name in ("index.html", "app.js", "views.js", "style.css")} <= set(sink.names)
    assert [item for item in sink.requirements if item.startswith("fiddler-kong-operator")] == []


def test_every_module_of_the_operator_is_imported_without_the_sink_and_its_libraries() -> None:
    program = (
        "import importlib, pkgutil, sys\n"
        "sys.modules.update(dict.fromkeys(['fiddler_kong_sink', 'google.protobuf', 'opentelemetry']))\n"
        "import fiddler_kong_operator as operator\n"
        "names = [m.name for m in pkgutil.walk_packages(operator.__path__, 'fiddler_kong_operator.') if not m.name.endswith('__main__')]\n"
        "print(len([importlib.import_module(name) for name in names]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 50
