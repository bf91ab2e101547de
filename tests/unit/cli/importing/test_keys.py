"""Keys go into the secrets file, for its owner only, and nowhere else."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main
from tests.unit.cli.importing.command import run_import
from tests.unit.cli.importing.kong_files import FIDDLER_KEY, PROVIDER_KEY, Json, ai_proxy, kong_file, opentelemetry, page, plugin, service


def run(file: Json, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["import", *arguments, "-"], input=json.dumps(file))


def test_the_secrets_file_has_every_key_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"

    result = run(page(), "--secrets-file", str(path), "-n", "ai")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = {s["metadata"]["name"]: (s["metadata"]["namespace"], s["stringData"]) for s in yaml.safe_load_all(path.read_text())}
    assert secrets == {"kong-fiddler": ("ai", {"api-key": FIDDLER_KEY}), "kong-openai": ("ai", {"api-key": PROVIDER_KEY})}
    assert f"2 keys are in {path}" in result.stderr


def test_the_binding_refers_to_what_the_secrets_file_has() -> None:
    outcome = run_import(page())

    refs = [outcome.spec["fiddler"]["apiKeySecretRef"], outcome.spec["routes"][0]["llm"]["auth"]["secretRef"]]
    assert [outcome.keys[ref["name"], ref["key"]] for ref in refs] == [FIDDLER_KEY, PROVIDER_KEY]


def test_equal_keys_are_one_secret_and_others_are_not() -> None:
    other = ai_proxy(auth={"header_name": "Authorization", "header_value": "Bearer canary-another-0123456789"})
    services = [service("a"), service("b"), service("c", plugins=[plugin("ai-proxy", other)])]

    outcome = run_import(kong_file(services, [plugin("ai-proxy", ai_proxy()), plugin("opentelemetry", opentelemetry())]))

    names = [route["llm"]["auth"]["secretRef"]["name"] for route in outcome.spec["routes"]]
    assert names == ["kong-openai", "kong-openai", "kong-openai-2"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("mine")

    result = run(page(), "--secrets-file", str(path))

    assert (result.exit_code, result.stdout, path.read_text()) == (2, "", "mine")
    assert "Choose another --secrets-file, or overwrite an ordinary file with --force." in result.stderr


def test_force_overwrites_it_and_takes_it_from_all_others(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("mine")
    path.chmod(0o644)

    assert run(page(), "--secrets-file", str(path), "--force").exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FIDDLER_KEY in path.read_text()


@pytest.mark.parametrize("force", [True, False])
def test_keys_never_go_through_a_link(tmp_path: Path, *, force: bool) -> None:
    other, link = tmp_path / "other", tmp_path / "link"
    other.write_text("mine")
    link.symlink_to(other)

    result = run(page(), "--secrets-file", str(link), *(["--force"] if force else []))

    assert (result.exit_code, other.read_text(), link.is_symlink()) == (2, "mine", True)


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_keys_never_go_to_standard_output(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = run(page(), "--secrets-file", name, "--force")

    assert result.exit_code == 2
    assert FIDDLER_KEY not in result.output


def test_a_folder_that_does_not_exist_is_said(tmp_path: Path) -> None:
    result = run(page(), "--secrets-file", str(tmp_path / "no" / "keys.yaml"))

    assert result.exit_code == 2
    assert "cannot be written: No such file or directory." in result.stderr


def test_without_keys_there_is_no_secrets_file(tmp_path: Path) -> None:
    run({"_format_version": "3.0"}, "--secrets-file", str(tmp_path / "keys.yaml"))

    assert list(tmp_path.iterdir()) == []


PLACES = [
    ("the name of a service", lambda file: file["services"][0].update(name=PROVIDER_KEY)),
    ("the name of a route", lambda file: file["services"][0]["routes"][0].update(name=PROVIDER_KEY)),
    ("a path", lambda file: file["services"][0]["routes"][0].update(paths=[f"/{PROVIDER_KEY}"])),
    ("a host", lambda file: file["services"][0]["routes"][0].update(hosts=[FIDDLER_KEY])),
    ("a field's name", lambda file: file["services"][0].update({PROVIDER_KEY: 1})),
    ("a top-level field", lambda file: file.update({PROVIDER_KEY: [1]})),
    ("a plugin's type", lambda file: file["plugins"].append({"name": PROVIDER_KEY})),
    ("a model", lambda file: file["plugins"][0]["config"]["model"].update(name=PROVIDER_KEY)),
    ("an option", lambda file: file["plugins"][0]["config"]["model"]["options"].update(upstream_path=PROVIDER_KEY)),
    ("a URL", lambda file: file["plugins"][0]["config"]["model"]["options"].update(upstream_url=f"https://a.example/v1/{PROVIDER_KEY}")),
    ("a header's name", lambda file: file["plugins"][0]["config"]["auth"].update(header_name=PROVIDER_KEY)),
    ("a header", lambda file: file["plugins"][2]["config"]["headers"].update({"X-Key": PROVIDER_KEY})),
    ("an attribute", lambda file: file["plugins"][2]["config"]["resource_attributes"].update(team=PROVIDER_KEY)),
    ("the name of an object", lambda file: file["plugins"][2]["config"].update({PROVIDER_KEY: {"a": {"b": 1}}})),
    ("an attribute's name", lambda file: file["plugins"][2]["config"]["resource_attributes"].update({PROVIDER_KEY: "a"})),
    ("the endpoint", lambda file: file["plugins"][2]["config"].update(traces_endpoint=f"https://{PROVIDER_KEY}@acme.fiddler.ai/v1/traces")),
    ("the application's id", lambda file: file["plugins"][2]["config"]["headers"].update({"fiddler-application-id": PROVIDER_KEY})),
    ("Lua", lambda file: file["plugins"][1]["config"].update(access=[f"-- {PROVIDER_KEY}"])),
    ("a tag", lambda file: file["services"][0].update(tags=[PROVIDER_KEY])),
    ("a number's place", lambda file: file["services"][0].update(read_timeout=PROVIDER_KEY)),
    ("the version", lambda file: file.update(_format_version=PROVIDER_KEY)),
]


@pytest.mark.parametrize("place", [place for _, place in PLACES], ids=[name for name, _ in PLACES])
def test_a_key_in_an_odd_place_does_not_show(place: object) -> None:
    file = page()
    assert callable(place)
    place(file)

    run_import(file)  # refuses to find a key in what is printed


def test_a_key_that_only_another_field_gives_away_is_not_printed() -> None:
    file = page()
    file["plugins"][2]["config"]["resource_attributes"]["team"] = "canaryonly"
    file["consumers"] = [{"username": "a", "keyauth_credentials": [{"key": "canaryonly"}]}]

    outcome = run_import(file)

    assert "canaryonly" not in outcome.stdout + outcome.stderr
    assert "is not printed, because a key of the file stands in another field too" in outcome.stderr
    assert (outcome.code, outcome.bindings, outcome.secrets) == (1, [], [])


def test_the_file_to_import_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "kong.yaml"
    file.write_text(json.dumps(page()))

    result = CliRunner().invoke(main, ["import", str(file), "--secrets-file", str(file), "--force"])

    assert result.exit_code == 2
    assert "is the file to import" in result.stderr
    assert json.loads(file.read_text()) == page()
