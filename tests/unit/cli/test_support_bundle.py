from __future__ import annotations

import base64
import stat
import tarfile
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Final

import click.testing
import pytest
import yaml
from click.testing import CliRunner

from fiddler_kong_operator import names
from fiddler_kong_operator.cli import main
from fiddler_kong_operator.errors import Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Page
from fiddler_kong_operator.kube.errors import Call
from fiddler_kong_operator.kube.objects import Kind, Manifest, ObjectKey
from tests.unit.observe.objects import ASSISTANT, LLM, binding, deployment, ours, plugin, secret, service, spec, warning
from tests.unit.runtime.apis import WatchableCluster

HOME: Final = names.APPLICATION
CANARY: Final = "canary-8c1f2e77a0"
"""The start of every key that must not come out. Each is followed by the place that it is in."""


def canary(place: str) -> str:
    return f"{CANARY}-{place}"


class Readable(WatchableCluster):
    """Has logs and pages as well, by path, and heeds label selectors."""

    def __init__(
        self, *objects: Manifest, pages: Mapping[str, str] | None = None, others: Mapping[ObjectKey, Manifest] | None = None
    ) -> None:
        """`others` are of kinds that the operator does not know."""
        super().__init__(*objects)
        self.pages = dict(pages or {})
        self.silent = False
        self.objects |= dict(others or {})

    async def read(self, call: Call, path: str, query: Mapping[str, Any] | None = None, limit: int = 1 << 20) -> bytes:
        if self.silent:
            raise Transient(f"{call}: no answer from the API server")
        key = f"{path}?previous" if (query or {}).get("previous") else path
        if key not in self.pages:
            raise Gone(f"{call}: not found")
        return self.pages[key].encode()[:limit]

    async def list_pages(self, kind: Kind, namespace: str | None, limit: int = 500) -> AsyncGenerator[Page, None]:
        wanted = dict(pair.split("=") for pair in kind.label_selector.split(",") if pair)
        async for page in super().list_pages(kind, namespace, limit):
            yield Page(
                [raw for raw in page.items if wanted.items() <= (raw["metadata"].get("labels") or {}).items()], page.resource_version
            )


def pod(name: str, namespace: str, labels: Mapping[str, str], **content: Any) -> tuple[ObjectKey, Manifest]:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "1", "labels": dict(labels)}
    return ObjectKey("Pod", namespace, name), {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **content}


def everything() -> Readable:
    """A cluster with a key in every odd place."""
    applied = {"kubectl.kubernetes.io/last-applied-configuration": canary("last-applied"), "note": canary("annotation")}
    overrides = [{"plugin": "ai-proxy", "patch": [{"op": "add", "path": "/model/options/x", "value": {"deep": canary("override")}}]}]
    attributes = [{"name": "gen_ai.agent.name", "value": canary("attribute")}]
    route = {"name": "openai", "expose": {"path": "/openai"}, "llm": {**LLM, "options": {"upstreamUrl": f"https://h/{canary('upstream')}"}}}
    bound = binding(spec_=spec(route, overrides=overrides, attributes=attributes), annotations=applied, labels={"x": canary("label")})
    said = f"Kong answered {canary('condition')} about ai/assistant"
    status = {"type": "Ready", "status": "False", "reason": "X", "message": said, "observedGeneration": 1, "lastTransitionTime": "t"}
    bound["status"] = {"conditions": [status], "installation": HOME, "lastTraceTime": "2026-11-29T00:00:00Z"}
    env = ({"name": "KONG_PG_PASSWORD", "value": canary("env")}, {"name": "KONG_UNTRUSTED_LUA", "value": canary("setting")})
    gateway = deployment(1, *env, {"name": "KONG_TRACING_SAMPLING_RATE", "value": "1.0"}, annotations=applied)
    gateway["spec"]["selector"] = {"matchLabels": {"app": "kong"}}
    container = gateway["spec"]["template"]["spec"]["containers"][0]
    container["args"], container["command"] = [canary("args")], [canary("command")]
    gateway["spec"]["template"]["metadata"] = {"annotations": {"a": canary("pod-annotation")}}
    child = ours(plugin("assistant-opentelemetry", type_="opentelemetry"))
    child["config"] = {"headers": {"Authorization": canary("config")}, "sampling_rate": 0.5, "access": [canary("lua")]}
    derived = ours(secret("assistant-kong-keys", value=canary("derived").encode()))
    attached = service("chat", annotations={"konghq.com/headers.x": canary("header")})
    event = warning("assistant-opentelemetry", message=f"bad value {canary('event')} in {canary('fiddler')}")
    odd = warning("unrelated", message=canary("unrelated-event"), name="unrelated")
    labels = {"app.kubernetes.io/name": HOME}
    operator_pod = pod(
        "operator-1", HOME, labels, status={"containerStatuses": [{"name": "o", "state": {"w": {"message": canary("state")}}}]}
    )
    gateway_pod = pod("kong-1", "kong", {"app": "kong"}, spec={"containers": [{"name": "proxy", "env": [env[0]]}]})
    log = "\n".join(
        (
            "2026-11-29T00:00:00Z INFO ai/assistant: Ready",
            f"2026-11-29T00:00:01Z WARN the server quotes {canary('fiddler')}",
            f"2026-11-29T00:00:02Z WARN it quotes {base64.b64encode(canary('fiddler').encode()).decode()}",
            f"2026-11-29T00:00:03Z WARN nobody knows {canary('unknown')}",
            "",
        )
    )
    root = f"/api/v1/namespaces/{HOME}/pods"
    pages = {
        f"{root}/operator-1/log": log,
        f"{root}/operator-1/log?previous": canary("previous"),
        f"{root}/operator-1:8081/proxy/metrics": f'# HELP x\nfiddler_kong_operator_leader 1.0\nother{{x="{canary("metric")}"}} 1\n',
        "/version": f'{{"gitVersion": "v1.36.0", "buildDate": "{canary("version")}"}}',
    }
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": HOME, "namespace": HOME, "annotations": applied}}
    lease["spec"] = {"holderIdentity": "operator-1", "strange": canary("lease")}
    others = dict([operator_pod, gateway_pod, (ObjectKey("Lease", HOME, HOME), lease)])
    keys = (secret("fiddler", value=canary("fiddler").encode(), annotations=applied), secret("openai", value=b"sk-short"), derived)
    return Readable(bound, gateway, child, attached, event, odd, *keys, pages=pages, others=others)


