from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any, Final

import click.testing
import pytest
import yaml
from click.testing import CliRunner

from fiddler_kong_operator import names
from fiddler_kong_operator.cli import main
from fiddler_kong_operator.errors import Gone, Refused, Transient
from fiddler_kong_operator.kube.field_ownership import created_by
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.kube.overlay import Overlay
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.reconcile.rehearsal import Rehearsal
from tests.unit.observe.objects import ATTACHED, EXPOSED, GATEWAY, LLM, at, binding, deployment, family, key, plugin, secret, service, spec
from tests.unit.runtime.apis import WatchableCluster

OTHER_KEY: Final = {"secretRef": {"name": "other", "key": "api-key"}}
GRANT: Final = {names.GRANT_ANNOTATION: "ai"}
KEYS: Final = (secret("fiddler", value=b"canary-fiddler-key"), secret("openai", value=b"canary-provider-key"))


def gateway(*env: Manifest, **metadata: Any) -> Manifest:
    return created_by("helm", deployment(1, *env, **{"annotations": GRANT, **metadata}))


def cluster_of(*objects: Manifest) -> WatchableCluster:
    """A cluster with a gateway and the keys besides these."""
    present = {key(raw): raw for raw in (gateway(), *KEYS, *objects)}
    return WatchableCluster(*present.values())


def plan(cluster: WatchableCluster, *args: str, given: str | None = None) -> click.testing.Result:
    """Run it in namespace `ai`; nothing is ever written, and no key shown."""
    result = CliRunner().invoke(main, ["plan", "-n", "ai", *args], input=given, obj=cluster)
    assert cluster.writes == []
    assert "canary" not in result.output
    assert not [value for raw in KEYS for value in raw["data"].values() if value in result.output]
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def planned(cluster: WatchableCluster, *manifests: Manifest) -> click.testing.Result:
    return plan(cluster, "-f", "-", given=yaml.safe_dump_all(manifests))


def carried_out(cluster: WatchableCluster) -> WatchableCluster:
    """The cluster after the operator has done its work."""

    async def work() -> list[Manifest]:
        overlay = Overlay(cluster)
        survey = await Survey.take(overlay)
        assert await Rehearsal(overlay, survey.cache, STRICT, pytest.fail).reconcile(survey.cache.keys(BINDING)) == []
        changed = {change.key: change.after for change in overlay.changes()}
        return [at(raw, 2) for raw in {**cluster.objects, **changed}.values() if raw]

    return WatchableCluster(*asyncio.run(work()))


def touched(result: click.testing.Result) -> list[str]:
    """The objects of the diff: `+Kind ns/name` for a new one, `-` for one that goes, `~` for a changed one."""
    lines = result.stdout.splitlines()
    sides = [(line, lines[at + 1]) for at, line in enumerate(lines) if line.startswith("--- ") and lines[at + 1].startswith("+++ ")]
    return [_mark(old, new) for old, new in sides]


def _mark(old: str, new: str) -> str:
    if new == "+++ /dev/null":
        return f"-{old.partition('/')[2]}"
    return f"{'+' if old == '--- /dev/null' else '~'}{new.partition('/')[2]}"


def changed_lines(result: click.testing.Result) -> list[str]:
    """The lines of the diff that differ, without the headers."""
    return [line for line in result.stdout.splitlines() if line[:1] in {"+", "-"} and line[:4] not in {"--- ", "+++ "}]


def test_a_new_binding_shows_every_object_the_settings_and_the_restart() -> None:
    result = planned(cluster_of(), binding())

    assert touched(result) == [
        "~Deployment kong/gateway",
        "+Secret ai/assistant-kong-keys",
        "+KongPlugin ai/assistant-openai-ai-proxy",
        "+KongPlugin ai/assistant-opentelemetry",
        "+KongPlugin ai/assistant-pre-function",
        "+Service ai/assistant-openai",
        "+Ingress ai/assistant-openai",
    ]
    assert "+        - name: KONG_UNTRUSTED_LUA" in result.stdout
    assert "+    konghq.com/plugins: assistant-openai-ai-proxy,assistant-pre-function,assistant-opentelemetry" in result.stdout
    assert result.stderr == (
        "6 created, 1 changed\nDeployment kong/gateway: its pods are replaced, which restarts the gateway for all its users.\n"
    )
    assert result.exit_code == 1


