from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.errors import Transient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.checks import evaluate_acceptance
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.snapshot import Attachable, Child, Snapshot
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_binding, make_snapshot, make_spec, make_workload

CHAT = ObjectKey("Service", "kong", "chat")
OWN_INGRESS = ObjectKey("Ingress", "kong", "assistant-openai")
ATTACHED_WITH_LLM = {**ATTACHED, "llm": EXPOSED["llm"]}


def target(*plugins: str, key: ObjectKey = CHAT) -> dict[ObjectKey, Attachable]:
    return {key: Attachable(key, "uid-target", "5", plugins)}


def attached(*plugins: str, route: dict[str, Any] = ATTACHED, sessions: str = "Header", **more: Any) -> Snapshot:
    """A binding that attaches to a Service which already lists these plugins."""
    return make_snapshot(make_binding(make_spec(route, sessions=sessions)), targets=target(*plugins), **more)


def ingress(name: str, *rules: tuple[str, str], namespace: str = "kong", ingress_class: str | None = "kong") -> Attachable:
    return Attachable(ObjectKey("Ingress", namespace, name), f"uid-{name}", "5", ingress_class=ingress_class, rules=rules)


def exposed(*ingresses: Attachable, host: str | None = None, **more: Any) -> Snapshot:
    """A binding that exposes /openai while these Ingresses exist."""
    route = EXPOSED if host is None else {**EXPOSED, "expose": {"path": "/openai", "host": host}}
    return make_snapshot(make_binding(make_spec(route), created=5), ingresses=ingresses, **more)


def child(kind: str, name: str, owner: str | None, label: str | None = "assistant", *, written: bool = True) -> dict[ObjectKey, Child]:
    key = ObjectKey(kind, "kong", name)
    return {key: Child(key, "uid-child", "5", owner, label, b"", written=written)}


OPENAI = ("", "/openai")
RIVAL = make_binding(make_spec(EXPOSED), name="rival", created=1)
YOUNG_RIVAL = make_binding(make_spec(EXPOSED), name="rival", created=9)
RIVAL_INGRESS = ingress("rival-openai", OPENAI)