def bundle(cluster: Readable, folder: Path, *args: str) -> tuple[click.testing.Result, dict[str, str]]:
    """The result and the files of the archive by name."""
    path = folder / "bundle.tar.gz"
    result = CliRunner().invoke(main, ["support-bundle", "-n", "ai", "-o", str(path), *args], obj=cluster)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert cluster.writes == []
    if not path.exists():
        return result, {}
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return result, {name.removeprefix("bundle/"): file.read().decode() for name, file in files.items() if file}


def test_no_key_comes_out_from_any_place(tmp_path: Path) -> None:
    result, files = bundle(everything(), tmp_path)

    encoded = [base64.b64encode(canary(place).encode()).decode() for place in ("fiddler", "derived")]
    found = [(name, line) for name, text in files.items() for line in text.splitlines() if CANARY in line or "sk-short" in line]
    assert found == []
    assert not [form for form in encoded if any(form in text for text in files.values())]
    assert CANARY not in result.output
    assert result.exit_code == 0


def test_what_helps_is_there(tmp_path: Path) -> None:
    _, files = bundle(everything(), tmp_path)

    [bound] = yaml.safe_load_all(files["objects/FiddlerKongBinding.yaml"])
    [gateway] = yaml.safe_load_all(files["objects/Deployment.yaml"])
    [child] = yaml.safe_load_all(files["objects/KongPlugin.yaml"])
    assert bound["spec"]["routes"][0]["llm"]["model"] == "gpt-4o-mini"
    assert bound["spec"]["overrides"][0]["patch"] == [{"op": "add", "path": "/model/options/x", "value": "<redacted>"}]
    assert bound["status"]["lastTraceTime"] == "2026-11-29T00:00:00Z"
    assert bound["status"]["conditions"][0]["message"] == "Kong answered [redacted] about ai/assistant"
    assert {entry["name"]: entry["value"] for entry in gateway["spec"]["template"]["spec"]["containers"][0]["env"]} == {
        "KONG_PG_PASSWORD": "<redacted>",
        "KONG_UNTRUSTED_LUA": "<redacted>",
        "KONG_TRACING_SAMPLING_RATE": "1.0",
    }
    assert child["config"] == {"headers": {"Authorization": "<redacted>"}, "sampling_rate": 0.5, "access": "<redacted>"}
    assert files[f"logs/{HOME}/operator-1.log"].splitlines()[0] == "2026-11-29T00:00:00Z INFO ai/assistant: Ready"
    assert files[f"metrics/{HOME}/operator-1.txt"] == "# HELP x\nfiddler_kong_operator_leader 1.0\n"
    assert yaml.safe_load(files["versions.yaml"])["cluster"] == {"gitVersion": "v1.36.0"}
    assert "unrelated" not in files["objects/Event.yaml"]
    assert {name.partition("/")[0] for name in files} == {"index.txt", "objects", "logs", "metrics", "versions.yaml"}
    assert {"Secret", "Lease", "Pod", "Event"} <= {Path(name).stem for name in files}


