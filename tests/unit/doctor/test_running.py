from __future__ import annotations

from fiddler_kong_operator.doctor.running import Level, Running, Seat, running_plugins
from fiddler_kong_operator.kube.objects import ObjectKey

INGRESS = ObjectKey("Ingress", "ai", "chat")


def seat(plugin: str, level: Level, kind: str = "opentelemetry", *, disabled: bool = False) -> Seat:
    return Seat(kind, plugin, level, INGRESS, disabled)


EVERYWHERE, ON_SERVICE, ON_ROUTE = seat("a", Level.GLOBAL), seat("b", Level.SERVICE), seat("c", Level.ROUTE)


def test_of_one_type_the_most_specific_plugin_runs_and_hides_the_others() -> None:
    assert [*running_plugins([EVERYWHERE, ON_SERVICE, ON_ROUTE])] == [Running("opentelemetry", ON_ROUTE, (ON_SERVICE, EVERYWHERE))]


def test_plugins_of_different_types_run_together() -> None:
    other = seat("limits", Level.GLOBAL, "rate-limiting")

    assert [(row.type, row.seat) for row in running_plugins([other, ON_SERVICE])] == [
        ("opentelemetry", ON_SERVICE),
        ("rate-limiting", other),
    ]


def test_a_plugin_that_is_disabled_neither_runs_nor_hides_another() -> None:
    assert [*running_plugins([seat("off", Level.ROUTE, disabled=True), ON_SERVICE])] == [Running("opentelemetry", ON_SERVICE)]


def test_the_plugin_of_a_consumer_runs_for_its_calls_alone() -> None:
    bobs = seat("bobs", Level.CONSUMER)

    assert [*running_plugins([bobs, ON_SERVICE])] == [Running("opentelemetry", ON_SERVICE, consumers=(bobs,))]
    assert [*running_plugins([bobs])] == [Running("opentelemetry", None, consumers=(bobs,))]