CASES: list[tuple[str, Snapshot, str, list[str]]] = [
    ("all is right", make_snapshot(), "Accepted", ["clashes with nothing"]),
    (
        "invalid spec",
        make_snapshot(replace(make_binding(), spec=None, invalid="routes: must have at least 1 item"), kong_installed=False),
        "InvalidSpec",
        ["routes: must have at least 1 item"],
    ),
    ("invalid spec without an explanation", make_snapshot(replace(make_binding(), spec=None)), "InvalidSpec", ["could not be read"]),
    (
        "a key in clear",
        make_snapshot(make_binding(make_spec(url="http://acme.example.com"))),
        "EndpointRefused",
        ["uses http for acme.example.com", "Use https"],
    ),
    ("http inside the cluster", make_snapshot(make_binding(make_spec(url="http://sink.fiddler.svc:4318"))), "Accepted", []),
    (
        "http allowed by the administrator",
        make_snapshot(make_binding(make_spec(url="http://acme.example.com")), endpoints=EndpointPolicy(allow_http=True)),
        "Accepted",
        [],
    ),
    ("metadata service", make_snapshot(make_binding(make_spec(url="https://169.254.169.254"))), "EndpointRefused", ["metadata service"]),
    (
        "a model in the metadata service",
        make_snapshot(
            make_binding(make_spec({**EXPOSED, "llm": {**EXPOSED["llm"], "options": {"upstreamUrl": "http://169.254.169.254/"}}}))
        ),
        "EndpointRefused",
        ["spec.routes[0].llm.options.upstreamUrl: 169.254.169.254", "metadata service"],
    ),
    ("an address in decimal", make_snapshot(make_binding(make_spec(url="https://2852039166"))), "EndpointRefused", ["usual form"]),
    (
        "no Kong",
        make_snapshot(make_binding(make_spec(suspend=True)), kong_installed=False),
        "KongNotInstalled",
        ["Install Kong Ingress Controller"],
    ),
    ("a kind not watched", make_snapshot(forbidden=("KongPlugin cannot be watched",)), "WatchForbidden", ["KongPlugin cannot be watched."]),
    ("suspended", make_snapshot(make_binding(make_spec(suspend=True), namespace="ai")), "Suspended", ["Set it to false"]),
    (
        "not granted",
        make_snapshot(make_binding(namespace="ai")),
        "GatewayNotGranted",
        ["Deployment kong/kong-gateway", "namespace ai", "integrations.fiddler.ai/allow-bindings-from: ai"],
    ),
    ("granted", make_snapshot(make_binding(namespace="ai"), workload=make_workload(grant="web, ai")), "Accepted", []),
    ("no workload to ask", make_snapshot(make_binding(namespace="ai"), workload=None), "Accepted", []),
    (
        "settings clash",
        make_snapshot(
            make_binding(make_spec(untrustedLua="sandbox"), created=2), siblings=(make_binding(make_spec(), name="elder", created=1),)
        ),
        "GatewaySettingsClash",
        ["gateway.untrustedLua is sandbox", "older binding kong/elder has on", "KONG_UNTRUSTED_LUA", "same value"],
    ),
    (
        "settings clash with a younger one",
        make_snapshot(make_binding(make_spec(untrustedLua="sandbox"), created=2), siblings=(make_binding(name="younger", created=3),)),
        "Accepted",
        [],
    ),
    (
        "target missing",
        make_snapshot(make_binding(make_spec(ATTACHED))),
        "TargetNotFound",
        ["Service kong/chat (route chat, attachTo) does not exist", "correct attachTo"],
    ),
    (
        "target not readable",
        make_snapshot(make_binding(make_spec(ATTACHED)), unread={CHAT: Transient("get Service kong/chat: busy")}),
        "TargetNotReadable",
        ["Service kong/chat (route chat, attachTo): get Service kong/chat: busy"],
    ),
    ("target without plugins", attached(), "Accepted", []),
    (
        "same type",
        attached("company-tracing", plugin_types={"company-tracing": "opentelemetry"}),
        "PluginClash",
        ["Service kong/chat (route chat, attachTo)", "company-tracing of type opentelemetry", "freeze", "konghq.com/plugins"],
    ),
    (
        "same type, pre-function",
        attached("guard", plugin_types={"guard": "pre-function"}),
        "PluginClash",
        ["guard of type pre-function", "sessions.mode to Disabled"],
    ),
    ("pre-function where sessions are off", attached("guard", plugin_types={"guard": "pre-function"}, sessions="Disabled"), "Accepted", []),
    ("ai-proxy of the route's own", attached("llm", plugin_types={"llm": "ai-proxy"}), "Accepted", []),
    (
        "a second ai-proxy",
        attached("llm", plugin_types={"llm": "ai-proxy"}, route=ATTACHED_WITH_LLM),
        "PluginClash",
        ["llm of type ai-proxy", "remove llm from this route"],
    ),
    ("other types", attached("key-auth", plugin_types={"key-auth": "key-auth"}), "Accepted", []),
    (
        "our own, already attached",
        attached(
            "assistant-opentelemetry",
            plugin_types={"assistant-opentelemetry": "opentelemetry"},
            plugin_owners={"assistant-opentelemetry": "uid-assistant"},
        ),
        "Accepted",
        [],
    ),
    (
        "another binding's",
        attached(
            "rival-opentelemetry",
            plugin_types={"rival-opentelemetry": "opentelemetry"},
            plugin_owners={"rival-opentelemetry": "uid-rival"},
        ),
        "PluginClash",
        ["rival-opentelemetry"],
    ),
    (
        "from another namespace",
        attached("platform:tracing", plugin_types={"platform:tracing": "opentelemetry"}),
        "PluginClash",
        ["platform:tracing of type opentelemetry"],
    ),
    (
        "a name without an address",
        attached("ghost", "assistant-opentelemetry"),
        "Accepted",
        ["Service kong/chat also lists ghost: no plugin of that name is visible"],
    ),
    (
        "two clashes",
        attached("tracing", "guard", plugin_types={"tracing": "opentelemetry", "guard": "pre-function"}),
        "PluginClash",
        ["tracing of type opentelemetry", "guard of type pre-function"],
    ),
    (
        "path served by another",
        exposed(ingress("web", OPENAI, namespace="shop")),
        "RouteClash",
        ["Route openai exposes path /openai on all hosts", "Ingress shop/web", "Choose another expose.path"],
    ),
    ("path with a slash at its end", exposed(ingress("web", ("", "/openai/"))), "RouteClash", []),
    (
        "host and path served by another",
        exposed(ingress("web", ("llm.example.com", "/openai")), host="llm.example.com"),
        "RouteClash",
        ["host llm.example.com"],
    ),
    ("same path, other host", exposed(ingress("web", ("llm.example.com", "/openai"))), "Accepted", []),
    ("same path, other class", exposed(ingress("web", OPENAI, ingress_class="nginx")), "Accepted", []),
    ("our own Ingress", exposed(ingress(OWN_INGRESS.name, OPENAI)), "Accepted", []),
    (
        "our own Ingress, of a route that was renamed",
        exposed(ingress("assistant-former", OPENAI), children=child("Ingress", "assistant-former", "uid-assistant")),
        "Accepted",
        [],
    ),
    ("a younger binding was first", exposed(RIVAL_INGRESS, siblings=(YOUNG_RIVAL,)), "RouteClash", []),
    ("a race with a younger binding", exposed(RIVAL_INGRESS, ingress(OWN_INGRESS.name, OPENAI), siblings=(YOUNG_RIVAL,)), "Accepted", []),
    ("a race with an older binding", exposed(RIVAL_INGRESS, ingress(OWN_INGRESS.name, OPENAI), siblings=(RIVAL,)), "RouteClash", []),
    (
        "a stranger beside our own",
        exposed(ingress("web", OPENAI), ingress(OWN_INGRESS.name, OPENAI), siblings=(YOUNG_RIVAL,)),
        "RouteClash",
        [],
    ),
    (
        "global plugins of other types",
        make_snapshot(global_plugins={"prometheus": "metrics", "key-auth": "keys"}),
        "Accepted",
        [],
    ),
    (
        "global plugins of our types",
        make_snapshot(global_plugins={"pre-function": "security", "opentelemetry": "company-tracing"}),
        "ShadowsGlobalPlugin",
        ["KongClusterPlugin company-tracing (opentelemetry)", "KongClusterPlugin security (pre-function)", "not needed here"],
    ),
    (
        "a global pre-function where sessions are off",
        make_snapshot(make_binding(make_spec(sessions="Disabled")), global_plugins={"pre-function": "security"}),
        "Accepted",
        [],
    ),
]


