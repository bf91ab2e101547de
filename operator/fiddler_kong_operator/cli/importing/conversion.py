"""A Kong file -> bindings, Secrets and the report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.crd import MAX_NAME
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT, EndpointPolicy
from fiddler_kong_operator.plan.snapshot import Binding

from .ai_proxy import ReadLlm, read_llm
from .drafts import Draft, NamedRoute, checked
from .entrances import Entrance, Entrances
from .guard import Guard
from .kong_file import CARRIED, KongFile, Plugin, Route, read_kong_file
from .models import Unfit
from .naming import Namer
from .opentelemetry import Destination, Given, read_destination
from .pre_function import NOTHING, Stamps, read_stamps
from .report import Remark, Report
from .shown import shown_name

__all__ = ["Choices", "Imported", "import_kong"]

_MOST_ROUTES: Final = 16
_SHOWN: Final = 3
"""Ingresses that one sentence names."""

_LONGEST_ROUTE: Final = 20
_AI: Final = ("ai-proxy-advanced", "ai-proxy")

_NO_AI: Final = "was left out: no ai-proxy handles its calls, so they are no LLM traffic for Fiddler. It stays yours."
_NO_FIDDLER: Final = "was left out: no opentelemetry plugin says where in Fiddler its traces go. Give --fiddler-url and --application-id."
_UNUSED: Final = "was left out: it runs for no route that was imported."
_OWN: Final = "The binding attaches to an Ingress `{}` instead: create it, with this plugin as a KongPlugin of your own."
_HIDDEN: Final = "a remark is not shown, because a key stands in it: move the key into the field where it belongs."


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of the command's user."""

    namespace: str
    target: Manifest
    """`spec.gateway.targetRef`."""
    name: str
    """The binding's name; a second one gets a number."""
    given: Given = field(default_factory=Given)
    endpoints: EndpointPolicy = STRICT


@dataclass(frozen=True, slots=True)
class Imported:
    """The result. `secrets` holds keys, and nothing else does."""

    bindings: tuple[Manifest, ...]
    secrets: tuple[Manifest, ...] = field(repr=False)
    remarks: tuple[Remark, ...]


@dataclass(slots=True)
class _Group:
    """Routes that go to one destination with the same stamps."""

    destination: Destination
    stamps: Stamps
    routes: list[tuple[Route, Entrance, ReadLlm | None]] = field(default_factory=list)


def import_kong(manifest: Manifest, choices: Choices) -> Imported:
    """Everything that bindings can carry, and a remark for each thing that they cannot."""
    report, guard = Report(), Guard(manifest)
    file = read_kong_file(manifest, report)
    reader = _Reader(file, choices.given, report)
    for route in file.routes:
        reader.read(route)
    drafts = _checked(reader.groups.values(), choices, report)
    _report_plugins(file, reader.used, drafts, report)
    bindings, secrets = list[Manifest](), list[Manifest]()
    for draft in drafts:
        binding, needed = draft.written()
        if guard.holds(json.dumps(binding, ensure_ascii=False)):
            bindings.append(binding)
            secrets += needed.manifests
            for key, text in needed.missing.items():
                report.lose(key.place, text)
        else:
            report.lose(
                f"binding {draft.name}", "is not printed, because a key of the file stands in another field too, where it would show."
            )
    return Imported(tuple(bindings), tuple(secrets), tuple(_shown(report, guard)))


def _shown(report: Report, guard: Guard) -> Iterator[Remark]:
    """The remarks. One that holds a key, which should not happen, is replaced."""
    return (remark if guard.holds(str(remark)) else Remark("(hidden)", _HIDDEN, lost=True) for remark in report.remarks)


