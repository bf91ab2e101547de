from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fiddler_kong_operator.doctor.checks import BINDING_CHECKS
from fiddler_kong_operator.doctor.evidence import Evidence, Look
from fiddler_kong_operator.doctor.gather import Looker
from fiddler_kong_operator.doctor.report import examine
from fiddler_kong_operator.doctor.ways import find_ways
from fiddler_kong_operator.errors import Refused, Transient
from fiddler_kong_operator.kube.client import Page
from fiddler_kong_operator.kube.connection import Connection
from fiddler_kong_operator.kube.errors import Call
from fiddler_kong_operator.kube.objects import Kind, Manifest
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.probe.otlp import TraceProber
from fiddler_kong_operator.settings import ProbeSettings
from tests.unit.kube.api_server import configuration, refusal, running
from tests.unit.kube.kubelet import SUCCESS, ending, speaking
from tests.unit.observe.objects import ASSISTANT, EXPOSED, binding, deployment, ingress, leading, plugin, secret, service, spec
from tests.unit.runtime.apis import WatchableCluster

CANARY = "canary-VERY-secret-0123456789"
ENV = {"KONG_TRACING_INSTRUMENTATIONS": "all", "KONG_TRACING_SAMPLING_RATE": "1.0", "KONG_UNTRUSTED_LUA": "on"}


class ProxiedCluster(WatchableCluster):
    """A cluster with pods, a log and an Admin API."""

    def __init__(self, *objects: Manifest, pods: list[Manifest] | None = None) -> None:
        super().__init__(*objects)
        self.connection = SimpleNamespace(server="https://cluster")  # type: ignore[assignment]
        self.pods = pods or []
        self.answers: dict[str, Any] = {
            "/version": {"gitVersion": "v1.36.3"},
            "/apis/": {"versions": [{"version": "v1alpha1"}]},
        }
        """Text, JSON or an error by a part of the path."""
        self.reads: list[str] = []

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> Any:
        if kind.name == "Pod" and "Pod" not in self.errors:
            yield Page(self.pods, "1")
            return
        async for page in super().list_pages(kind, namespace, limit):
            yield page

    async def read(self, call: Call, path: str, query: Any = None, limit: int = 0) -> bytes:
        del query, limit
        self.reads.append(path)
        answer = next((found for part, found in self.answers.items() if part in path), Transient(f"{call}: no answer"))
        if isinstance(answer, Exception):
            raise answer
        return (answer if isinstance(answer, str) else json.dumps(answer)).encode()


def pod(**env: str) -> Manifest:
    entries = [{"name": name, "value": value} for name, value in {**ENV, **env}.items()]
    proxy = {"name": "proxy", "image": "kong/kong-gateway:3.13.0.7", "env": entries}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {
        "metadata": {"name": "gateway-1", "namespace": "kong", "labels": {"app": "gateway"}},
        "spec": {"containers": [proxy]},
        "status": status,
    }


def gateway() -> Manifest:
    raw = deployment()
    raw["spec"]["selector"] = {"matchLabels": {"app": "gateway"}}
    return raw


def cluster(**env: str) -> ProxiedCluster:
    keys = (secret("fiddler", value=CANARY.encode()), secret("openai", value=CANARY.encode()))
    return ProxiedCluster(binding(), gateway(), *keys, pods=[pod(**env)])


async def look(client: ProxiedCluster) -> Evidence:
    return await Looker(client, None).gather(await Survey.take(client), [ASSISTANT])


async def test_a_look_shows_the_pods_with_their_own_env_and_writes_nothing() -> None:
    client = cluster(KONG_TRACING_INSTRUMENTATIONS="off")

    case = (await look(client)).cases[0]

    found = {found.code.name for check in BINDING_CHECKS for found in check.run(case).diagnoses}
    assert "PodLacksSettings" in found
    assert client.writes == []


async def test_the_log_of_the_gateway_shows_the_exporters_trouble() -> None:
    client = cluster()
    client.answers["/log"] = f"[opentelemetry] handler could not process entries: response error: 401, body: {CANARY}\n"

    evidence = await look(client)

    assert evidence.cases[0].exports.value is not None
    assert evidence.cases[0].exports.value[0].troubles == {"ExportUnauthorized": 1}


async def test_no_key_is_in_a_report() -> None:
    client = cluster()
    client.answers["/log"] = f"[opentelemetry] handler could not process entries: failed with {CANARY}\n"

    evidence = await look(client)

    assert CANARY not in repr(examine(evidence))


@pytest.mark.parametrize("answer", [Refused("get pods/log: forbidden", 403), Transient("no answer of the kubelet")])
async def test_a_log_that_cannot_be_read_leaves_the_rest_of_the_look(answer: Exception) -> None:
    client = cluster()
    client.answers["/log"] = answer

    case = (await look(client)).cases[0]

    assert case.exports.value is None
    assert case.exports.denied == isinstance(answer, Refused)
    assert case.pods.value


