from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main

CANARY = "canary-VERY-secret-0123456789"

BINDING: dict[str, Any] = {
    "apiVersion": "integrations.fiddler.ai/v1alpha1",
    "kind": "FiddlerKongBinding",
    "metadata": {"name": "assistant", "namespace": "ai"},
    "spec": {
        "fiddler": {
            "url": "https://acme.fiddler.ai",
            "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
            "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
        },
        "gateway": {"targetRef": {"namespace": "kong", "name": "kong-gateway"}},
        "payloads": "Captured",
        "routes": [
            {
                "name": "openai",
                "expose": {"path": "/openai"},
                "llm": {
                    "provider": "openai",
                    "model": "gpt-4o-mini",
                    "options": {"maxTokens": 512, "temperature": 0.7},
                    "auth": {"secretRef": {"name": "openai", "key": "api-key"}},
                },
            }
        ],
    },
}


def binding(**changes: Any) -> dict[str, Any]:
    """The binding with some fields changed: `spec__routes__0__name="x"`; None removes a field."""
    copy: dict[str, Any] = json.loads(json.dumps(BINDING))
    for path, value in changes.items():
        *steps, last = path.split("__")
        place: Any = copy
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return copy


def secret(name: str, value: str = CANARY, **fields: Any) -> dict[str, Any]:
    data = {"api-key": base64.b64encode(value.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "ai"}, "data": data, **fields}


def service(plugins: str | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "llm", "namespace": "ai"}
    if plugins is not None:
        metadata["annotations"] = {"konghq.com/plugins": plugins}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata}


ATTACHED = {"spec__routes__0__expose": None, "spec__routes__0__attachTo": {"kind": "Service", "name": "llm"}}