@pytest.mark.parametrize(("snapshot", "expected", "phrases"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_finding(snapshot: Snapshot, expected: str, phrases: list[str]) -> None:
    finding = evaluate_acceptance(snapshot).finding

    assert expected == finding.reason.name
    assert [phrase for phrase in phrases if phrase not in finding.message] == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Secret", "assistant-kong-keys"),
        ("KongPlugin", "assistant-opentelemetry"),
        ("KongPlugin", "assistant-pre-function"),
        ("KongPlugin", "assistant-openai-ai-proxy"),
        ("Service", "assistant-openai"),
        ("Ingress", "assistant-openai"),
    ],
)
@pytest.mark.parametrize(("owner", "expected"), [("uid-assistant", "Accepted"), ("uid-other", "NameTaken"), (None, "NameTaken")])
def test_names_of_what_would_be_created(kind: str, name: str, owner: str | None, expected: str) -> None:
    finding = evaluate_acceptance(make_snapshot(children=child(kind, name, owner, None))).finding

    assert expected == finding.reason.name
    assert expected == "Accepted" or f"{kind} kong/{name}" in finding.message


@pytest.mark.parametrize(
    ("owner", "label", "expected"),
    [
        (None, "assistant", "Accepted"),
        (None, "another", "NameTaken"),
        ("uid-other", "assistant", "Accepted"),
        ("uid-other", "another", "NameTaken"),
    ],
    ids=["ours", "another binding's", "an earlier binding's of the name, about to go", "owned by another"],
)
def test_an_object_without_its_owner_is_known_by_its_label(owner: str | None, label: str, expected: str) -> None:
    children = child("Service", "assistant-openai", owner, label)

    assert expected == evaluate_acceptance(make_snapshot(children=children)).finding.reason.name


