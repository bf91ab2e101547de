from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_operator.errors import Stalled
from fiddler_kong_operator.plan.objects.declarative import build_declarative, placeholders
from fiddler_kong_operator.plan.objects.overrides import check_plugins
from tests.unit.plan.plans import llm_with, plan_of, spec_of

THIEF = {"plugin": "opentelemetry", "patch": [{"op": "replace", "path": "/traces_endpoint", "value": "https://evil.example"}]}
REFUSED: list[tuple[list[Any], dict[str, Any]]] = [
    ([], {"overrides": [THIEF]}),
    ([llm_with(options={"upstreamUrl": "https://1.2.3/call"})], {}),
]


def test_the_quickstart_can_be_built() -> None:
    assert check_plugins(spec_of()) is None


@pytest.mark.parametrize(("routes", "fields"), REFUSED, ids=["override", "provider"])
def test_nothing_refused_is_ever_built(routes: list[Any], fields: dict[str, Any]) -> None:
    spec = spec_of(*routes, **fields)
    found = check_plugins(spec)
    assert found is not None
    with pytest.raises(Stalled) as planned:
        plan_of(spec)
    with pytest.raises(Stalled) as written:
        build_declarative(spec, placeholders(spec))
    assert [(e.value.reason, str(e.value)) for e in (planned, written)] == [("InvalidSpec", found.message)] * 2
