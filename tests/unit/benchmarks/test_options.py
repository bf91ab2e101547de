from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import Options
from benchmarks.course import SCENARIOS
from benchmarks.usage import Usage


def test_make_bench_measures_everything_at_a_hundred_and_five_hundred() -> None:
    assert Options.parse([]) == Options((100, 500), frozenset(SCENARIOS), 3, None, None)


def test_numbers_scenarios_and_files_can_be_chosen() -> None:
    chosen = Options.parse(["--bindings=1000,5000", "--scenarios=cold,drift", "--pairs=1", "--json=a.json", "--write=b.md"])
    assert chosen == Options((1000, 5000), frozenset({"cold", "drift"}), 1, Path("a.json"), Path("b.md"))


@pytest.mark.parametrize("argument", ["--bindings=0", "--bindings=many", "--scenarios=cold,hot", "--pairs=0"])
def test_what_cannot_be_measured_is_a_usage_error(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        Options.parse([argument])
    assert (end.value.code, argument.partition("=")[0] in capsys.readouterr().err) == (2, True)


def test_usage_is_read_from_the_kernels_files() -> None:
    stat = "42 (py (thon) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 5 0 1000 1 1"
    status = "Name:\tpython\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n"
    assert Usage.parse(stat, status, 100) == Usage(2.0, 100.0, 200.0)
