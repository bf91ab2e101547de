from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main
from tests.unit.cli.test_render import BINDING, CANARY, binding, secret

GATEWAY: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "kong-gateway",
        "namespace": "kong",
        "annotations": {"integrations.fiddler.ai/allow-bindings-from": "ai"},
    },
    "spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "kong/kong-gateway:3.13.0.7"}]}}},
}
ARGUMENTS = ["doctor", "--filename"]


def write(folder: Path, *manifests: Any) -> Path:
    file = folder / "objects.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    return file


def doctor(folder: Path, *manifests: Any, options: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(main, [*ARGUMENTS, str(write(folder, *manifests)), *options])


def found(result: Result) -> set[str]:
    """The names of the codes in the JSON output, without notices."""
    checks = json.loads(result.stdout)["checks"]
    return {entry["name"] for check in checks for entry in check["diagnoses"] if entry["severity"] != "notice"}


def test_files_in_order_have_no_fault(tmp_path: Path) -> None:
    result = doctor(tmp_path, BINDING, secret("fiddler"), secret("openai"), GATEWAY)

    assert result.exit_code == 0, result.output
    assert "Nothing wrong was found." in result.output


OWN_IMAGE = json.loads(json.dumps(GATEWAY).replace("kong/kong-gateway:3.13.0.7", "registry.example.net/edge/ai-gateway:1.4.2"))
OLD_KONG = json.loads(json.dumps(GATEWAY).replace("3.13.0.7", "3.9.0.1"))
NO_GRANT = {**GATEWAY, "metadata": {"name": "kong-gateway", "namespace": "kong"}}
DOUBLED = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "chat", "namespace": "ai", "annotations": {"konghq.com/plugins": "limits,limits"}},
}
LIMITS = {
    "apiVersion": "configuration.konghq.com/v1",
    "kind": "KongPlugin",
    "metadata": {"name": "limits", "namespace": "ai"},
    "plugin": "rate-limiting",
}


@pytest.mark.parametrize(
    ("manifests", "name"),
    [
        ([binding(spec__fiddler__applicationId="not-a-uuid")], "InvalidSpec"),
        ([binding(spec__fiddler__url="http://acme.example")], "EndpointRefused"),
        ([BINDING, {**secret("fiddler"), "data": {}, "stringData": {"other": CANARY}}], "SecretKeyNotFound"),
        ([BINDING, secret("fiddler", "${FIDDLER_API_KEY}")], "SecretValuePlaceholder"),
        ([BINDING, secret("fiddler", f"Bearer {CANARY}")], "SecretValuePrefixed"),
        ([BINDING, NO_GRANT], "GatewayNotGranted"),
        ([BINDING, OLD_KONG], "GatewayVersionUnsupported"),
        ([BINDING, OWN_IMAGE], "GatewayVersionUnknown"),
        ([binding(spec__gateway__container="kong"), GATEWAY], "GatewayContainerNotFound"),
        ([binding(spec__suspend=True)], "Suspended"),
        ([BINDING, DOUBLED, LIMITS], "GatewayFrozen"),
    ],
)
def test_each_fault_of_the_files_is_named_before_they_are_applied(tmp_path: Path, manifests: list[Any], name: str) -> None:
    result = doctor(tmp_path, *manifests, options=("--output=json", "--failure-threshold=warning"))

    assert found(result) >= {name}
    assert result.exit_code == 1
    assert CANARY not in result.output


def test_a_gateway_that_lacks_only_the_settings_is_fine_and_what_will_be_set_is_said(tmp_path: Path) -> None:
    result = doctor(tmp_path, BINDING, secret("fiddler"), secret("openai"), GATEWAY)

    line = next(row for row in result.output.splitlines() if "Gateway  " in row)
    assert line.strip().startswith("✓ Gateway              About to set on Deployment kong/kong-gateway: KONG_TRACING")
    assert "Deployment kong/kong-gateway runs Kong 3.13.0.7 with the needed settings" in line
    assert "Pods of the gateway  not looked at: there is no cluster" in result.output


def test_plugins_of_a_refused_binding_are_not_said_to_be_applied(tmp_path: Path) -> None:
    result = doctor(tmp_path, binding(spec__fiddler__url="http://acme.example"))

    assert "Nothing is changed while the binding is not accepted" in result.output
    assert "would apply the plugins" not in result.output


def test_a_gateway_that_the_files_do_not_have_is_no_reason_to_change_nothing(tmp_path: Path) -> None:
    result = doctor(tmp_path, BINDING, secret("fiddler"), secret("openai"))

    assert "The operator would apply the plugins." in result.output
    assert "not looked at: the files do not have Deployment kong/kong-gateway" in result.output


def test_a_fault_has_a_code_a_cause_a_fix_and_a_page(tmp_path: Path) -> None:
    result = doctor(tmp_path, BINDING, secret("fiddler", "${FIDDLER_API_KEY}"))

    line, cause, fix, page = (row.strip() for row in result.output.split("✗ Secrets")[1].splitlines()[:4])
    assert line == "FKB0705 A referenced value is still a placeholder such as ${FIDDLER_API_KEY}."
    assert cause.startswith("Cause: ")
    assert fix == "Fix:  Replace it with the real key."
    assert page == "See:  docs/reference/diagnoses.md#fkb0705"


