"""Recognisable keys go through every event in the life of a binding, and must be found only in Secrets."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from anyio.from_thread import start_blocking_portal
from click.testing import CliRunner, Result
from pydantic import SecretStr

from devcluster.errors import ApiError
from devcluster.operator_process import OperatorProcess
from devcluster.stage import Stage
from fiddler_kong_operator.cli import main
from fiddler_kong_sink.server import Sink
from fiddler_kong_sink.settings import SinkSettings
from tests.integration.arena import Arena, Manifest
from tests.integration.own import own_arena
from tests.integration.targets import attached_binding, foreign_plugin, service


@dataclass
class Story:
    """The collected evidence: the keys' cores by purpose, and every text by its source."""

    cores: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    in_secrets: str = ""

    def key(self, purpose: str, pattern: str = "fdl_{}.0a1b2c3d") -> str:
        """A new key around a core that only base64 changes."""
        core = self.cores[purpose] = secrets.token_hex(16)
        return pattern.format(core)

    def found(self, text: str) -> list[str]:
        """The purposes of the keys in a text, plain or in base64 at any offset."""
        return [purpose for purpose, core in self.cores.items() if any(form in text for form in forms(core))]


def forms(core: str) -> list[str]:
    """The text itself, and the inner part of its base64 for each of the three offsets in a longer text."""
    encoded = (base64.b64encode(b"x" * offset + core.encode() + b"x" * 3).decode() for offset in range(3))
    return [core, *(text[4:-8] for text in encoded)]


@pytest.fixture(scope="module")
def sinks() -> Iterator[dict[str, Sink]]:
    """`open` accepts every key, `strict` none of ours."""
    strict = SinkSettings(api_key=SecretStr("another-key"))
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(Sink(SinkSettings())) as takes_all,
        portal.wrap_async_context_manager(Sink(strict)) as takes_none,
    ):
        yield {"open": takes_all, "strict": takes_none}


@pytest.fixture(scope="module", params=["text", pytest.param("json", marks=pytest.mark.exhaustive)])
def story(request: pytest.FixtureRequest, backstage: Stage, sinks: dict[str, Sink]) -> Story:
    """Play every event once, and collect every visible text."""
    flags = ("--log-level=debug", f"--log-format={request.param}")
    operator, story = OperatorProcess(backstage.cluster, *flags, name=f"canary-{request.param}"), Story()
    with operator, own_arena(backstage, operator) as arena:
        play(arena, story, sinks)
        collect(arena, story, "at the end")
        story.texts["its HTTP endpoints"] = operator.published()
    story.texts["the log"] = operator.log
    return story


def play(arena: Arena, story: Story, sinks: dict[str, Sink]) -> None:
    ready(arena, story, sinks["open"].url)
    collect(arena, story, "rotated")
    unhappy(arena, story, sinks)
    refused(arena, story, sinks["open"].url)
    collect(arena, story, "unhappy")
    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("KongPlugin", "assistant-opentelemetry")


def ready(arena: Arena, story: Story, url: str) -> None:
    """A binding becomes Ready; its keys change, one to a key with characters that JSON escapes."""
    arena.put(arena.secret("fiddler", story.key("fiddler")), arena.secret("openai", story.key("provider", "sk-{}")))
    arena.put(arena.binding({"fiddler.url": url}))
    arena.until_ready()
    collect(arena, story, "ready")
    former = derived(arena)
    arena.put(arena.secret("fiddler", story.key("rotated")), arena.secret("openai", story.key("quoted", 'sk-"{}\\"')))
    arena.until(lambda: all(derived(arena).get(name) != value for name, value in former.items()), "both keys replaced")


def derived(arena: Arena, name: str = "assistant") -> dict[str, str]:
    return dict((arena.get("Secret", f"{name}-kong-keys") or {}).get("data") or {})


def unhappy(arena: Arena, story: Story, sinks: dict[str, Sink]) -> None:
    """Every error that a user must repair, each with keys involved."""
    arena.put(arena.secret("wrong", story.key("wrong")), arena.secret("prefixed", story.key("prefixed", "Bearer fdl_{}")))
    arena.put(arena.secret("broken", story.key("broken", "fdl_{}\nX-Injected: 1")))
    arena.put(foreign_plugin(arena, "theirs", "opentelemetry"), service(arena, plugins="theirs"))
    off = {**arena.gateway(env={"KONG_UNTRUSTED_LUA": "off"}), "metadata": {"name": "gateway-off", "namespace": arena.namespace}}
    arena.put(off, manager="helm")
    bindings = {
        "Unauthorized": {"fiddler.url": sinks["strict"].url, "fiddler.apiKeySecretRef.name": "wrong"},
        "SecretValuePrefixed": {"fiddler.apiKeySecretRef.name": "prefixed"},
        "SecretValueUnusable": {"routes.0.llm.auth.secretRef.name": "broken"},
        "GatewaySettingConflict": {"gateway.targetRef.name": "gateway-off"},
    }
    for reason, changes in bindings.items():
        place = {"routes.0.expose.path": f"/{arena.namespace}/{reason}"}
        arena.put(arena.binding({"fiddler.url": sinks["open"].url, **place, **changes}, reason.lower()))
    arena.put(attached_binding(arena, name="pluginclash", changes={"fiddler.url": sinks["open"].url}))
    for reason in (*bindings, "PluginClash"):
        arena.until_condition("Ready", "False", reason, reason.lower())


