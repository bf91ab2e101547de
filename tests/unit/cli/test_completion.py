from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from fiddler_kong_operator.cli import main


def completed(words: str, position: int) -> list[str]:
    """The words that bash would offer at that position."""
    env = {"_FIDDLER_KONG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    output = CliRunner().invoke(main, prog_name="fiddler-kong", env=env).stdout
    return [line.partition(",")[2] for line in output.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_the_program_as_it_is_installed(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell], prog_name="kubectl fiddler-kong").stdout

    assert "fiddler-kong" in script
    assert "kubectl" not in script
    assert (script[0], script[-1], script[-2]) != ("\n", "\n", "\n")


def test_bash_understands_its_script() -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout

    done = subprocess.run([bash, "-c", f"{script}\ncomplete -p fiddler-kong"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("complete ")


def test_the_help_has_one_line_for_each_shell() -> None:
    lines = [line.strip() for line in CliRunner().invoke(main, ["completion", "--help"]).stdout.splitlines()]

    assert "bash:  source <(fiddler-kong completion bash)" in lines
    assert "fish:  fiddler-kong completion fish | source" in lines
    assert not [line for line in lines if line.startswith(("\\b", "\b"))]


def test_without_a_shell_it_says_which_there_are() -> None:
    result = CliRunner().invoke(main, ["completion"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert "bash" in result.stderr


def test_flags_and_their_choices_are_completed() -> None:
    assert completed("fiddler-kong run --log-f", 2) == ["--log-format"]
    assert completed("fiddler-kong run --log-format j", 3) == ["json"]


def test_shells_are_completed() -> None:
    assert completed("fiddler-kong completion ", 2) == ["bash", "zsh", "fish"]