def render(*documents: dict[str, Any] | str, args: tuple[str, ...] = ()) -> Result:
    """Render documents (or text) given on standard input; no key of theirs may show, whatever happens."""
    text = "\n---\n".join(d if isinstance(d, str) else yaml.safe_dump(d) for d in documents)
    result = CliRunner().invoke(main, ["render", *args, "-"], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    shown = result.output + result.stderr
    assert CANARY not in shown
    assert base64.b64encode(CANARY.encode()).decode() not in shown
    assert "Traceback" not in shown
    return result


def objects(result: Result) -> dict[tuple[str, str], dict[str, Any]]:
    return {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(result.stdout)}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_the_objects_stand_in_the_order_of_creation_with_keys_redacted() -> None:
    result = render(binding(), secret("fiddler"), secret("openai"))
    assert result.exit_code == 0
    assert list(objects(result)) == [
        ("Secret", "assistant-kong-keys"),
        ("KongPlugin", "assistant-openai-ai-proxy"),
        ("KongPlugin", "assistant-pre-function"),
        ("KongPlugin", "assistant-opentelemetry"),
        ("Service", "assistant-openai"),
        ("Ingress", "assistant-openai"),
    ]
    made = objects(result)
    assert set(made["Secret", "assistant-kong-keys"]["data"].values()) == {"<redacted>"}
    assert made["KongPlugin", "assistant-openai-ai-proxy"]["config"]["model"]["options"] == {"max_tokens": 512, "temperature": 0.7}
    assert {m["metadata"]["namespace"] for m in made.values()} == {"ai"}


def test_messages_go_to_standard_error_and_say_what_the_gateway_needs() -> None:
    result = render(binding(), secret("fiddler"), secret("openai"))
    assert "FiddlerKongBinding ai/assistant: Deployment kong/kong-gateway, container proxy, gets" in result.stderr
    assert "KONG_TRACING_INSTRUMENTATIONS=all" in result.stderr
    assert "integrations.fiddler.ai/allow-bindings-from: ai" in result.stderr
    assert "KONG_TRACING" not in result.stdout
    assert "\x1b" not in result.output + result.stderr


def test_a_gateway_that_is_only_verified_must_have_the_settings() -> None:
    result = render(binding(spec__gateway__management="Verify"))
    assert "must have the environment" in result.stderr


def test_a_route_on_a_gateway_is_rendered_as_an_http_route() -> None:
    result = render(binding(spec__routes__0__expose={"path": "/openai", "gatewayRef": {"namespace": "kong", "name": "kong"}}))
    printed = [raw for raw in yaml.safe_load_all(result.stdout) if raw["kind"] in ("Ingress", "HTTPRoute")]
    assert [(raw["kind"], raw["spec"]["parentRefs"][0]["name"]) for raw in printed] == [("HTTPRoute", "kong")]


def test_two_bindings_of_a_file_on_one_place_of_a_gateway_clash() -> None:
    place = {"spec__routes__0__expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}}
    result = render(binding(**place), binding(**place, metadata__name="second"))
    assert (result.exit_code, "HTTPRoute ai/second-openai of the same Gateway already serves" in result.stderr) == (1, True)


def test_what_is_to_be_added_to_an_http_route_by_hand_is_told() -> None:
    attached = {"spec__routes": [{"name": "split", "attachTo": {"kind": "HTTPRoute", "name": "split"}}]}
    result = render(binding(**attached, spec__gateway__management="Verify"))
    assert 'annotations: {konghq.com/plugins: "assistant-pre-function,assistant-opentelemetry"}' in result.stderr
    assert [raw["kind"] for raw in yaml.safe_load_all(result.stdout)] == ["Secret", "KongPlugin", "KongPlugin"]


def test_json_is_one_list() -> None:
    result = render(binding(), args=("-o", "json"))
    content = json.loads(result.stdout)
    assert (content["kind"], len(content["items"])) == ("List", 6)


def test_a_key_that_looks_encoded_twice_is_rendered_with_a_hint() -> None:
    result = render(binding(), secret("fiddler"), secret("openai", base64.b64encode(CANARY.encode()).decode()))

    assert result.exit_code == 0
    assert "the value of `api-key` in the Secret `openai` looks like the base64 encoding of a key" in result.stderr


def test_secrets_that_are_not_in_the_file_are_named_and_taken_to_exist() -> None:
    result = render(binding(), secret("openai"))
    assert result.exit_code == 0
    assert "Secret ai/fiddler is not in the file" in result.stderr
    assert "Secret ai/openai" not in result.stderr


def test_a_service_account_that_is_not_in_the_file_is_taken_to_be_one() -> None:
    vertex = {"projectId": "acme-1", "locationId": "global"}
    account = {"gcp": {"serviceAccountRef": {"name": "cloud", "key": "account.json"}}}
    llm = {"provider": "gemini", "model": "gemini-2.5-flash", "gemini": vertex, "auth": account}

    result = render(binding(spec__routes__0__llm=llm))

    assert (result.exit_code, "Secret ai/cloud is not in the file" in result.stderr) == (0, True)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (secret("fiddler", ""), "SecretValueEmpty"),
        (secret("fiddler", f"Bearer {CANARY}"), "SecretValuePrefixed"),
        (secret("fiddler", "${FIDDLER_API_KEY}"), "SecretValuePlaceholder"),
        (secret("fiddler", f"{CANARY}\n{CANARY}"), "SecretValueUnusable"),
        (secret("fiddler", data={"api-key": f"{CANARY}!"}), "SecretValueUnusable"),
        (secret("fiddler", data={"other": ""}), "SecretKeyNotFound"),
        (secret("fiddler", data=None, stringData={"api-key": "Bearer x"}), "SecretValuePrefixed"),
    ],
)
def test_an_unusable_key_is_refused(broken: dict[str, Any], reason: str) -> None:
    result = render(binding(), broken)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"FiddlerKongBinding ai/assistant: {reason}: " in result.stderr


def test_string_data_is_read_too_and_a_trailing_newline_does_no_harm() -> None:
    result = render(binding(), secret("fiddler", data=None, stringData={"api-key": f"{CANARY}\n"}), secret("openai", f"{CANARY}\n"))
    assert result.exit_code == 0


def test_kongs_file_is_that_of_the_integration_page_with_placeholders() -> None:
    result = render(binding(), secret("fiddler"), secret("openai"), args=("--format", "kong"))
    assert result.exit_code == 0
    content = yaml.safe_load(result.stdout)
    assert content["_format_version"] == "3.0"
    assert [plugin["name"] for plugin in content["plugins"]] == ["ai-proxy", "pre-function", "opentelemetry"]
    keys = {text for text in texts(content) if text.startswith("Bearer ")}
    assert keys == {"Bearer ${OPENAI_API_KEY}", "Bearer ${FIDDLER_API_KEY}"}
    assert "Replace ${FIDDLER_API_KEY}, ${OPENAI_API_KEY} by the real keys" in result.stderr
    assert content == json.loads(render(binding(), args=("--format", "kong", "-o", "json")).stdout)


