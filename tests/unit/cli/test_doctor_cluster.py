from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli import main
from tests.unit.cli.clusters import SmallCluster, serving
from tests.unit.doctor.cases import lease
from tests.unit.observe.objects import binding, deployment, ingress, leading, plugin, secret, service

CANARY = "canary-VERY-secret-0123456789"


@pytest.fixture
def cluster() -> SmallCluster:
    """A cluster with a binding that the operator has not seen yet."""
    keys = (secret("fiddler", value=CANARY.encode()), secret("openai", value=CANARY.encode()))
    gateway = deployment()
    gateway["spec"]["selector"] = {"matchLabels": {"app": "gateway"}}
    return SmallCluster(binding(), gateway, *keys, lease("2999-01-01T00:00:00Z"))


@pytest.fixture
def kubeconfig(cluster: SmallCluster, tmp_path: Path) -> Iterator[str]:
    with serving(cluster, tmp_path) as path:
        yield path


def doctor(kubeconfig: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "--kubeconfig", kubeconfig, "--no-probe", *options])


def found(result: Result) -> set[str]:
    return {entry["name"] for check in json.loads(result.stdout)["checks"] for entry in check["diagnoses"]}


def test_the_checks_go_from_the_cluster_to_the_arrivals(kubeconfig: str) -> None:
    result = doctor(kubeconfig, "--output=json")

    checks = json.loads(result.stdout)["checks"]
    areas = [check["area"] for check in checks]
    assert (areas[0], areas[-1], areas) == ("01", "14", sorted(areas))
    assert {check["binding"] for check in checks} == {None, "ai/assistant"}


def test_a_binding_that_is_not_there_could_not_be_looked_at(kubeconfig: str) -> None:
    result = doctor(kubeconfig, "absent")

    assert result.exit_code == 2
    assert "There is no FiddlerKongBinding absent in namespace ai. There are: assistant." in result.stderr


def test_a_namespace_without_bindings_is_said(kubeconfig: str) -> None:
    assert "There is no FiddlerKongBinding in namespace shop." in doctor(kubeconfig, "--namespace=shop").stderr