def test_a_binding_with_several_models_is_planned() -> None:
    targets = [{**LLM}, {**LLM, "model": "gpt-4o"}]
    result = planned(cluster_of(), binding(spec_=spec({"name": "openai", "expose": {"path": "/openai"}, "llm": {"targets": targets}})))

    assert "+KongPlugin ai/assistant-openai-ai-proxy-advanced" in touched(result)
    assert (result.stderr.splitlines()[0], result.exit_code) == ("6 created, 1 changed", 1)


def test_nothing_would_change_once_the_operator_has_done_its_work() -> None:
    cluster = carried_out(cluster_of(binding()))

    for result in (planned(cluster, binding()), plan(cluster, "assistant"), plan(cluster), plan(cluster, "-A")):
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Nothing would change.\n")


def test_an_edited_file_shows_only_what_the_edit_changes() -> None:
    result = planned(carried_out(cluster_of(binding())), binding(spec_=spec(payloads="Captured")))

    assert changed_lines(result) == ["-    log_payloads: false", "+    log_payloads: true"]
    assert (result.stderr, result.exit_code) == ("1 changed\n", 1)


def test_an_object_of_a_file_concerns_only_the_bindings_that_depend_on_it() -> None:
    pending = binding("pending", spec_=spec({**EXPOSED, "expose": {"path": "/other"}, "llm": {**LLM, "auth": OTHER_KEY}}))
    cluster = carried_out(cluster_of(binding()))
    cluster.put(pending)

    result = planned(cluster, secret("openai", value=b"canary-rotated"))

    assert touched(result) == ["~Secret ai/assistant-kong-keys"]


def test_a_new_key_shows_that_it_changes_and_neither_value() -> None:
    rotated = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openai"}, "stringData": {"api-key": "canary-rotated"}}

    result = planned(carried_out(cluster_of(binding())), rotated)

    assert changed_lines(result) == ["-  ai-proxy.openai: <redacted>", "+  ai-proxy.openai: <redacted> (changes)"]
    assert base64.b64encode(b"canary-rotated").decode() not in result.output


def test_keys_that_a_person_has_put_into_the_operators_objects_are_taken_out_unseen() -> None:
    cluster = carried_out(cluster_of(binding()))
    for raw in cluster.objects.values():
        if raw["kind"] == "KongPlugin" and raw["plugin"] == "ai-proxy":
            raw["config"]["auth"]["header_value"] = "Bearer canary"
            raw["config"]["model"]["options"] = {"upstream_url": "https://canary"}
        if raw["kind"] == "Service":
            raw["metadata"]["annotations"] |= {"konghq.com/headers.authorization": "canary", "note": "canary"}
            raw["spec"]["externalIPs"] = ["canary"]

    result = plan(cluster)

    assert touched(result) == ["~KongPlugin ai/assistant-openai-ai-proxy", "~Service ai/assistant-openai"]
    assert {line for line in changed_lines(result) if "redacted" in line} == {
        "-    header_value: <redacted>",
        "-    options: <redacted>",
        "-    konghq.com/headers.authorization: <redacted>",
        "-  externalIPs: <redacted>",
    }