@pytest.mark.parametrize("key", ["sk-1", "4711", '{"type": "service_account", "private_key": "-----BEGIN\\nKEY"}', "a: b #c"])
def test_any_key_in_place_of_a_placeholder_in_kongs_file_is_a_text(key: str) -> None:
    bare = {"secretRef": {"name": "openai", "key": "api-key"}, "headerName": "X-Key", "headerPrefix": ""}
    printed = render(binding(spec__routes__0__llm__auth=bare), args=("--format", "kong")).stdout
    filled = yaml.safe_load(printed.replace("${OPENAI_API_KEY}", key))
    assert filled["plugins"][0]["config"]["auth"]["header_value"] == key


def test_kongs_file_needs_no_keys() -> None:
    result = render(binding(), secret("fiddler", "${FIDDLER_API_KEY}"), args=("--format", "kong"))
    assert result.exit_code == 0
    assert "Secret" not in result.stderr


def test_a_certificate_that_kongs_file_leaves_out_is_named() -> None:
    expose = {"path": "/openai", "host": "llm.example.com", "tlsSecretName": "llm-tls"}
    result = render(binding(spec__routes__0__expose=expose), args=("--format", "kong"))
    assert result.exit_code == 0
    assert "spec.routes[0].expose.tlsSecretName is not in the file. Add the certificate for llm.example.com" in result.stderr
    assert "tlsSecretName" not in render(binding(), args=("--format", "kong")).stderr


def test_kongs_file_of_a_refused_binding_is_not_printed() -> None:
    result = render(binding(spec__suspend=True), args=("--format", "kong"))
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_url_in_clear_is_refused_unless_it_is_allowed() -> None:
    clear = binding(spec__fiddler__url="http://acme.example.com")

    refused = render(clear)
    assert (refused.exit_code, refused.stdout, "EndpointRefused" in refused.stderr) == (1, "", True)
    assert render(clear, args=("--probe-allow-http",)).exit_code == 0


