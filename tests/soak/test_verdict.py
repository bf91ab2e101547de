"""The verdict on a process that leaks resources, and on writes without a cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

import pytest

from tests.soak.audit import Write
from tests.soak.calls import Calls
from tests.soak.population import GATEWAYS, Member, Population
from tests.soak.verdict import Checkpoint, Vitals, grown, growth, head, leaked, row

VITALS = Vitals(rss=80.0, tasks=56, objects=300, delayed=0, files=11, idle=10, threads=11)
POPULATION = Population(24)


def rounds(vitals: Iterable[Vitals]) -> list[Checkpoint]:
    return [Checkpoint(number, 20.0, 100, 300, 20, 5, found) for number, found in enumerate(vitals, 1)]


def resident(*figures: float) -> list[Checkpoint]:
    return rounds(replace(VITALS, rss=figure) for figure in figures)


def attached(kind: str) -> Member:
    return next(member for member in POPULATION.members if member.attached == kind)


def exposed(*, troubled: bool) -> Member:
    return next(member for member in POPULATION.members if not member.attached and member.troubled is troubled)


def write(member: Member, what: str, ending: str = "") -> Write:
    return Write("patch", what, member.namespace, f"{member.name}{ending}")


def test_figures_that_stay_are_no_complaint() -> None:
    assert leaked(rounds([VITALS] * 6)) == []


def test_what_is_made_in_the_first_rounds_is_no_complaint() -> None:
    small = replace(VITALS, tasks=40, files=4)

    assert leaked(rounds([small, small, VITALS, VITALS])) == []


@pytest.mark.parametrize("name", ["tasks", "objects", "delayed", "files"])
def test_one_more_after_the_warm_up_is_named_with_its_round(name: str) -> None:
    leaky = replace(VITALS, **{name: getattr(VITALS, name) + 1})

    assert leaked(rounds([VITALS] * 4 + [leaky])) == [f"round 5: {getattr(leaky, name)} {name}, after {getattr(VITALS, name)}"]


@pytest.mark.parametrize(("name", "spare"), [("idle", 24), ("threads", 8)])
def test_what_is_bounded_by_a_pool_may_fill_the_pool_and_no_more(name: str, spare: int) -> None:
    full = replace(VITALS, **{name: getattr(VITALS, name) + spare})
    fuller = replace(VITALS, **{name: getattr(VITALS, name) + spare + 1})

    assert [bool(leaked(rounds([VITALS] * 4 + [found]))) for found in (full, fuller)] == [False, True]


def test_growth_is_that_of_the_medians_of_the_last_two_thirds() -> None:
    assert growth(resident(60, 70, 75, 80, 81, 99, 84, 82, 83)) == 2.0


def test_memory_that_grows_with_each_round_is_more_than_is_allowed() -> None:
    assert grown(resident(*(80 + 0.3 * number for number in range(36)))) == ["memory has grown by 3.6 MiB"]


def test_memory_that_fluctuates_is_not_said_to_grow() -> None:
    assert grown(resident(*(80 + number % 3 for number in range(36)))) == []


def test_few_rounds_say_nothing_about_growth() -> None:
    with pytest.raises(ValueError, match="8 rests say nothing"):
        growth(resident(*[80.0] * 8))
    assert grown(resident(60, 80, 100)) == []


def test_the_table_has_a_head_that_names_each_column_and_lines_of_its_width() -> None:
    lines = [head(), *map(row, rounds([VITALS] * 3))]

    assert {len(line) for line in lines} == {len(head())}
    assert lines[0].split() == ["number", "seconds", "writes", "probes", "faults", "bystanders", *asdict(VITALS)]


def test_a_write_about_a_binding_that_nothing_touched_has_no_cause() -> None:
    calls, member = Calls(POPULATION), exposed(troubled=False)

    assert calls.uncaused([write(member, "kongplugins", "-opentelemetry")]) == [
        f"patch kongplugins {member.namespace}/{member.name}-opentelemetry"
    ]


@pytest.mark.parametrize(
    ("what", "ending"),
    [("kongplugins", "-openai-ai-proxy"), ("fiddlerkongbindings", ""), ("fiddlerkongbindings/status", ""), ("events", ".0123abcd")],
)
def test_every_write_about_a_touched_binding_is_has_cause(what: str, ending: str) -> None:
    calls, member = Calls(POPULATION), exposed(troubled=False)
    calls.member(member)

    assert calls.uncaused([write(member, what, ending)]) == []


def test_an_endpoint_that_fails_calls_for_words_about_a_binding_and_nothing_else() -> None:
    member = exposed(troubled=True)
    words = [write(member, "fiddlerkongbindings/status"), write(member, "events", ".0123abcd")]
    deeds = [write(member, "secrets", "-kong-keys"), write(member, "fiddlerkongbindings")]

    assert Calls(POPULATION).uncaused(words + deeds) == [str(deed) for deed in deeds]


def test_a_shared_object_calls_for_writes_about_those_attached_to_it() -> None:
    calls, member = Calls(POPULATION), attached("Service")
    calls.target("Service", member.namespace)

    assert calls.uncaused([Write("patch", "services", member.namespace, "chat"), write(member, "fiddlerkongbindings")]) == []
    assert calls.uncaused([Write("patch", "ingresses", member.namespace, "page")]) != []


def test_a_gateway_calls_for_writes_about_itself_and_every_binding_that_names_it() -> None:
    calls, member = Calls(POPULATION), exposed(troubled=False)
    calls.gateway(member.gateway)
    other = next(name for name in POPULATION.gateway_names if name != member.gateway)

    assert calls.uncaused([Write("patch", "deployments", GATEWAYS, member.gateway), write(member, "services", "-openai")]) == []
    assert calls.uncaused([Write("patch", "deployments", GATEWAYS, other)]) != []


def test_bystanders_are_neither_touched_nor_on_an_endpoint_that_fails() -> None:
    calls = Calls(POPULATION)
    calls.member(exposed(troubled=False))

    assert calls.bystanders == 24 // 2 - 1
