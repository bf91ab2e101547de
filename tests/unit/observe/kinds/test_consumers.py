from __future__ import annotations

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.observe.kinds.consumers import ConsumerFacts
from fiddler_kong_operator.plan.kinds import KONG_CONSUMER
from tests.unit.observe.changes import NONE, changed, deleted
from tests.unit.observe.objects import ASSISTANT, binding, cluster_plugin, consumer, plugin

BOT = ObjectKey("FiddlerKongBinding", "ai", "bot")
TRACING = plugin("tracing", type_="opentelemetry", namespace="shop")
BOTH = (binding(), binding("bot"))


@pytest.mark.parametrize("kind", ["KongConsumer", "KongConsumerGroup"])
@pytest.mark.parametrize(
    ("listing", "expected"), [("tracing", {ASSISTANT, BOT}), ("shop:tracing", {ASSISTANT, BOT}), ("limit", NONE), (None, NONE)]
)
def test_a_consumer_with_a_plugin_of_a_type_of_ours_concerns_every_binding(
    kind: str, listing: str | None, expected: set[ObjectKey]
) -> None:
    limit = plugin("limit", namespace="shop")
    assert changed(*BOTH, TRACING, limit, then=consumer("alice", plugins=listing, kind=kind)) == expected


def test_so_does_the_plugin_that_it_lists_when_it_comes_and_goes() -> None:
    before = (*BOTH, consumer("alice", plugins="tracing"))
    assert changed(*before, then=TRACING) == {ASSISTANT, BOT}
    assert deleted(*before, TRACING, then=TRACING) == {ASSISTANT, BOT}
    assert changed(*before, then=plugin("tracing", namespace="shop")) == NONE


def test_a_consumer_that_changes_elsewhere_concerns_nobody() -> None:
    alice = consumer("alice", plugins="tracing")
    assert changed(*BOTH, TRACING, alice, then={**consumer("alice", 2, plugins="tracing"), "username": "alice"}) == NONE


@pytest.mark.parametrize(("plugins", "kept"), [(None, 0), ("", 0), ("tracing", 1)])
def test_of_thousands_of_consumers_only_those_with_plugins_are_kept(plugins: str | None, kept: int) -> None:
    cache = Cache()
    for number in range(2000):
        cache.observe(consumer(f"c{number}", plugins=plugins))
    assert len(cache) == 2000 * kept


def test_a_cluster_plugin_of_the_name_counts_too() -> None:
    everywhere = cluster_plugin("tracing", type_="opentelemetry")
    assert changed(*BOTH, everywhere, then=consumer("alice", plugins="tracing")) == {ASSISTANT, BOT}


def test_nothing_else_of_a_consumer_is_kept() -> None:
    cache = Cache()
    cache.observe({**consumer("alice", plugins="tracing"), "credentials": ["alice-key"], "username": "alice", "custom_id": "4711"})
    (record,) = cache.values(KONG_CONSUMER, object)
    assert record == (ObjectKey("KongConsumer", "shop", "alice"), ConsumerFacts(("tracing",), "kong"))
