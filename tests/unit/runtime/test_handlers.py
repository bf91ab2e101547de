"""What kopf is told, read from its registry: nothing of its that writes is used."""

from __future__ import annotations

from typing import Any

import aiohttp
import kopf
import pytest
from aiohttp import web

from devcluster.listener import Listener
from fiddler_kong_operator.runtime.handlers import EXIT_TIMEOUT, IDLE_TIMEOUT, register

CONNECTION = kopf.ConnectionInfo(server="https://10.0.0.1")


class Shell:
    """Takes what the handlers hand on."""

    def __init__(self) -> None:
        self.stuck: list[str] = []
        self.observed: list[tuple[str | None, dict[str, Any]]] = []
        self.lists = 0

    async def connection(self) -> kopf.ConnectionInfo:
        return CONNECTION

    def observe(self, event_type: str | None, raw: dict[str, Any]) -> None:
        self.observed.append((event_type, raw))

    def rewatched(self) -> None:
        self.lists += 1

    def problems(self) -> list[str]:
        return self.stuck

    def report(self) -> dict[str, Any]:
        return {"probes": 3}


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def registry(shell: Shell) -> kopf.OperatorRegistry:
    made = kopf.OperatorRegistry()
    register(made, shell)
    return made


async def call(registry: kopf.OperatorRegistry, activity: str, **arguments: Any) -> Any:
    """What the one handler of an activity returns."""
    (handler,) = (h for h in registry._activities.get_all_handlers() if h.activity is not None and h.activity.value == activity)
    fn: Any = handler.fn
    return await fn(**arguments)


def test_only_bindings_are_watched_and_only_without_kopf_s_state_keeping(registry: kopf.OperatorRegistry) -> None:
    (handler,) = registry._watching.get_all_handlers()

    selector = handler.selector
    assert selector is not None
    assert (selector.group, selector.version, selector.any_name) == ("integrations.fiddler.ai", "v1alpha1", "fiddlerkongbindings")
    state_keeping = (registry._changing, registry._spawning, registry._indexing, registry._webhooks)
    assert [list(kept.get_all_handlers()) for kept in state_keeping] == [[], [], [], []]


async def test_kopf_posts_no_events_and_ends_before_the_pod_is_killed(registry: kopf.OperatorRegistry) -> None:
    settings = kopf.OperatorSettings()

    await call(registry, "startup", settings=settings)

    assert not settings.posting.enabled
    assert (settings.queueing.idle_timeout, settings.process.ultimate_exiting_timeout) == (IDLE_TIMEOUT, EXIT_TIMEOUT)
    assert EXIT_TIMEOUT < 30


async def test_kopf_lists_no_more_than_one_binding(registry: kopf.OperatorRegistry) -> None:
    settings = kopf.OperatorSettings()

    await call(registry, "startup", settings=settings)

    assert settings.watching.chunk_size == 1


async def test_kopf_logs_in_as_the_operator_does(registry: kopf.OperatorRegistry) -> None:
    context = await call(registry, "authentication")

    async with context.aiohttp_session as session:
        assert context.server == CONNECTION.server
        assert session.headers.get("Authorization") == CONNECTION.as_http_headers().get("Authorization")


async def test_kopfs_lists_of_bindings_are_told_once_they_are_answered(registry: kopf.OperatorRegistry, shell: Shell) -> None:
    lists: list[int] = []

    async def answer(_request: web.Request) -> web.Response:
        lists.append(shell.lists)
        return web.Response()

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with Listener(app) as listener, (await call(registry, "authentication")).aiohttp_session as session:
        for path in ("fiddlerkongbindings", "fiddlerkongbindings?watch=true", ""):
            await session.get(f"{listener.url}/apis/integrations.fiddler.ai/v1alpha1/{path}")

    assert (lists, shell.lists) == ([0, 1, 1], 1)


async def test_a_list_that_nobody_answers_is_not_told(registry: kopf.OperatorRegistry, shell: Shell) -> None:
    async with (await call(registry, "authentication")).aiohttp_session as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get("http://127.0.0.1:1/apis/integrations.fiddler.ai/v1alpha1/fiddlerkongbindings")

    assert shell.lists == 0


async def test_healthz_shows_the_figures_while_all_is_well(registry: kopf.OperatorRegistry) -> None:
    assert await call(registry, "probe") == {"probes": 3}


async def test_healthz_fails_with_everything_that_is_stuck(registry: kopf.OperatorRegistry, shell: Shell) -> None:
    shell.stuck = ["the watch of Secret is silent", "ai/assistant is in work"]

    with pytest.raises(kopf.PermanentError, match="the watch of Secret is silent; ai/assistant is in work"):
        await call(registry, "probe")


@pytest.mark.parametrize("event_type", [None, "ADDED", "MODIFIED", "DELETED"])
async def test_what_is_observed_is_handed_on(registry: kopf.OperatorRegistry, shell: Shell, event_type: str | None) -> None:
    (handler,) = registry._watching.get_all_handlers()

    fn: Any = handler.fn
    await fn(event={"type": event_type, "object": {"metadata": {"name": "assistant"}}})

    assert shell.observed == [(event_type, {"metadata": {"name": "assistant"}})]