def test_the_archive_is_its_owners_alone_and_the_index_names_every_file(tmp_path: Path) -> None:
    _, files = bundle(everything(), tmp_path)

    assert stat.S_IMODE((tmp_path / "bundle.tar.gz").stat().st_mode) == 0o600
    assert [name for name in files if name not in files["index.txt"]] == ["index.txt"]
    assert "CustomResourceDefinition kongplugins.configuration.konghq.com: not there" in files["index.txt"]


def test_an_operator_without_a_lease_is_found_by_its_deployment(tmp_path: Path) -> None:
    cluster = everything()
    bound = cluster.objects[ASSISTANT]
    bound["status"]["installation"] = "without-lease"
    cluster.put(deployment(1, namespace=HOME, name=HOME, labels={"app.kubernetes.io/name": HOME}))

    _, files = bundle(cluster, tmp_path)

    assert f"logs/{HOME}/operator-1.log" in files


def test_a_log_that_is_too_long_is_told(tmp_path: Path) -> None:
    cluster = everything()
    cluster.pages[f"/api/v1/namespaces/{HOME}/pods/operator-1/log"] = "an ordinary line\n" * (1 << 20)

    _, files = bundle(cluster, tmp_path)

    assert f"log of Pod {HOME}/operator-1: the end, after 16 MiB" in files["index.txt"]


def test_where_the_secrets_cannot_be_read_no_text_of_others_is_shown(tmp_path: Path) -> None:
    cluster = everything()
    cluster.errors["Secret in ai"] = [Refused("list Secret ai: forbidden", 403)]

    result, files = bundle(cluster, tmp_path)

    assert "Not in it: Secrets of ai, so texts are left out: list Secret ai: forbidden" in result.stderr
    assert "Secrets of ai" in files["index.txt"]
    assert files[f"logs/{HOME}/operator-1.log"] == "<redacted>"
    assert not [name for name, text in files.items() if CANARY in text]
    assert result.exit_code == 0


def test_what_may_not_be_read_is_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    cluster = everything()
    cluster.pages = {"/version": "{}"}
    for place in ("Pod in kong", "Event in ai", f"Deployment in {HOME}"):
        cluster.errors[place] = [Refused(f"list {place}: forbidden", 403)]

    result, files = bundle(cluster, tmp_path)

    assert [text for text in ("Pods in kong", "Events in ai", "log of Pod") if text not in files["index.txt"]] == []
    assert "objects/FiddlerKongBinding.yaml" in files
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Gone("list FiddlerKongBinding: not found"), "FiddlerKongBindings in ai: not there"),
        (Refused("list FiddlerKongBinding ai: forbidden", 403), "FiddlerKongBindings in ai: list FiddlerKongBinding ai: forbidden"),
        (Transient("list FiddlerKongBinding: no answer"), "FiddlerKongBindings in ai: list FiddlerKongBinding: no answer"),
    ],
)
def test_a_cluster_that_shows_nothing_ends_in_a_sentence(error: Exception, message: str, tmp_path: Path) -> None:
    cluster = Readable()
    cluster.errors["FiddlerKongBinding in ai"] = [error]

    result, files = bundle(cluster, tmp_path)

    assert f"Not in it: {message}" in result.stderr
    assert result.stderr.endswith("Error: the cluster shows nothing that belongs in a bundle.\n")
    assert (files, result.exit_code) == ({}, 2)


def test_a_cluster_that_does_not_answer_is_asked_once(tmp_path: Path) -> None:
    cluster = everything()
    cluster.silent = True

    result, files = bundle(cluster, tmp_path)

    assert (result.stderr, result.exit_code) == ("Error: get Version: no answer from the API server\n", 2)
    assert (files, cluster.lists) == ({}, [])


def test_an_archive_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(b"mine")

    result = CliRunner().invoke(main, ["support-bundle", "-o", str(tmp_path / "bundle.tar.gz")], obj=everything())

    assert "exists already" in result.stderr
    assert (result.exit_code, (tmp_path / "bundle.tar.gz").read_bytes()) == (2, b"mine")


def test_an_archive_that_cannot_be_written_ends_in_a_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["support-bundle", "-n", "ai", "-o", str(tmp_path / "no" / "b.tar.gz")], obj=everything())

    assert "cannot be written: No such file or directory." in result.stderr
    assert result.exit_code == 2