def test_a_terminal_that_knows_only_ascii_gets_ascii(tmp_path: Path) -> None:
    file = write(tmp_path, BINDING, secret("fiddler", "${FIDDLER_API_KEY}"))

    result = CliRunner(charset="ascii").invoke(main, [*ARGUMENTS, str(file)])

    assert "x Secrets" in result.output
    assert result.output.isascii()


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    arguments = [*ARGUMENTS, str(write(tmp_path, BINDING))]

    assert "\x1b[" not in CliRunner().invoke(main, arguments).output
    assert "\x1b[32m" in CliRunner().invoke(main, arguments, color=True).output


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps(secret("fiddler", "Bearer key")))
    (tmp_path / "notes.txt").write_text("no object")
    write(tmp_path, BINDING)

    result = CliRunner().invoke(main, [*ARGUMENTS, str(tmp_path), "--output=json"])

    assert found(result) == {"SecretValuePrefixed"}


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    as_json, as_yaml = (doctor(tmp_path, BINDING, options=(f"--output={form}",)).stdout for form in ("json", "yaml"))

    assert yaml.safe_load(as_yaml) == json.loads(as_json)


def test_the_schema_is_stable(tmp_path: Path) -> None:
    document = json.loads(doctor(tmp_path, binding(spec__suspend=True), options=("--output=json",)).stdout)

    assert list(document) == ["states", "checks"]
    assert {tuple(check) for check in document["checks"]} == {("area", "check", "binding", "state", "message", "diagnoses")}
    entries = [entry for check in document["checks"] for entry in check["diagnoses"]]
    assert {tuple(entry) for entry in entries} == {("code", "name", "severity", "object", "cause", "fix", "page")}


@pytest.mark.parametrize(("threshold", "code"), [("warning", 1), ("error", 0)])
def test_a_warning_counts_only_below_its_threshold(tmp_path: Path, threshold: str, code: int) -> None:
    advised = json.loads(json.dumps(GATEWAY).replace("3.13.0.7", "3.13.0.0"))
    settings = [
        {"name": "KONG_TRACING_INSTRUMENTATIONS", "value": "all"},
        {"name": "KONG_TRACING_SAMPLING_RATE", "value": "1.0"},
        {"name": "KONG_UNTRUSTED_LUA", "value": "on"},
    ]
    advised["spec"]["template"]["spec"]["containers"][0]["env"] = settings

    result = doctor(tmp_path, BINDING, advised, options=(f"--failure-threshold={threshold}",))

    assert result.exit_code == code, result.output


@pytest.mark.parametrize("content", ["", "- no object", "a: [", "kind: Secret\nmetadata: {name: fiddler}\n"])
def test_a_file_without_a_binding_is_a_wrong_command(tmp_path: Path, content: str) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(content)

    result = CliRunner().invoke(main, [*ARGUMENTS, str(file)])

    assert result.exit_code == 2
    assert "Error: " in result.output


def test_characters_that_control_a_terminal_are_not_printed(tmp_path: Path) -> None:
    result = doctor(tmp_path, binding(spec__gateway__targetRef__name="kong\x1b[31m"))

    assert "\x1b" not in result.output


def test_a_cluster_that_does_not_answer_could_not_be_looked_at(tmp_path: Path) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "a", "user": {}}],
    }
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))

    result = CliRunner().invoke(main, ["doctor", "--kubeconfig", str(file)])

    assert result.exit_code == 2
    assert "no answer from the API server" in result.output


@pytest.mark.parametrize("route", ["ai/", "/"])
def test_a_route_needs_a_name(route: str) -> None:
    result = CliRunner().invoke(main, ["doctor", "--route", route])

    assert result.exit_code == 2
    assert "--route must be NAMESPACE/NAME, or NAME." in result.output


def test_the_files_may_come_by_standard_input() -> None:
    text = yaml.safe_dump_all([BINDING, secret("fiddler"), secret("openai"), GATEWAY])

    result = CliRunner().invoke(main, [*ARGUMENTS, "-"], input=text)

    assert result.exit_code == 0, result.output


def test_a_name_in_a_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    result = doctor(tmp_path, {**BINDING, "metadata": {"name": "a\x1b]0;owned\x07"}})

    assert "Binding default/a ]0;owned" in result.stdout
    assert "\x1b]" not in result.output


@pytest.mark.parametrize(("kind", "field"), [("KongPlugin", "plugin"), ("KongPlugin", "metadata"), ("KongClusterPlugin", "disabled")])
def test_an_object_of_no_valid_form_is_named(tmp_path: Path, kind: str, field: str) -> None:
    odd = {"kind": kind, "metadata": {"name": "odd"}, "plugin": "ai-proxy", field: ["x"]}

    result = doctor(tmp_path, BINDING, odd)

    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception


@pytest.mark.parametrize("other", [["--filename", "-"], ["--route", "ai/chat"]])
def test_the_gateway_is_not_asked_where_none_is_looked_at(other: list[str]) -> None:
    result = CliRunner().invoke(main, ["doctor", "--from-gateway", *other], input="")

    assert result.exit_code == 2
    assert "--from-gateway needs the gateway's pods" in result.output
