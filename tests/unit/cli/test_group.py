from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from fiddler_kong_operator import __version__
from fiddler_kong_operator.cli import main
from fiddler_kong_operator.cli.group import COMMANDS
from fiddler_kong_operator.cli.options import read_settings, settings_options
from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.settings import ProbeSettings, Settings
from tests.unit.write.fake_cluster import FakeCluster

ROOT = Path(__file__).resolve().parents[3]


def settings_of(*args: str, env: dict[str, str] | None = None) -> Settings:
    """The settings that these arguments would run the operator with."""
    found: list[Settings] = []

    @click.command()
    @settings_options
    def command(**values: object) -> None:
        found.append(read_settings(values))

    result = CliRunner().invoke(command, args, env=env)
    assert result.exit_code == 0, result.output
    return found[0]


@pytest.mark.parametrize(("started_as", "shown"), [("fiddler-kong", "fiddler-kong"), ("kubectl-fiddler_kong", "kubectl fiddler-kong")])
def test_the_version_under_the_name_the_user_typed(started_as: str, shown: str) -> None:
    code = f"import sys; sys.argv = ['/usr/bin/{started_as}', '--version']; from fiddler_kong_operator.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{shown} {__version__}\n", "")


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(main, ["-h"])
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f"  {command} " in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (FiddlerKongError("list Secret: forbidden\x1b[2J"), 2, "Error: list Secret: forbidden [2J\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
    ],
    ids=["an error of the cluster", "ctrl-c"],
)
def test_whatever_ends_a_command_ends_it_in_a_sentence(raised: BaseException, code: int, said: str) -> None:
    class Interrupted(FakeCluster):
        def list_pages(self, *_: object) -> NoReturn:
            raise raised

    result = CliRunner().invoke(main, ["plan", "-n", "ai"], obj=Interrupted())

    assert (result.exit_code, result.stdout, result.stderr) == (code, "", said)


@pytest.fixture
def without_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """The import of the sink's package fails as it does where the package is not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "fiddler_kong_sink"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not (Path(entry) / "fiddler_kong_sink").exists()])


@pytest.mark.usefixtures("without_sink")
@pytest.mark.parametrize("args", [[], ["--help"], ["--port", "0", "--api-key", "k"]])
def test_where_the_sink_is_not_installed_it_says_what_to_install(args: list[str]) -> None:
    result = CliRunner().invoke(main, ["sink", *args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: The sink is a package of its own; install it with: pip install 'fiddler-kong-operator[sink]'\n"


@pytest.mark.usefixtures("without_sink")
def test_help_names_the_sink_where_it_is_not_installed() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "  sink " in result.stdout
    assert "(not installed)" in result.stdout


def test_an_unknown_command_is_a_usage_error_with_a_hint() -> None:
    result = CliRunner().invoke(main, ["rendr"])
    assert result.exit_code == 2
    assert (result.stdout, "No such command 'rendr'" in result.stderr) == ("", True)


def test_the_version_loads_no_heavy_library() -> None:
    code = (
        "import sys\nfrom fiddler_kong_operator.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'kopf', 'kubernetes', 'aiohttp', 'pydantic', 'google.protobuf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_program(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "_FIDDLER_KONG_COMPLETE" in result.stdout


def test_completion_completes_commands() -> None:
    env = {"_FIDDLER_KONG_COMPLETE": "bash_complete", "COMP_WORDS": "fiddler-kong re", "COMP_CWORD": "1"}
    result = CliRunner().invoke(main, prog_name="fiddler-kong", env=env)
    assert result.stdout == "plain,render\n"


def test_completion_of_an_unknown_shell_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["completion", "csh"]).exit_code == 2


def test_without_flags_the_settings_are_the_defaults() -> None:
    assert settings_of() == Settings()


def test_every_setting_has_a_flag_with_its_description() -> None:
    text = CliRunner().invoke(main, ["run", "--help"], terminal_width=300).stdout
    kinds = {name: info.annotation for name, info in Settings.model_fields.items()}
    groups = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}
    flags = [name for name in Settings.model_fields if name not in groups]
    flags += [f"{group}_{name}" for group, model in groups.items() for name in model.model_fields]
    for flag in flags:
        assert f"--{flag.replace('_', '-')}" in text
        assert f"FIDDLER_KONG_{flag.upper()}" in text
    models: tuple[type[BaseModel], ...] = (Settings, *groups.values())
    descriptions = [info.description for model in models for name, info in model.model_fields.items() if name not in groups]
    assert all(descriptions)


def test_flags_become_settings() -> None:
    settings = settings_of(
        "--namespaces", "a,b", "--namespaces", "c", "--workers", "3", "--log-format", "json", "--lease-namespace", "ops",
        "--probe-allow-http", "--probe-allowed-addresses", "127.0.0.0/8 ::1/128", "--probe-timeout", "2.5",
    )  # fmt: skip
    assert settings == Settings(
        namespaces=("a", "b", "c"),
        workers=3,
        log_format="json",
        lease_namespace="ops",
        probe=ProbeSettings(allow_http=True, allowed_addresses=("127.0.0.0/8", "::1/128"), timeout=2.5),
    )


def test_environment_variables_become_settings_and_flags_precede_them() -> None:
    env = {
        "FIDDLER_KONG_NAMESPACES": "a, b c",
        "FIDDLER_KONG_WORKERS": "5",
        "FIDDLER_KONG_PROBE_ALLOW_HTTP": "true",
        "FIDDLER_KONG_LOG_LEVEL": "debug",
    }
    settings = settings_of("--log-level", "error", env=env)
    assert settings == Settings(namespaces=("a", "b", "c"), workers=5, log_level="error", probe=ProbeSettings(allow_http=True))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--workers", "0"], "--workers"),
        (["--workers", "many"], "--workers"),
        (["--probe-timeout", "61"], "--probe-timeout"),
        (["--log-format", "xml"], "--log-format"),
        (["--probe-allowed-addresses", "everything"], "must be a network"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_value_out_of_bounds_is_a_usage_error_that_names_the_flag(args: list[str], words: str) -> None:
    result = CliRunner().invoke(main, ["run", *args])
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    "arguments", [["run", "--help"], ["completion", "bash"], ["render", "BINDINGS"]], ids=["help", "completion", "render"]
)
def test_it_ends_quietly_when_nobody_reads_its_output(arguments: list[str], tmp_path: Path) -> None:
    binding = (ROOT / "tests/golden/quickstart/binding.yaml").read_text()
    many = tmp_path / "bindings.yaml"
    many.write_text("---\n".join(binding.replace("name: assistant", f"name: assistant-{n}") for n in range(50)))
    command = [sys.executable, "-m", "fiddler_kong_operator", *(str(many) if a == "BINDINGS" else a for a in arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert [word for word in ("Traceback", "Broken pipe", "BrokenPipe") if word in said] == []