def test_all_namespaces_are_looked_at_on_request(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.put(binding("other", namespace="shop"))

    bindings = {check["binding"] for check in json.loads(doctor(kubeconfig, "-A", "--output=json").stdout)["checks"]}

    assert bindings == {None, "ai/assistant", "shop/other"}


def test_a_cluster_without_our_definition_is_diagnosed(kubeconfig: str, cluster: SmallCluster) -> None:
    del cluster.texts["/apis/integrations.fiddler.ai"]

    result = doctor(kubeconfig, "--output=json")

    assert (result.exit_code, "DefinitionMissing" in found(result)) == (1, True)


def test_nothing_is_written_and_no_key_is_shown(kubeconfig: str, cluster: SmallCluster) -> None:
    outputs = "".join(doctor(kubeconfig, f"--output={form}").output for form in ("text", "json", "yaml"))

    assert cluster.methods == {"GET"}
    assert CANARY not in outputs


def test_a_user_without_rights_learns_what_is_missing_and_still_sees_the_rest(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.forbidden = {"secrets", "pods", "ingresses"}

    result = doctor(kubeconfig, "--output=json")

    assert {"NotReadable", "GatewayNotGranted"} <= found(result)
    assert 'cannot list resource \\"pods\\"' in result.stdout


def test_a_user_without_any_right_could_not_look(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.forbidden = {"fiddlerkongbindings", "deployments", "leases"}

    assert doctor(kubeconfig).exit_code == 2


def test_it_waits_until_nothing_is_wrong(kubeconfig: str, cluster: SmallCluster) -> None:
    del cluster.texts["/apis/integrations.fiddler.ai"]
    repaired: dict[str, Any] = {"versions": [{"version": "v1alpha1"}]}
    timer = threading.Timer(1.0, lambda: cluster.texts.update({"/apis/integrations.fiddler.ai": repaired}))
    timer.start()

    result = doctor(kubeconfig, "--namespace=shop", "--wait", "--timeout=30")

    assert result.exit_code == 0, result.output


def test_waiting_ends(kubeconfig: str, cluster: SmallCluster) -> None:
    del cluster.texts["/apis/integrations.fiddler.ai"]

    assert doctor(kubeconfig, "--namespace=shop", "--wait", "--timeout=1").exit_code == 1


@pytest.fixture
def routed(cluster: SmallCluster) -> None:
    """An Ingress with a plugin of its own, before a Service with two."""
    route = leading(ingress("shop", plugins="theirs"), "chat")
    ours = plugin("ours", type_="opentelemetry")
    cluster.put(route, service("chat", plugins="ours,limits"), plugin("theirs", type_="opentelemetry"), ours, plugin("limits"))


@pytest.mark.usefixtures("routed")
def test_a_route_shows_which_plugin_runs_and_which_it_hides(kubeconfig: str) -> None:
    result = doctor(kubeconfig, "--route=ai/shop")

    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["Ingress", "ai/shop", "->", "Service", "ai/chat"],
        ["TYPE", "PLUGIN", "LEVEL", "ON", "HIDES"],
        ["opentelemetry", "theirs", "route", "Ingress", "ai/shop", "ours", "on", "Service", "ai/chat", "(service)"],
        ["rate-limiting", "limits", "service", "Service", "ai/chat"],
    ]


@pytest.mark.usefixtures("routed")
def test_a_route_is_shown_as_json_too(kubeconfig: str) -> None:
    routes = json.loads(doctor(kubeconfig, "--route=shop", "--output=json").stdout)["routes"]

    assert [(row["type"], row["plugin"], row["level"]) for row in routes[0]["plugins"]] == [
        ("opentelemetry", "theirs", "route"),
        ("rate-limiting", "limits", "service"),
    ]


def test_a_route_that_is_not_there_could_not_be_looked_at(kubeconfig: str) -> None:
    result = doctor(kubeconfig, "--route=ai/absent")

    assert result.exit_code == 2
    assert "there is no Ingress, HTTPRoute or Service ai/absent" in result.stderr


def test_one_kind_that_cannot_be_listed_hides_none_of_the_others(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.failing = {"kongplugins"}

    result = doctor(kubeconfig, "--output=json")

    assert {"NotReadable", "GatewayNotGranted"} <= found(result)
    assert "conversion webhook for kongplugins failed" in result.stdout


def test_a_cluster_that_does_not_list_the_bindings_could_not_be_looked_at(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.failing = {"fiddlerkongbindings"}

    result = doctor(kubeconfig)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: list FiddlerKongBinding: conversion webhook for fiddlerkongbindings failed\n"


def test_certificates_of_a_kubeconfig_that_are_none_end_in_a_sentence(kubeconfig: str) -> None:
    file = Path(kubeconfig)
    file.write_text(file.read_text().replace("server: http:", "certificate-authority-data: aGVsbG8=\n    server: https:"))

    result = doctor(kubeconfig)

    assert result.exit_code == 2
    assert "Error: No access to a cluster: the kubeconfig's certificates cannot be used" in result.stderr


def test_what_a_tenant_calls_a_plugin_cannot_write_to_the_terminal(kubeconfig: str, cluster: SmallCluster) -> None:
    cluster.put(service("chat", plugins="theirs"), leading(ingress("shop"), "chat"), plugin("theirs", type_="x\x1b]0;owned\x07"))

    result = doctor(kubeconfig, "--route=ai/shop")

    assert "x ]0;owned" in result.stdout
    assert result.stdout.replace("\n", "").isprintable()


@pytest.mark.usefixtures("routed")
def test_a_ca_bundle_that_cannot_be_read_is_named(kubeconfig: str) -> None:
    result = CliRunner().invoke(main, ["doctor", "--kubeconfig", kubeconfig, "--probe-ca-file=/nowhere"])

    assert (result.exit_code, result.stderr) == (2, "Error: --probe-ca-file: /nowhere cannot be read (No such file or directory)\n")
