"""A route is Ready when Kong's controller has confirmed it, and what keeps Kong from it is named."""

from __future__ import annotations

import pytest

from tests.integration.arena import Arena

pytestmark = pytest.mark.provided


def test_a_route_is_confirmed_by_the_address_of_its_ingress(arena: Arena) -> None:
    arena.put(arena.binding())

    arena.until_ready()
    arena.until(lambda: arena.conditions()["PluginsProgrammed"]["message"].endswith("Kong has taken the routes."), "the confirmation")
    assert arena.existing("Ingress", "assistant-openai")["status"]["loadBalancer"]["ingress"]
    arena.until_quiet()