class _Reader:
    """Reads each plugin once, however many routes it serves, and groups the routes."""

    def __init__(self, file: KongFile, given: Given, report: Report) -> None:
        self._file, self._given, self._report = file, given, report
        self._entrances = Entrances()
        self._llms: dict[Plugin, ReadLlm | Unfit] = {}
        self._destinations: dict[Plugin | None, Destination | None] = {}
        self._stamps: dict[Plugin, Stamps] = {}
        self._routes_of = Counter(route.service for route in file.routes)
        self.groups: dict[tuple[str, Stamps], _Group] = {}
        self.used: set[Plugin] = set()

    def read(self, route: Route) -> None:
        """Put a route into its group, or report why it has none."""
        ai = self._file.plugin_of(route, *_AI)
        exporter, function = self._file.plugin_of(route, "opentelemetry"), self._file.plugin_of(route, "pre-function")
        destination = self._destination(exporter) if ai else None
        if ai is None or destination is None:
            self._report.lose(route.part.place, _NO_FIDDLER if ai else _NO_AI)
            return
        self.used |= {plugin for plugin in (ai, exporter, function) if plugin}
        stamps = self._stamps_of(function) if function else NOTHING
        llm = self._llm(ai)
        group = self.groups.setdefault((destination.identity, stamps), _Group(destination, stamps))
        alone = self._routes_of[route.service] == 1
        for entrance in self._entrances.of(route, alone=alone, attach=isinstance(llm, Unfit)):
            group.routes.append((route, entrance, None if isinstance(llm, Unfit) else llm))
            if isinstance(llm, Unfit):
                self._report.lose(llm.place, f"{llm.text} {_OWN.format(entrance.ingress)}")

    def _destination(self, plugin: Plugin | None) -> Destination | None:
        if plugin not in self._destinations:
            self._destinations[plugin] = read_destination(plugin, self._given)
        return self._destinations[plugin]

    def _stamps_of(self, plugin: Plugin) -> Stamps:
        if plugin not in self._stamps:
            self._stamps[plugin] = read_stamps(plugin)
        return self._stamps[plugin]

    def _llm(self, plugin: Plugin) -> ReadLlm | Unfit:
        if plugin not in self._llms:
            try:
                self._llms[plugin] = read_llm(plugin)
            except Unfit as unfit:
                self._llms[plugin] = unfit
        return self._llms[plugin]


def _checked(groups: Iterable[_Group], choices: Choices, report: Report) -> list[Draft]:
    """The drafts that would be accepted: one for each group, or several if it has more routes than a binding can have."""
    namer, drafts, bindings = Namer(MAX_NAME), list[Draft](), list[Binding]()
    for draft in _drafts(groups, choices, namer, report):
        found = checked(draft, bindings, choices.endpoints, report)
        if found:
            drafts.append(found[0])
            bindings.append(found[1])
    return drafts


def _drafts(groups: Iterable[_Group], choices: Choices, namer: Namer, report: Report) -> Iterator[Draft]:
    for group in groups:
        for start in range(0, len(group.routes), _MOST_ROUTES):
            routes = tuple(_named(group.routes[start : start + _MOST_ROUTES], report))
            yield Draft(namer.name(choices.name), choices.namespace, choices.target, group.destination, group.stamps, routes)


def _named(routes: Iterable[tuple[Route, Entrance, ReadLlm | None]], report: Report) -> Iterator[NamedRoute]:
    """The routes with names. A second one with the same host and path is left out."""
    namer, served = Namer(_LONGEST_ROUTE), set[str]()
    for route, entrance, llm in routes:
        place = json.dumps({name: entrance.fields["expose"].get(name) for name in ("host", "path")}) if "expose" in entrance.fields else ""
        if place in served:
            report.lose(route.part.place, "was left out: another route of the file has the same host and path.")
            continue
        served |= {place} - {""}
        yield NamedRoute(namer.name(*entrance.wishes, llm.provider if llm else None), route, entrance, llm)


def _report_plugins(file: KongFile, used: set[Plugin], drafts: list[Draft], report: Report) -> None:
    """Report each plugin that no binding carries."""
    for plugin in file.plugins:
        if plugin.type in CARRIED:
            if plugin not in used:
                report.lose(plugin.place, _UNUSED)
        else:
            report.lose(plugin.place, _stays(plugin, drafts))


def _stays(plugin: Plugin, drafts: list[Draft]) -> str:
    covered = [(draft, route) for draft in drafts for route in draft.routes if plugin.covers(route.source)]
    places = list(dict.fromkeys(route.entrance.ingress or names.route_objects(draft.name, route.name) for draft, route in covered))
    whose = f"{shown_name(plugin.type)} stays yours"
    if not places:
        return f"{whose}: it runs for no route that was imported."
    rest = len(places) - _SHOWN
    shown = ", ".join(f"`{place}`" for place in places[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    return f"{whose}: make a KongPlugin of it, and add its name to {names.KONG_PLUGINS_ANNOTATION} of the Ingress {shown}."