def test_an_object_of_others_shows_its_list_and_nothing_else() -> None:
    chat = service(plugins="rate-limit")
    chat["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "canary"

    result = planned(cluster_of(chat, plugin()), binding(spec_=spec(ATTACHED)))

    assert "~Service ai/chat" in touched(result)
    assert [line for line in changed_lines(result) if "rate-limit" in line] == [
        "-    konghq.com/plugins: rate-limit",
        "+    konghq.com/plugins: rate-limit,assistant-pre-function,assistant-opentelemetry",
    ]


def test_settings_of_the_gateway_show_and_no_other_variable() -> None:
    env = ({"name": "KONG_UNTRUSTED_LUA", "value": "canary"}, {"name": "KONG_PG_PASSWORD", "value": "canary"})
    wanted = binding(spec_=spec(gateway={"conflicts": "Override"}))

    result = planned(cluster_of(gateway(*env)), wanted)

    assert "-          value: <redacted>" in result.stdout
    assert "PG_PASSWORD" not in result.output
    assert result.exit_code == 1


def test_bindings_of_one_gateway_restart_it_once() -> None:
    other = binding("other", spec_=spec({**EXPOSED, "expose": {"path": "/other"}}))

    result = planned(cluster_of(), binding(), other)

    assert touched(result).count("~Deployment kong/gateway") == 1
    assert "12 created, 1 changed" in result.stderr


def test_objects_that_come_with_a_binding_are_taken_for_applied(tmp_path: Path) -> None:
    parts = {"a.yaml": binding(spec_=spec(ATTACHED)), "b.yml": service(), "c.json": gateway(), "d.yaml": KEYS[0], "e.yaml": KEYS[1]}
    for name, raw in parts.items():
        (tmp_path / name).write_text(yaml.safe_dump(raw))
    (tmp_path / "notes.txt").write_text("no YAML: [")

    result = plan(WatchableCluster(), "-f", str(tmp_path))

    assert "~Service ai/chat" in touched(result)
    assert "GatewayNotFound" not in result.output


@pytest.mark.parametrize("route", [EXPOSED, ATTACHED])
def test_a_deletion_gives_everything_back(route: Manifest) -> None:
    cluster = carried_out(
        cluster_of(binding(spec_=spec(route, gateway={"conflicts": "Override"})), service(plugins="rate-limit"), plugin())
    )

    result = plan(cluster, "--delete", "assistant")

    made = [str(found) for found in cluster.objects if found.name.startswith("assistant-")]
    assert sorted(line[1:] for line in touched(result) if line[0] == "-" and "Binding" not in line) == sorted(made)
    assert "-        - name: KONG_UNTRUSTED_LUA" in result.stdout
    assert ("+    konghq.com/plugins: rate-limit" in result.stdout) == (route == ATTACHED)
    assert "restarts the gateway" in result.stderr
    assert result.exit_code == 1


def test_a_deletion_restores_the_settings_that_were_there() -> None:
    env = {"name": "KONG_TRACING_SAMPLING_RATE", "value": "0.5"}
    cluster = carried_out(cluster_of(gateway(env), binding(spec_=spec(gateway={"conflicts": "Override"}))))

    result = plan(cluster, "--delete", "assistant")

    assert "+          value: '0.5'" in result.stdout


@pytest.mark.parametrize("kind", ["DataPlane", "GatewayConfiguration"])
def test_gateways_of_kong_operator_are_planned_on_what_a_person_writes(kind: str) -> None:
    target = {"targetRef": {"kind": kind, "name": GATEWAY.name, "namespace": GATEWAY.namespace}}

    result = planned(cluster_of(*family(kind, annotations=GRANT)), binding(spec_=spec(gateway=target)))

    assert f"~{kind} kong/gateway" in touched(result), result.output
    assert result.exit_code == 1, result.output


def test_a_binding_that_would_be_refused_says_why() -> None:
    result = planned(cluster_of(gateway(annotations={})), binding())

    assert "GatewayNotGranted: Deployment kong/gateway" in result.stderr
    assert "NotEvaluated" not in result.stderr
    assert (result.stdout, result.exit_code) == ("", 2)


def test_a_name_that_another_owner_has_is_told_and_the_rest_is_shown() -> None:
    result = planned(cluster_of(service("assistant-openai")), binding())

    assert "NameTaken" in result.stderr
    assert "+Secret ai/assistant-kong-keys" in touched(result)
    assert result.exit_code == 2


def test_a_faulty_binding_of_a_file_is_told_and_the_others_are_planned() -> None:
    faulty = binding("faulty", spec_={**spec(), "payload": "Captured"})

    result = planned(cluster_of(), faulty, binding(), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})

    assert "FiddlerKongBinding ai/faulty: InvalidSpec: spec.payload is not a field; did you mean payloads?" in result.stderr
    assert "Ignored: ConfigMap." in result.stderr
    assert "+Secret ai/assistant-kong-keys" in touched(result)
    assert result.exit_code == 2


def test_an_object_of_a_file_that_no_server_would_take_is_left_out() -> None:
    malformed = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": "canary"}

    result = planned(cluster_of(), malformed, binding())

    assert "Left out: Deployment ai/x is malformed." in result.stderr
    assert "+Secret ai/assistant-kong-keys" in touched(result)
    assert result.exit_code == 2