async def test_pods_that_may_not_be_listed_are_said_with_the_permission() -> None:
    client = cluster()
    client.errors["Pod"] = [Refused("list Pod kong: pods is forbidden", 403) for _ in range(2)]

    report = examine(await look(client))

    assert report.blind
    assert "list Pod kong: pods is forbidden" in {found.cause for found in report.diagnoses}


async def test_an_endpoint_that_several_bindings_share_is_asked_once() -> None:
    client, asked = cluster(), list[str]()
    client.put(binding("other", spec_=spec({**EXPOSED, "expose": {"path": "/other"}})))

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        raise OSError(host)

    looker = Looker(client, TraceProber(ProbeSettings(), resolve=resolve))
    evidence = await looker.gather(await Survey.take(client), [ASSISTANT, ASSISTANT._replace(name="other")])

    assert [case.probed and case.probed.reason for case in evidence.cases] == ["NameNotResolved"] * 2
    assert len(asked) == 1


async def test_a_password_in_the_address_of_the_cluster_does_not_show() -> None:
    client = cluster()
    client.connection = SimpleNamespace(server=f"https://someone:{CANARY}@cluster/k8s")  # type: ignore[assignment]

    assert (await look(client)).server == "https://cluster/k8s"


def attached() -> list[Manifest]:
    route = leading(ingress("shop"), "chat")
    route["metadata"]["annotations"] = {"konghq.com/plugins": "theirs"}
    return [service("chat", plugins="assistant-opentelemetry,limits"), route, plugin("limits")]


async def test_what_runs_on_a_route_comes_from_every_level() -> None:
    plugins = [plugin("theirs", type_="opentelemetry"), plugin("assistant-opentelemetry", type_="opentelemetry")]
    survey = await Survey.take(ProxiedCluster(*attached(), *plugins))

    ways = find_ways(survey.cache, "ai", "shop")

    assert [str(way) for way in ways] == ["Ingress ai/shop -> Service ai/chat"]
    assert [(row.type, row.seat and row.seat.plugin, [s.plugin for s in row.shadowed]) for row in ways[0].running] == [
        ("opentelemetry", "theirs", ["assistant-opentelemetry"]),
        ("rate-limiting", "limits", []),
    ]


async def test_a_service_shows_the_routes_that_lead_to_it() -> None:
    survey = await Survey.take(ProxiedCluster(*attached()))

    assert [str(way) for way in find_ways(survey.cache, "ai", "chat")] == ["Ingress ai/shop -> Service ai/chat"]


async def test_a_name_that_nothing_has_shows_nothing() -> None:
    survey = await Survey.take(ProxiedCluster(*attached()))

    assert find_ways(survey.cache, "ai", "absent") == ()


def granting() -> ProxiedCluster:
    """A cluster whose gateway allows the binding, which is accepted then."""
    client = cluster()
    key = next(key for key in client.objects if key.kind == "Deployment")
    client.objects[key]["metadata"]["annotations"] = {"integrations.fiddler.ai/allow-bindings-from": "*"}
    return client


async def test_a_pod_of_the_gateway_is_asked_only_on_demand() -> None:
    client = granting()
    line = (1, b'{"stage": "connect", "error": "timeout"}\n')
    async with running(speaking(line, ending(SUCCESS))) as (server, url):

        async def load() -> Any:
            return configuration(url)

        client.connection = Connection(configuration(url), load)
        survey = await Survey.take(client)
        unasked = await Looker(client, None).gather(survey, [ASSISTANT])
        assert server.asked == []
        asked = await Looker(client, None, from_gateway=True).gather(survey, [ASSISTANT])

    assert unasked.cases[0].reach is None
    assert server.asked[0].path == "/api/v1/namespaces/kong/pods/gateway-1/exec"
    assert CANARY not in str(server.asked)
    assert [found.code.name for found in examine(asked).diagnoses if found.code.code.startswith("FKB139")] == ["GatewayCannotConnect"]


async def test_a_command_that_says_nothing_leaves_a_reason() -> None:
    client = granting()
    async with running(speaking((2, b"env: perl: no such file\n"), ending(SUCCESS))) as (_, url):

        async def load() -> Any:
            return configuration(url)

        client.connection = Connection(configuration(url), load)
        asked = await Looker(client, None, from_gateway=True).gather(await Survey.take(client), [ASSISTANT])

    reach = asked.cases[0].reach
    assert reach is not None
    assert "perl: no such file" in reach.missing


async def test_a_user_without_the_verbs_is_told_both() -> None:
    client = granting()
    async with running(refusal(403, 'pods "gateway-1" is forbidden: ')) as (_, url):

        async def load() -> Any:
            return configuration(url)

        client.connection = Connection(configuration(url), load)
        asked = await Looker(client, None, from_gateway=True).gather(await Survey.take(client), [ASSISTANT])

    assert asked.cases[0].reach == Look(
        missing='exec Pod kong/gateway-1: pods "gateway-1" is forbidden (needed: get and create of pods/exec)', denied=True
    )