def test_kongs_file_has_room_for_one_binding() -> None:
    two = (binding(), binding(metadata__name="other", spec__routes__0__expose={"path": "/other"}))
    result = render(*two, args=("--format", "kong"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--binding" in result.stderr
    assert render(*two, args=("--format", "kong", "--binding", "other")).exit_code == 0


def test_several_bindings_and_a_list() -> None:
    other = binding(metadata__name="other", spec__routes__0__expose={"path": "/other"})
    result = render({"apiVersion": "v1", "kind": "List", "items": [binding(), other]})
    assert result.exit_code == 0
    assert len(list(yaml.safe_load_all(result.stdout))) == 12


def test_two_bindings_on_one_path_clash() -> None:
    result = render(binding(), binding(metadata__name="other"))
    assert result.exit_code == 1
    assert "RouteClash" in result.stderr


def test_the_same_binding_twice_is_a_usage_error() -> None:
    assert render(binding(), binding()).exit_code == 2


def test_the_namespace_of_objects_that_name_none() -> None:
    plain = binding(metadata__namespace=None)
    assert {m["metadata"]["namespace"] for m in objects(render(plain)).values()} == {"default"}
    assert {m["metadata"]["namespace"] for m in objects(render(plain, args=("-n", "team"))).values()} == {"team"}


def test_an_attachment_keeps_what_is_on_the_list() -> None:
    known = {"kind": "KongPlugin", "metadata": {"name": "limit", "namespace": "ai"}, "plugin": "acl"}
    result = render(binding(**ATTACHED), service("limit"), known)
    assert result.exit_code == 0
    annotations = objects(result)["Service", "llm"]["metadata"]["annotations"]
    assert annotations["konghq.com/plugins"].startswith("limit,assistant-openai-ai-proxy")
    assert "Service ai/llm is not in the file" not in result.stderr


def test_an_attachment_to_something_outside_the_file_is_assumed_free() -> None:
    result = render(binding(**ATTACHED))
    assert result.exit_code == 0
    assert "Service ai/llm is not in the file; it is taken to exist and to have no plugins." in result.stderr


def test_a_plugin_clash_is_refused() -> None:
    theirs = {"kind": "KongPlugin", "metadata": {"name": "traces", "namespace": "ai"}, "plugin": "opentelemetry"}
    result = render(binding(**ATTACHED), service("traces"), theirs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "PluginClash" in result.stderr


def test_words_that_kubectl_reads_as_booleans_are_text_here_and_pointed_out() -> None:
    text = yaml.safe_dump(binding()).replace("  gateway:\n", "  gateway:\n    untrustedLua: on\n")
    line = text.splitlines().index("    untrustedLua: on") + 1
    result = render(text)
    assert result.exit_code == 0
    assert f'line {line}: kubectl reads on without quotes as a boolean; write "on".' in result.stderr
    assert "KONG_UNTRUSTED_LUA=on" in result.stderr
    quoted = render(text.replace("untrustedLua: on", 'untrustedLua: "on"'))
    assert "kubectl reads" not in quoted.stderr


def test_real_booleans_stay_booleans() -> None:
    assert "spec.suspend" not in render(binding(spec__suspend=False)).stderr
    result = render(binding(spec__suspend="yes"))
    assert (result.exit_code, "spec.suspend: must be true or false, without quotes" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec__payload": "Captured"}, "spec.payload is not a field; did you mean payloads?"),
        ({"spec__fiddler__api_key_secret_ref": {}}, "spec.fiddler.api_key_secret_ref is not a field; did you mean apiKeySecretRef?"),
        ({"spec__routes__0__llm__options__maxtokens": 1}, "spec.routes[0].llm.options.maxtokens is not a field; did you mean maxTokens?"),
        ({"spec__gateway__targetRef__zzz": 1}, "spec.gateway.targetRef.zzz is not a field; known are kind, name, namespace"),
        ({"sepc": {}}, "sepc is not a field; did you mean spec?"),
        ({"spec__fiddler__url": None}, "spec.fiddler.url: must be given"),
        ({"spec__fiddler__url": "ftp://acme"}, "spec.fiddler.url: must be http:"),
        ({"spec__routes__0__llm__provider": "opnai"}, "spec.routes[0].llm.provider: must be 'anthropic', 'azure'"),
        (
            {"spec__routes__0__llm__options__maxTokens": "512"},
            "spec.routes[0].llm.options.maxTokens: must be a whole number, without quotes",
        ),
        ({"spec__routes__0__llm": None}, "spec.routes[0].llm: must be given beside expose"),
        ({"spec__routes": []}, "spec.routes: "),
        ({"apiVersion": "v1"}, "apiVersion must be integrations.fiddler.ai/v1alpha1"),
        ({"metadata__name": None}, "metadata.name must be given"),
        ({"spec": None}, "spec must be an object"),
    ],
)
def test_an_invalid_binding_is_refused_with_field_and_remedy(changes: dict[str, Any], words: str) -> None:
    result = render(binding(**changes))
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


def test_all_faults_of_a_binding_are_told_at_once() -> None:
    result = render(binding(spec__payload="x", spec__fiddler__url=None, spec__routes__0__nam="y"))
    assert result.stderr.count("InvalidSpec") == 3


def test_a_key_in_the_wrong_place_does_not_show() -> None:
    wrong = [
        binding(spec__fiddler__apiKeySecretRef=CANARY),
        binding(spec__fiddler__apiKey=CANARY),
        binding(spec__fiddler__apiKeySecretRef={"name": CANARY, "key": "api-key"}),
        binding(spec__fiddler__url=f"https://{CANARY}@acme.fiddler.ai"),
        binding(spec__fiddler__applicationId=CANARY),
    ]
    assert [render(document).exit_code for document in wrong] == [1] * len(wrong)


def test_valid_bindings_of_the_file_are_printed_beside_an_invalid_one() -> None:
    result = render(binding(), binding(metadata__name="broken", spec__payload="x"))
    assert (result.exit_code, len(objects(result))) == (1, 6)
    assert "FiddlerKongBinding ai/broken: InvalidSpec" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        f"kind: Secret\nstringData:\n  key: {CANARY}\n bad: indent",
        f"kind: Secret\nkey: *{CANARY}",
        f"kind: Secret\nkey: !{CANARY} x",
        f"kind: Secret\nkey: %{CANARY}",
        f"kind: Secret\nkey: {{a: [{CANARY}",
        f"{CANARY}: 1\n{CANARY}: 2",
        f"- {CANARY}",
        CANARY,
        f"kind: Secret\nkey: !!binary {CANARY}",
        f"kind: Secret\nkey: !!python/object:{CANARY} x",
        f"kind: Secret\nkey: .nan\nother: {CANARY}",
        f"a: &a [*a]\nb: {CANARY}",
        f"kind: Secret\nkey: '{CANARY}\x00'",
        f"? [{CANARY}]\n: 1",
    ],
)
def test_a_file_that_cannot_be_read_is_a_usage_error_without_its_content(text: str) -> None:
    result = render(text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: standard input: " in result.stderr


def test_a_file_without_a_binding_is_a_usage_error() -> None:
    for content in ("", "# nothing", yaml.safe_dump(secret("fiddler"))):
        result = render(content)
        assert (result.exit_code, "holds no FiddlerKongBinding" in result.stderr) == (2, True)
    assert "named other" in render(binding(), args=("--binding", "other")).stderr


def test_other_kinds_are_said_to_be_ignored() -> None:
    result = render(binding(), {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}})
    assert result.exit_code == 0
    assert "Ignored: Deployment." in result.stderr


