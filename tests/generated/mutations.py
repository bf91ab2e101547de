"""Specs with one fault: a valid spec that breaks exactly one rule of the schema, or one rule over several fields."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.generated.fields import SCHEMA, Schema, fits, form_of

__all__ = ["Mutation", "mutations"]

Spec = dict[str, Any]
Path = tuple[str | int, ...]
_GONE: Final = object()


@dataclass(frozen=True)
class Mutation:
    """One fault. A message must contain the path `field`, such as `spec.routes[0].name`, and one of the texts `says`."""

    title: str
    field: str
    spec: Spec
    says: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For messages."""
        return f"{self.title} ({self.field})"


def mutations(spec: Spec) -> Iterator[Mutation]:
    """Every fault that can be put into a spec, in a fixed order."""
    yield from _of_node(spec, (), spec, SCHEMA)
    for title, field, change, says in _RULES:
        broken = copy.deepcopy(spec)
        if change(broken):
            yield Mutation(title, field, broken, says if isinstance(says, tuple) else (says,))


def _of_node(spec: Spec, path: Path, value: Any, node: Schema) -> Iterator[Mutation]:
    """Faults of one value and of everything in it."""
    for title, wrong, says in _faults(value, node):
        yield Mutation(title, _written(path), _with(spec, path, wrong), says)
    if node.get("type") == "array":
        for index, item in enumerate(value):
            yield from _of_node(spec, (*path, index), item, node["items"])
    for name, child in node.get("properties", {}).items():
        if name in value:
            yield from _of_node(spec, (*path, name), value[name], child)
            if name in node.get("required", ()):
                yield Mutation("missing", _written((*path, name)), _with(spec, (*path, name), _GONE), ("Required value", "must be given"))
    if "properties" in node:
        yield Mutation("unknown field", _written((*path, "surprise")), _with(spec, (*path, "surprise"), "x"), ("unknown", "is not a field"))


def _faults(value: Any, node: Schema) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """(title, wrong value, text of the message) for each constraint of a node."""
    kind = node.get("type")
    if kind is None:
        return
    wrong: Any = 7 if kind == "string" else "seven"
    yield "wrong type", wrong, ("must be of type", "must be", "must be a valid")
    if "enum" in node:
        yield "no such choice", "Nothing", ("supported values", "must be")
    if "maximum" in node:
        yield "too large", node["maximum"] + 1, ("less than or equal to",)
        yield "too small", node["minimum"] - 1, ("greater than or equal to",)
    if kind == "string" and "enum" not in node:
        yield from _text_faults(value, node)
    if kind == "array":
        if value:
            yield "too many", [*value, *value[-1:] * (node["maxItems"] + 1 - len(value))], ("at most", "must have")
        if node.get("minItems"):
            yield "none", [], ("at least",)


def _text_faults(value: str, node: Schema) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    long = _lengthened(value, node)
    if long is not None:
        yield "too long", long, ("Too long", "at most")
    if node.get("minLength"):
        yield "empty", "", ("at least",)
    if form_of(node):
        for title, wrong in (
            ("a quote", f'{value}"'),
            ("a line break", f"{value}\n"),
            ("another script", f"{value}\u00e9"),
            ("a space", f" {value}"),
        ):
            if len(wrong) <= node["maxLength"] and not fits(wrong, node):
                yield title, wrong, tuple(rule["message"] for rule in node["x-kubernetes-validations"])


def _lengthened(value: str, node: Schema) -> str | None:
    """Too long and otherwise valid; None if the rules allow no such text."""
    excess = "a" * (node["maxLength"] + 1 - len(value))
    return next((text for text in (value + excess, excess + value) if fits(text, node)), None)


def _with(spec: Spec, path: Path, value: Any) -> Spec:
    result = copy.deepcopy(spec)
    node: Any = result
    for step in path[:-1]:
        node = node[step]
    if not path:
        return value  # type: ignore[no-any-return]  # the whole spec, of a wrong type
    if value is _GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = copy.deepcopy(value)
    return result


def _written(path: Path) -> str:
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _put(section: str, field: str, value: Any) -> Callable[[Spec], bool]:
    def change(spec: Spec) -> bool:
        spec.setdefault(section, {})[field] = value
        return True

    return change


def _attribute(attribute: dict[str, str]) -> Callable[[Spec], bool]:
    def change(spec: Spec) -> bool:
        spec["attributes"] = [attribute]
        return True

    return change


def _both(spec: Spec) -> bool:
    route = spec["routes"][0]
    llm = next((r["llm"] for r in spec["routes"] if "llm" in r), None)
    if llm is None:
        return False
    route |= {"llm": llm, "expose": {"path": "/somewhere"}, "attachTo": {"kind": "Service", "name": "somewhere"}}
    return True


def _neither(spec: Spec) -> bool:
    for way in ("expose", "attachTo"):
        spec["routes"][0].pop(way, None)
    return True


def _no_model(spec: Spec) -> bool:
    exposed = [route for route in spec["routes"] if "expose" in route]
    for route in exposed[:1]:
        del route["llm"]
    return bool(exposed)


