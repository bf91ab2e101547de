"""Bindings in the making: each is checked as `render` checks it, and loses the routes and overrides that would be refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api import STORED
from fiddler_kong_operator.cli.documents import Document
from fiddler_kong_operator.cli.offline import Surroundings, render_objects
from fiddler_kong_operator.cli.strict import InvalidBindingError, parse_binding
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.acceptance.endpoint import EndpointPolicy
from fiddler_kong_operator.plan.snapshot import Binding

from .ai_proxy import ReadLlm
from .entrances import Entrance
from .kong_file import Route
from .opentelemetry import Destination
from .overriding import Operation
from .pre_function import Stamps
from .report import Report
from .secrets import Secrets

__all__ = ["Draft", "NamedRoute", "checked"]

_MOST_OPERATIONS: Final = 16
_OF_OVERRIDE: Final = re.compile(r"spec\.overrides(?:\[(\d+)\])?(?:\.patch\[(\d+)\])?[^ :]*:? ?")
_OF_ROUTE: Final = re.compile(r"spec\.routes\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True, eq=False)
class NamedRoute:
    """A route of a binding, and the Kong route that it is made from. `llm` is None where the user's own ai-proxy stays."""

    name: str
    source: Route
    entrance: Entrance
    llm: ReadLlm | None


@dataclass(frozen=True, slots=True, eq=False)
class _Override:
    """One `spec.overrides`: for a route, or for `opentelemetry`."""

    plugin: str
    route: str | None
    operations: tuple[Operation, ...]

    @property
    def manifest(self) -> Manifest:
        whose = {"route": self.route} if self.route else {}
        return {"plugin": self.plugin, **whose, "patch": [operation.manifest for operation in self.operations]}


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A binding in the making. Its `refused` operations are left out."""

    name: str
    namespace: str
    target: Manifest
    """`spec.gateway.targetRef`."""
    destination: Destination
    stamps: Stamps
    routes: tuple[NamedRoute, ...]
    refused: frozenset[Operation] = frozenset()

    @property
    def overrides(self) -> list[_Override]:
        """The overrides, each with as many operations as the API allows."""
        wanted: list[tuple[str, str | None, tuple[Operation, ...]]] = [("opentelemetry", None, self.destination.operations)]
        for route in self.routes:
            if route.llm:
                plugin = "ai-proxy-advanced" if "targets" in route.llm.fields else "ai-proxy"
                wanted.append((plugin, route.name, route.llm.operations))
        return [_Override(plugin, route, some) for plugin, route, operations in wanted for some in self._portions(operations)]

    def written(self) -> tuple[Manifest, Secrets]:
        """The binding, and the Secrets that it refers to."""
        secrets = Secrets(self.name, self.namespace)
        metadata = {"name": self.name, "namespace": self.namespace}
        return {"apiVersion": STORED.api_version, "kind": names.KIND, "metadata": metadata, "spec": secrets.resolved(self._spec())}, secrets

    def _spec(self) -> Manifest:
        captured = [route.llm.captured for route in self.routes if route.llm]
        payloads = bool(captured) and captured[0]
        return {
            "fiddler": self.destination.fiddler,
            "gateway": {"targetRef": self.target},
            "routes": [_route(route, payloads=payloads) for route in self.routes],
            "payloads": _payloads(payloads),
            **self.stamps.fields,
            **({"tracing": self.destination.tracing} if self.destination.tracing else {}),
            **({"overrides": [override.manifest for override in self.overrides]} if self.overrides else {}),
        }

    def _portions(self, operations: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
        left = [operation for operation in operations if operation not in self.refused]
        return (tuple(left[start : start + _MOST_OPERATIONS]) for start in range(0, len(left), _MOST_OPERATIONS))


def _payloads(captured: bool) -> str:  # noqa: FBT001 - a value of a field, no switch
    return "Captured" if captured else "Disabled"


def _route(route: NamedRoute, *, payloads: bool) -> Manifest:
    """The route. `ai-proxy-advanced` ignores the timeouts and retries of its service, while a binding's `expose` would set the plugin's."""
    llm = {"llm": route.llm.fields} if route.llm else {}
    entrance = route.entrance.fields
    if route.llm and "targets" in route.llm.fields and "expose" in entrance:
        place = {name: value for name, value in entrance["expose"].items() if name not in ("timeouts", "retries")}
        entrance = {**entrance, "expose": place}
    own = {"payloads": _payloads(route.llm.captured)} if route.llm and route.llm.captured != payloads else {}
    return {"name": route.name, **entrance, **llm, **own}


def checked(draft: Draft, others: Sequence[Binding], endpoints: EndpointPolicy, report: Report) -> tuple[Draft, Binding] | None:
    """The draft, and its binding, without the parts that would be refused beside `others`, which are reported; None if nothing is left."""
    while draft.routes:
        binding, problem = _parsed(draft)
        problem = problem or _refusal(binding, draft, others, endpoints)
        if binding and not problem:
            return draft, binding
        smaller = _without(draft, problem, report)
        if smaller is None:
            report.lose(f"binding {draft.name}", f"would be refused, so it is not printed: {problem}")
            return None
        draft = smaller
    return None


def _parsed(draft: Draft) -> tuple[Binding | None, str]:
    """The binding, or the first sentence with which the API server would refuse it."""
    try:
        return parse_binding(Document(draft.written()[0]), draft.namespace), ""
    except InvalidBindingError as error:
        return None, f"{error.problems[0]}."


def _refusal(binding: Binding | None, draft: Draft, others: Sequence[Binding], endpoints: EndpointPolicy) -> str:
    """The sentences with which `render` would refuse it; "" where it would not."""
    if binding is None:
        return ""
    secrets = [Document(secret) for secret in draft.written()[1].complete]
    around = Surroundings.gather([*others, binding], secrets, draft.namespace, endpoints)
    return " ".join(finding.message for finding in render_objects(binding, around).refused)


def _without(draft: Draft, problem: str, report: Report) -> Draft | None:
    """The draft without the first override or route that a problem names; None where it names none."""
    found = _OF_OVERRIDE.search(problem)
    if found:
        return _without_operations(draft, found, _sentence(problem, found), report)
    found = _OF_ROUTE.search(problem)
    if not found:
        return None
    route = draft.routes[int(found[1])]
    report.lose(route.source.part.place, f"was left out, because the binding would be refused: {_sentence(problem, found)}")
    return replace(draft, routes=tuple(other for other in draft.routes if other is not route))


def _without_operations(draft: Draft, found: re.Match[str], text: str, report: Report) -> Draft:
    """The draft without one operation or one override: the last override where the problem names none, because there are too many."""
    operations = draft.overrides[int(found[1] or -1)].operations
    for operation in operations if found[2] is None else (operations[int(found[2])],):
        report.lose(operation.place, f"is not carried over: {text}")
        draft = replace(draft, refused=draft.refused | {operation})
    return draft


def _sentence(problem: str, found: re.Match[str]) -> str:
    """The text of the first problem only, without its place in a binding that is not printed."""
    rest = problem[found.end() :]
    following = _OF_ROUTE.search(rest) or _OF_OVERRIDE.search(rest)
    return (rest[: following.start()] if following else rest).strip()