def test_a_file_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bindings.json"
    path.write_text(json.dumps(binding()))
    assert CliRunner().invoke(main, ["render", str(path)]).exit_code == 0
    path.write_bytes(b"\xff\xfe\x00")
    broken = CliRunner().invoke(main, ["render", str(path)])
    assert (broken.exit_code, "bindings.json" in broken.stderr) == (2, True)
    assert CliRunner().invoke(main, ["render", str(tmp_path / "missing.yaml")]).exit_code == 2


def test_a_suspended_binding_prints_nothing() -> None:
    result = render(binding(spec__suspend=True))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Suspended" in result.stderr


def test_what_is_printed_means_the_same_to_kubectl() -> None:
    patch = [{"op": "add", "path": "/resource_attributes/team", "value": "y"}]
    odd = binding(spec__overrides=[{"plugin": "opentelemetry", "patch": patch}])
    result = render(odd)
    assert result.exit_code == 0
    assert 'team: "y"' in result.stdout


def test_an_override_that_kong_would_refuse_is_refused_in_the_words_of_the_condition() -> None:
    patch = [{"op": "add", "path": "/queue/max_batch_size", "value": 0}]
    result = render(binding(spec__overrides=[{"plugin": "opentelemetry", "patch": patch}]))
    assert (result.exit_code, result.stdout) == (1, "")
    words = "spec.overrides[0].patch[0]: /queue/max_batch_size of opentelemetry must be an integer between 1 and 1000000."
    assert f"InvalidSpec: {words}" in result.stderr


def test_a_question_ends_without_a_full_stop() -> None:
    result = render(binding(spec__payload="Captured", spec__zzz=1))
    assert result.exit_code == 1
    assert "InvalidSpec: spec.payload is not a field; did you mean payloads?\n" in result.stderr
    assert "InvalidSpec: spec.zzz is not a field; known are fiddler, " in result.stderr
    assert ", suspend.\n" in result.stderr


def test_an_ingress_is_read_as_in_the_cluster_with_the_class_in_its_annotation() -> None:
    metadata = {"name": "shop", "namespace": "shop", "annotations": {"kubernetes.io/ingress.class": "kong"}}
    content = {"rules": [{"http": {"paths": [{"path": "/openai", "pathType": "Prefix"}]}}]}
    taken = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": content}
    result = render(binding(), taken)
    assert result.exit_code == 1
    assert "RouteClash: Route openai exposes path /openai on all hosts, which Ingress shop/shop" in result.stderr