def _repeated(route: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    kept = {key: value for key, value in route.items() if key not in {"expose", "attachTo"}}
    return {**kept, "name": name, **fields}


def _twice(what: str) -> Callable[[Spec], bool]:
    """Another route that shares only its name, its target or its path with an existing one."""

    def change(spec: Spec) -> bool:
        found = next((route for route in spec["routes"] if what in route), None)
        if found is None or len(spec["routes"]) >= SCHEMA["properties"]["routes"]["maxItems"]:
            return False
        if what == "name":
            other = _repeated(found, found["name"], attachTo={"kind": "Service", "name": "elsewhere"})
        else:
            other = _repeated(found, "twin", **{what: found[what]})
        spec["routes"].append(other)
        return True

    return change


def _exposed(field: str, value: Any) -> Callable[[Spec], bool]:
    """A field of the first exposed route."""

    def change(spec: Spec) -> bool:
        exposed = [route for route in spec["routes"] if "expose" in route]
        for route in exposed[:1]:
            route["expose"][field] = value
        return bool(exposed)

    return change


def _certified(**fields: Any) -> Callable[[Spec], bool]:
    """A certificate for the first exposed route, beside these fields; None removes one."""

    def change(spec: Spec) -> bool:
        exposed = [route for route in spec["routes"] if "expose" in route]
        for route in exposed[:1]:
            wanted = {**route["expose"], "gatewayRef": None, "host": "a.example", "tlsSecretName": "a-tls", **fields}
            route["expose"] = {name: value for name, value in wanted.items() if value is not None}
        return bool(exposed)

    return change


def _upstream(url: str, route_type: str = "llm/v1/chat") -> Callable[[Spec], bool]:
    def change(spec: Spec) -> bool:
        models = [route["llm"] for route in spec["routes"] if "llm" in route and "targets" not in route["llm"]]
        for llm in models[:1]:
            llm |= {"routeType": route_type, "options": {"upstreamUrl": url}}
        return bool(models)

    return change


_URL: Final = "must be http:// or https:// and a host"
_RULES: Final[list[tuple[str, str, Callable[[Spec], bool], str | tuple[str, ...]]]] = [
    *[
        (f"url {url!r}", "url", _put("fiddler", "url", url), _URL)
        for url in ("acme.fiddler.ai", "ftp://a.b", "https://a/v1", "https://u:p@a", "https://$(x)")
    ],
    ("no UUID", "applicationId", _put("fiddler", "applicationId", "3f0c9a54"), "must be the UUID"),
    (
        "credentials as conversation id",
        "headers",
        _put("sessions", "headers", ["X-Chat", "Authorization"]),
        "must not be a header that carries credentials",
    ),
    ("a header twice", "headers", _put("sessions", "headers", ["X-Chat", "X-chat"]), "must differ from each other"),
    ("an attribute of Kong", "name", _attribute({"name": "gen_ai.request.model", "value": "x"}), "must be gen_ai.agent.name, or"),
    ("an attribute of nothing", "value", _attribute({"name": "gen_ai.agent.name"}), "must be given where fromHeader is not"),
    (
        "an attribute of two sources",
        "fromHeader",
        _attribute({"name": "gen_ai.agent.name", "value": "x", "fromHeader": "X-A"}),
        "must not be given beside value",
    ),
    ("expose and attachTo", "attachTo", _both, "must not be given beside expose"),
    ("an address as host", "expose.host", _exposed("host", "10.0.0.7"), "must be a name, not digits and dots"),
    (
        "a certificate beside a Gateway",
        "expose.tlsSecretName",
        _certified(gatewayRef={"name": "kong"}),
        "must not be given beside gatewayRef",
    ),
    ("a certificate without a host", "expose.host", _certified(host=None), "must be given beside tlsSecretName"),
    ("no time", "expose.timeouts.read", _exposed("timeouts", {"read": "0s"}), "must be a duration such as 30s"),
    ("more time than Kong can count", "expose.timeouts.read", _exposed("timeouts", {"read": "597h"}), "must be a duration such as 30s"),
    ("a number without a unit", "expose.timeouts.connect", _exposed("timeouts", {"connect": "600"}), "must be a duration such as 30s"),
    ("neither expose nor attachTo", "expose", _neither, "must be given where attachTo is not"),
    ("expose without llm", "llm", _no_model, "must be given beside expose"),
    ("a base URL", "options.upstreamUrl", _upstream("https://a.example/v1"), "not a base URL"),
    ("a URL without a path", "options.upstreamUrl", _upstream("https://a.example"), "not a base URL"),
    ("http without a port", "options.upstreamUrl", _upstream("http://a.example/chat/completions"), "must name the port"),
    ("a key in a query", "options.upstreamUrl", _upstream("https://a.example/chat/completions?key=x"), "must hold no key"),
    (
        "the URL of another operation",
        "options.upstreamUrl",
        _upstream("https://a.example/v1/chat/completions", "llm/v1/completions"),
        "must be the URL of the operation that routeType names",
    ),
    ("a name twice", "routes", _twice("name"), ("Duplicate value", "must have names that differ")),
    ("a target twice", "routes", _twice("attachTo"), "must name an object by attachTo in only one route"),
    ("a path twice", "routes", _twice("expose"), "must expose a host and path by only one route"),
]
"""The rules over several fields, and the faults of single fields that `_faults` does not make."""
