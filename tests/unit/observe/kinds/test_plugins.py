from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.kinds.plugins import PluginFacts, reduce_plugin
from tests.unit.observe.changes import NONE, changed, deleted
from tests.unit.observe.objects import (
    ASSISTANT,
    ATTACHED,
    binding,
    cluster_plugin,
    http_route,
    ingress,
    key,
    leading,
    plugin,
    service,
    spec,
)

BOT = ObjectKey("FiddlerKongBinding", "ai", "bot")


def reduced(raw: Manifest) -> PluginFacts:
    return reduce_plugin(key(raw), raw)


def test_plugins_keep_type_class_and_reach() -> None:
    assert reduced(plugin()) == PluginFacts("rate-limiting")
    assert reduced(cluster_plugin("metrics")) == PluginFacts("prometheus", "kong", is_global=True)
    assert reduced(cluster_plugin("metrics", labels={"global": "false"})) == PluginFacts("prometheus", "kong")


@pytest.mark.parametrize(
    "then",
    [
        {"plugin": "opentelemetry", "config": {"traces_endpoint": "http://b.svc/"}},
        {"plugin": "opentelemetry", "config": {"traces_endpoint": "http://a.svc/", "metrics": {"endpoint": "http://a.svc/"}}},
        {"plugin": "opentelemetry", "config": {"traces_endpoint": "http://a.svc/"}, "disabled": True},
    ],
    ids=["another endpoint", "metrics", "disabled"],
)
def test_what_a_global_plugin_exports_requeues_every_binding(then: Manifest) -> None:
    before = {**cluster_plugin("tracing"), "plugin": "opentelemetry", "config": {"traces_endpoint": "http://a.svc/"}}
    assert changed(binding(), before, then={**cluster_plugin("tracing", 2), **then}) == {ASSISTANT}
    assert (
        changed(binding(), before, then={**cluster_plugin("tracing", 2), **before, "metadata": cluster_plugin("tracing", 2)["metadata"]})
        == NONE
    )


@pytest.mark.parametrize("written_as", ["rate-limit", "ai:rate-limit"])
def test_the_type_of_a_plugin_beside_ours_requeues_the_binding(written_as: str) -> None:
    before = (binding(spec_=spec(ATTACHED)), service(plugins=written_as), plugin())
    assert changed(*before, then=plugin(version=2, type_="ai-proxy")) == {ASSISTANT}
    assert changed(*before, then={**plugin(version=2), "config": {"minute": 6}}) == NONE
    assert deleted(*before, then=plugin()) == {ASSISTANT}


@pytest.mark.parametrize(
    "around",
    [(service(plugins="model"),), (service(), leading(ingress("front", plugins="model"), "chat"))],
    ids=["on it", "before it"],
)
def test_logging_of_an_ai_proxy_around_a_target_requeues_the_binding(around: tuple[Manifest, ...]) -> None:
    before = (binding(spec_=spec(ATTACHED)), *around, plugin("model", type_="ai-proxy"))
    logging = {**plugin("model", 2, type_="ai-proxy"), "config": {"logging": {"log_statistics": True}}}
    assert changed(*before, then=logging) == {ASSISTANT}


def test_logging_of_an_ai_proxy_behind_a_target_requeues_the_binding() -> None:
    to_route = {"name": "split", "attachTo": {"kind": "HTTPRoute", "name": "split"}}
    before = (binding(spec_=spec(to_route)), http_route("split", 1, "chat"), service(plugins="model"), plugin("model", type_="ai-proxy"))
    logging = {**plugin("model", 2, type_="ai-proxy"), "config": {"logging": {"log_statistics": True}}}
    assert changed(*before, then=logging) == {ASSISTANT}


def test_a_plugin_on_a_target_of_no_binding_requeues_nothing() -> None:
    assert changed(binding(), service(plugins="rate-limit"), then=plugin()) == NONE


def test_a_cluster_plugin_requeues_every_binding() -> None:
    assert changed(binding(), binding("bot"), then=cluster_plugin("metrics")) == {ASSISTANT, BOT}
    assert changed(binding(), cluster_plugin("metrics"), then=cluster_plugin("metrics", 2)) == NONE