def test_a_listed_plugin_that_is_not_in_the_file_refuses_the_binding_as_in_the_cluster() -> None:
    result = render(binding(**ATTACHED), service("cors"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "UnknownPlugin: Service ai/llm (route openai, attachTo) lists cors" in result.stderr
    assert "lists cors, which is not in the file. If the cluster has a plugin of that name, add it to the file." in result.stderr


@pytest.mark.parametrize(
    ("listed", "kind", "exit_code"),
    [("ai:limit", "KongPlugin", 0), ("limit", "KongClusterPlugin", 0), ("shop:limit", "KongPlugin", 1)],
)
def test_a_listed_plugin_is_found_in_its_namespace_or_in_the_cluster(listed: str, kind: str, exit_code: int) -> None:
    known = {"kind": kind, "metadata": {"name": "limit", "namespace": "ai"}, "plugin": "acl"}
    assert render(binding(**ATTACHED), service(listed), known).exit_code == exit_code


METRICS = {"plugin": "opentelemetry", "patch": [{"op": "add", "path": "/metrics/enable_ai_metrics", "value": True}]}


@pytest.mark.parametrize(("version", "exit_code"), [("3.13", 1), ("3.14", 0), (None, 0)])
def test_overrides_are_compared_with_the_version_that_the_binding_states(version: str | None, exit_code: int) -> None:
    gateway = {**BINDING["spec"]["gateway"], **({"kongVersion": version} if version else {})}
    result = render(binding(spec__gateway=gateway, spec__overrides=[METRICS]))
    assert (result.exit_code, "exists from Kong 3.14 on, the gateway runs 3.13" in result.stderr) == (exit_code, bool(exit_code))


@pytest.mark.parametrize(
    ("gateway", "words"),
    [
        ({"kongVersion": "3.12"}, "GatewayVersionUnsupported: gateway.kongVersion says that the gateway runs Kong 3.12; GenAI spans"),
        (
            {"kongVersion": "3.13", "untrustedLua": "strict"},
            "GatewaySettingUnsupported: Kong knows gateway.untrustedLua=strict from 3.14",
        ),
        ({"kongVersion": "3.14", "untrustedLua": "strict"}, ""),
        ({"untrustedLua": "strict"}, ""),
    ],
)
def test_what_a_gateway_of_the_stated_version_cannot_do_is_said(gateway: dict[str, Any], words: str) -> None:
    results = [render(binding(spec__gateway={**BINDING["spec"]["gateway"], **gateway}), args=args) for args in ((), ("--format", "kong"))]
    told = [(result.exit_code, words in result.stderr, "Unsupported" in result.stderr) for result in results]
    assert told == [(0, True, bool(words))] * 2


def test_an_http_route_of_the_file_that_shares_the_service_refuses_the_binding() -> None:
    rule = {"backendRefs": [{"name": "llm", "port": 80}, {"name": "canary", "port": 80}]}
    spec = {"parentRefs": [{"name": "kong"}], "rules": [rule]}
    metadata = {"name": "split", "namespace": "ai"}
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
    result = render(binding(**ATTACHED), service(), route)
    assert result.exit_code != 0
    assert "shares a rule of HTTPRoute ai/split with Service canary" in result.stderr
    assert "Ignored" not in result.stderr


def test_plugins_join_the_list_of_an_http_route() -> None:
    spec = {"parentRefs": [{"name": "kong"}], "rules": [{"backendRefs": [{"name": "llm", "port": 80}, {"name": "canary", "port": 80}]}]}
    metadata = {"name": "split", "namespace": "ai", "annotations": {"konghq.com/plugins": "limit"}}
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
    limit = {"apiVersion": "configuration.konghq.com/v1", "kind": "KongPlugin", "metadata": {"name": "limit", "namespace": "ai"}}
    attached = {"spec__routes": [{"name": "split", "attachTo": {"kind": "HTTPRoute", "name": "split"}}]}
    result = render(binding(**attached), route, {**limit, "plugin": "rate-limiting"})
    (printed,) = (raw for raw in yaml.safe_load_all(result.stdout) if raw["kind"] == "HTTPRoute")
    names = "limit,assistant-pre-function,assistant-opentelemetry"
    assert printed["metadata"]["annotations"] == {"konghq.com/plugins": names}


@pytest.mark.parametrize("args", [(), ("--format", "kong")])
def test_advice_of_an_accepted_binding_is_said(args: tuple[str, ...]) -> None:
    result = render(binding(spec__tracing={"samplingRate": 0.1}), args=args)
    assert "tracing.samplingRate is 0.1: Kong traces that share of the calls" in result.stderr


@pytest.mark.parametrize("carrier", ["route", "service"])
def test_what_an_ai_proxy_of_the_file_does_not_give_to_fiddler_is_said(carrier: str) -> None:
    listed = {"konghq.com/plugins": "own"}
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "llm", "namespace": "ai", "annotations": listed if carrier == "route" else {}},
        "spec": {"parentRefs": [{"name": "kong"}], "rules": [{"backendRefs": [{"name": "llm", "port": 80}]}]},
    }
    own = {
        "apiVersion": "configuration.konghq.com/v1",
        "kind": "KongPlugin",
        "metadata": {"name": "own", "namespace": "ai"},
        "plugin": "ai-proxy",
        "config": {"route_type": "llm/v1/chat", "logging": {"log_payloads": True}},
    }
    attached = binding(**ATTACHED | {"spec__routes__0__attachTo": {"kind": "HTTPRoute", "name": "llm"}}, spec__routes__0__llm=None)
    result = render(attached, route, service("own" if carrier == "service" else None), own)
    assert (result.exit_code, "own has logging.log_statistics off" in result.stderr) == (0, True)


def test_that_the_file_has_no_ai_proxy_does_not_mean_that_the_cluster_has_none() -> None:
    result = render(binding(**ATTACHED, spec__routes__0__llm=None), service())
    assert (result.exit_code, "no ai-proxy" in result.stderr) == (0, False)