def test_what_a_user_may_not_read_is_told_and_the_rest_is_shown() -> None:
    cluster = cluster_of()
    cluster.errors["Secret"] = [Refused("list Secret: forbidden", 403)]
    for place in ("Secret in ai", "Secret in kong"):
        cluster.errors[place] = [Refused("list Secret: forbidden", 403)]

    result = planned(cluster, binding())

    assert "Secret in ai cannot be listed: list Secret: forbidden." in result.stderr
    assert result.exit_code == 2


def test_a_cluster_without_the_definition_gets_a_plan_and_a_hint() -> None:
    cluster = cluster_of()
    cluster.errors["FiddlerKongBinding"] = [Gone("list FiddlerKongBinding: not found")]

    result = planned(cluster, binding())

    assert "The cluster does not know FiddlerKongBinding: install its definition first." in result.stderr
    assert (len(touched(result)), result.exit_code) == (7, 1)


def test_a_cluster_that_does_not_answer_ends_in_a_sentence() -> None:
    cluster = cluster_of()
    cluster.errors["FiddlerKongBinding"] = [Transient("list FiddlerKongBinding: no answer from the API server")]

    result = planned(cluster, binding())

    assert (result.stderr, result.exit_code) == ("Error: list FiddlerKongBinding: no answer from the API server\n", 2)


def marked(name: str, installation: str) -> Manifest:
    """A binding that an installation of the operator serves."""
    made = binding(name, spec_=spec({**EXPOSED, "expose": {"path": f"/{name}"}}))
    return {**made, "status": {"installation": installation}}


@pytest.mark.parametrize("named", [["assistant"], ["other"], []])
def test_a_gateway_that_bindings_of_two_installations_share_is_planned(named: list[str]) -> None:
    result = plan(cluster_of(marked("assistant", "a"), marked("other", "b")), *named)

    assert "~Deployment kong/gateway" in touched(result)
    assert result.exit_code == 1


def test_a_gateway_of_a_file_that_no_server_would_take_is_the_one_of_the_cluster() -> None:
    odd = gateway()
    odd["spec"]["template"] = ["canary"]

    result = planned(cluster_of(), odd, binding())

    assert "Left out: Deployment kong/gateway is malformed." in result.stderr
    assert (touched(result)[0], result.exit_code) == ("~Deployment kong/gateway", 2)


def test_a_part_of_no_valid_form_that_only_a_write_meets_ends_in_a_sentence() -> None:
    result = planned(cluster_of(), gateway({"value": "canary"}), binding())

    assert "Deployment kong/gateway" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("part", ["metadata", "spec", "data"])
def test_an_object_of_a_file_with_parts_of_no_valid_form_is_left_out(part: str) -> None:
    odd = service("chat")
    odd |= {"metadata": {**odd["metadata"], "annotations": ["x"]}} if part == "metadata" else {part: ["x"]}

    result = planned(cluster_of(), odd, binding(spec_=spec(ATTACHED)))

    assert "Left out: Service ai/chat is malformed." in result.stderr
    assert result.exit_code == 2


def test_a_binding_that_is_not_there_is_named() -> None:
    result = plan(cluster_of(), "assistant", "--delete")

    assert "FiddlerKongBinding ai/assistant does not exist, or may not be read." in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("args", "given", "message"),
    [
        (["assistant", "-f", "-"], "", "Give either -f FILE, or names of bindings"),
        (["--delete"], "", "--delete needs the names of bindings."),
        (["-f", "-"], "a: [", "standard input: line 1, column 5: this is not YAML"),
        (["-f", "-"], "", "nothing in there concerns the operator"),
        (["-f", "/no/such/file"], "", "/no/such/file cannot be read: No such file or directory."),
        (["-f", "."], "", "holds no file that ends in .json, .yaml, .yml."),
        (["-f", "x" * 5000], "", "cannot be read: File name too long."),
        (["../x"], "", "'../x' cannot be the name of an object in Kubernetes."),
    ],
)
def test_wrong_use_ends_in_a_sentence(args: list[str], given: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = plan(WatchableCluster(), *args, given=given)

    assert message in result.stderr
    assert result.exit_code == 2