def refused(arena: Arena, story: Story, url: str) -> None:
    """Admission refuses a Secret and quotes its value, and refuses a plugin and quotes the key, as real webhooks do."""
    key = story.key("quoted by a policy")
    half = len(key) // 2
    forbid(arena, "secrets", "", "'refused: ' + object.data['opentelemetry']", "no-secret-kong-keys")
    forbid(arena, "kongplugins", "configuration.konghq.com", f"'the key {key[:half]}' + '{key[half:]} is bad'", "no-plugin-opentelemetry")
    arena.put(arena.secret("quoted", key))
    for name in ("no-secret", "no-plugin"):
        changes = {"fiddler.url": url, "fiddler.apiKeySecretRef.name": "quoted", "routes.0.expose.path": f"/{arena.namespace}/{name}"}
        arena.put(arena.binding(changes, name))
        arena.until_condition("PluginsProgrammed", "False", "PluginsWriteRefused", name)
    assert "the key [redacted] is bad" in arena.conditions("no-plugin")["PluginsProgrammed"]["message"]
    assert "refused: [redacted]" in arena.conditions("no-secret")["PluginsProgrammed"]["message"]


def forbid(arena: Arena, resource: str, group: str, message: str, name: str) -> None:
    """Make the API server refuse to create an object of that name; returns when it does."""
    policy = f"{arena.namespace}-{resource}"
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    inside = {"matchLabels": {"kubernetes.io/metadata.name": arena.namespace}}
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": inside},
        "validations": [{"expression": f"object.metadata.name != '{name}'", "messageExpression": message}],
    }
    binding = {"policyName": policy, "validationActions": ["Deny"]}
    for kind, content in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", binding)):
        arena.stage.cluster.apply(
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": policy}, "spec": content}
        )
    sample: Manifest = foreign_plugin(arena, name, "opentelemetry")
    if resource == "secrets":
        sample = arena.manifest("v1", "Secret", name, stringData={"opentelemetry": "x"})
    arena.until(lambda: is_refused(arena, sample), f"the policy {policy}")


def is_refused(arena: Arena, manifest: Manifest) -> bool:
    try:
        arena.stage.cluster.api.request("POST", f"{arena.path(manifest['kind'])}?dryRun=All", manifest)
    except ApiError as error:
        return error.status == 422
    return False


def collect(arena: Arena, story: Story, when: str) -> None:
    """Every object of every kind but Secrets, in every namespace."""
    kubectl = arena.stage.cluster.kubectl
    kinds = kubectl("api-resources", "--verbs=list", "--output=name").split()
    listable = ",".join(kind for kind in kinds if kind != "secrets")
    story.texts[f"objects {when}"] = kubectl("get", listable, "--all-namespaces", "--output=json", "--show-managed-fields")
    story.in_secrets += kubectl("get", "secrets", "--all-namespaces", "--output=json")


def test_the_search_finds_every_key_in_the_secrets(story: Story) -> None:
    assert story.found(story.in_secrets) == [*story.cores]


def test_the_search_looked_at_the_objects_that_tell_of_bindings(story: Story) -> None:
    kinds = {item["kind"] for item in json.loads(story.texts["objects unhappy"])["items"]}

    assert kinds >= {"FiddlerKongBinding", "KongPlugin", "Event", "Lease", "ConfigMap", "Service", "Ingress", "Deployment", "Pod"}


@pytest.mark.parametrize(
    "where", ["objects ready", "objects rotated", "objects unhappy", "objects at the end", "its HTTP endpoints", "the log"]
)
def test_no_key_is_found_outside_secrets(story: Story, where: str) -> None:
    assert len(story.texts[where]) > 100
    assert story.found(story.texts[where]) == []


def render(documents: list[dict[str, Any]], *flags: str) -> Result:
    return CliRunner().invoke(main, ["render", "-", *flags], input=yaml.safe_dump_all(documents))


@pytest.mark.parametrize("output", ["yaml", "json"])
@pytest.mark.parametrize("form", ["kubernetes", "kong"])
@pytest.mark.parametrize(("pattern", "code"), [("sk-{}", 0), ('sk-"{}\\"', 0), ("Bearer sk-{}", 1), ("sk-{} x", 1)])
def test_no_key_is_rendered(backstage: Stage, form: str, output: str, pattern: str, code: int) -> None:
    story, arena = Story(), Arena(backstage, OperatorProcess(backstage.cluster), "ai")  # only for its manifests
    keys = arena.secret("fiddler", story.key("fiddler")), arena.secret("openai", story.key("provider", pattern))
    documents = [*keys, arena.binding({"fiddler.url": "https://acme.fiddler.ai"})]

    done = render(documents, f"--format={form}", f"--output={output}")

    assert done.exit_code == (code if form == "kubernetes" else 0), done.output  # a file for Kong needs no keys
    assert len(done.output) > 100
    assert story.found(done.output) == []