@pytest.mark.parametrize(("owner", "expected"), [(None, "NameTaken"), ("uid-assistant", "Accepted"), ("uid-other", "NameTaken")])
def test_an_object_that_only_bears_our_labels_is_somebodys(owner: str | None, expected: str) -> None:
    children = child("Service", "assistant-openai", owner, written=False)

    assert expected == evaluate_acceptance(make_snapshot(children=children)).finding.reason.name


def test_a_plugin_that_lost_its_owner_does_not_clash_with_itself() -> None:
    snapshot = attached(
        "assistant-opentelemetry",
        plugin_types={"assistant-opentelemetry": "opentelemetry"},
        children=child("KongPlugin", "assistant-opentelemetry", None),
    )

    assert evaluate_acceptance(snapshot).finding.reason.name == "Accepted"


@pytest.mark.parametrize(
    ("kind", "name"), [("KongPlugin", "assistant-pre-function"), ("Service", "assistant-chat"), ("KongPlugin", "something-else")]
)
def test_names_that_are_not_needed_may_be_taken(kind: str, name: str) -> None:
    binding = make_binding(make_spec(ATTACHED, sessions="Disabled"))

    snapshot = make_snapshot(binding, targets=target(), children=child(kind, name, "uid-other"))

    assert evaluate_acceptance(snapshot).finding.reason.name == "Accepted"


def test_only_clashing_targets_are_to_be_left() -> None:
    other = ObjectKey("Ingress", "kong", "web")
    routes = (ATTACHED, {"name": "web", "attachTo": {"kind": "Ingress", "name": "web"}})
    both = target("tracing") | target("key-auth", key=other)

    acceptance = evaluate_acceptance(
        make_snapshot(make_binding(make_spec(*routes)), targets=both, plugin_types={"tracing": "opentelemetry"})
    )

    assert frozenset({CHAT}) == acceptance.clashing_targets


def test_clashing_targets_are_named_whichever_check_decides() -> None:
    snapshot = attached("tracing", plugin_types={"tracing": "opentelemetry"}, kong_installed=False)

    acceptance = evaluate_acceptance(snapshot)

    assert ("KongNotInstalled", frozenset({CHAT})) == (acceptance.finding.reason.name, acceptance.clashing_targets)


def test_plugins_on_targets_of_earlier_specs_are_no_clash() -> None:
    elsewhere = ObjectKey("Service", "kong", "former-target")

    snapshot = make_snapshot(targets=target("tracing", key=elsewhere), plugin_types={"tracing": "opentelemetry"})

    assert ("Accepted", frozenset()) == (evaluate_acceptance(snapshot).finding.reason.name, evaluate_acceptance(snapshot).clashing_targets)


def test_the_cases_reach_every_reason() -> None:
    reachable = {expected for _, _, expected, _ in CASES} | {"NameTaken"}

    assert {name for name, entry in REASONS.items() if entry.type is ConditionType.ACCEPTED} == reachable
