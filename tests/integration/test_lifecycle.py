"""The life of a binding: refused at admission, reported in Events, deleted without a trace."""

from __future__ import annotations

from typing import Any, Final

import pytest

from devcluster.audit import Mark
from tests.integration.arena import SETTINGS, Arena
from tests.integration.children import CHILDREN, children, events, write_lines

SECOND: Final = "second"

REFUSED: Final[list[tuple[dict[str, Any], str]]] = [
    ({"fiddler.url": "acme.fiddler.ai"}, "must be http:// or https:// and a host with nothing after it but a port"),
    ({"fiddler.url": "https://acme.fiddler.ai/v1/traces"}, "must be http:// or https:// and a host with nothing after it but a port"),
    ({"fiddler.applicationId": "my-app"}, "must be the UUID in the application's settings"),
    ({"routes": []}, "spec.routes in body should have at least 1 items"),
    ({"routes.0.expose": None}, "spec.routes[0].expose: Required value: must be given where attachTo is not"),
    ({"routes.0.llm": None}, "spec.routes[0].llm: Required value: must be given beside expose"),
    ({"routes.0.llm.provider": "acme"}, 'spec.routes[0].llm.provider: Unsupported value: "acme"'),
    ({"routes.0.expose.path": "openai"}, "spec.routes[0].expose.path"),
    ({"routes.0.llm.options.temperature": 9}, "spec.routes[0].llm.options.temperature"),
    ({"sessions": {"headers": ['X"] = os.execute("']}}, "spec.sessions.headers[0]"),
    ({"payloads": True}, "spec.payloads"),
    ({"gateway.untrustedLua": True}, "spec.gateway.untrustedLua"),
]


def test_what_can_never_work_is_refused_at_once_with_the_field(arena: Arena) -> None:
    answers = [(changes, words, arena.refused(arena.binding(changes))) for changes, words in REFUSED]

    assert [(changes, answer) for changes, words, answer in answers if words not in answer] == []


def test_a_deleted_binding_leaves_nothing_behind(arena: Arena) -> None:
    template = arena.existing("Deployment", "kong-gateway")["spec"]["template"]
    arena.put(arena.binding())
    arena.until_ready()
    assert arena.settings() == SETTINGS
    arena.until_pushed(lambda pushed: len(pushed.plugins) == 3, "three plugins")

    arena.delete("FiddlerKongBinding", "assistant")

    for kind, name in CHILDREN:
        arena.until_gone(kind, name)
    pushed = arena.until_pushed(lambda pushed: pushed.services == (), "no service")
    assert (pushed.routes, pushed.plugins, pushed.upstreams) == ((), (), ())
    arena.until(lambda: arena.settings() == {}, "the removal of the gateway's settings")
    assert children(arena) == {}
    assert arena.existing("Deployment", "kong-gateway")["spec"]["template"] == template


def test_the_settings_stay_until_the_last_binding_of_the_gateway_is_deleted(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    arena.put(arena.binding({"routes.0.expose.path": f"/{arena.namespace}/second"}, SECOND))
    arena.until_ready(SECOND)
    first = children(arena)
    mark = arena.mark()

    arena.delete("FiddlerKongBinding", SECOND)
    arena.until(lambda: children(arena, SECOND) == {}, "the end of the second binding's objects")
    arena.until_quiet(6.0)

    assert (write_lines(arena, mark), arena.settings(), children(arena)) == ([], SETTINGS, first)
    arena.delete("FiddlerKongBinding", "assistant")
    arena.until(lambda: arena.settings() == {}, "the removal of the gateway's settings")
    assert write_lines(arena, mark) == ["patch deployments kong-gateway"]


@pytest.mark.provided
def test_each_transition_and_repair_is_reported_by_one_event(arena: Arena) -> None:
    arena.delete("Secret", "openai")
    arena.put(arena.binding())
    arena.until_condition("Ready", "False", "SecretNotFound")
    arena.put(arena.secret("openai", "${OPENAI_API_KEY}"))
    arena.until_condition("Ready", "False", "SecretValuePlaceholder")
    arena.put(arena.secret("openai", arena.stage.keys.provider))
    arena.until_ready()

    for model in ("gpt-4o", "gpt-4.1"):
        arena.put(arena.binding({"routes.0.llm.model": model}))
        arena.until_ready()
    arena.delete("Service", "assistant-openai")
    arena.until(lambda: arena.get("Service", "assistant-openai") is not None, "the Service again")
    arena.until_quiet()

    told = [reason for reason in events(arena) if reason != "KongNotConfirmed"]  # it may be over before the first status
    assert told == ["SecretNotFound", "SecretValuePlaceholder", "Ready", "ChildRepaired"]


def test_over_a_whole_life_nothing_of_a_binding_is_written_but_its_status(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    arena.put(arena.binding({"suspend": True}))
    arena.until_condition("Accepted", "Unknown", "Suspended")
    arena.put(arena.binding({"payloads": "Disabled"}))
    arena.until_ready()
    metadata = arena.existing("FiddlerKongBinding", "assistant")["metadata"]
    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("FiddlerKongBinding", "assistant")
    arena.until(lambda: arena.settings() == {}, "the removal of the gateway's settings")

    assert {write for write in write_lines(arena, Mark(0)) if " fiddlerkongbindings" in write} == {
        "patch fiddlerkongbindings/status assistant"
    }
    assert [field for field in ("annotations", "finalizers", "labels") if field in metadata] == []


def test_kopf_leaves_no_trace_in_the_cluster(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()

    kinds = "fkb,secrets,services,ingresses,kongplugins,deployments,replicasets,pods,configmaps,leases,events,namespaces,crds"
    everything = arena.stage.cluster.kubectl("get", kinds, "--all-namespaces", "--output=json", "--show-managed-fields")

    assert "assistant-pre-function" in everything
    assert "kopf" not in everything
