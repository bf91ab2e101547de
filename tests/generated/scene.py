"""Users' objects in one namespace, all of which Kong serves without a binding, and the changes that people make there.

None of these changes would harm anything if there were no binding: a refused push or a lost route is the operator's doing.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from devcluster.stage import APPLICATION_ID
from fiddler_kong_operator.plan.kinds import BINDING
from tests.generated.case import Key, Spec, name_of
from tests.generated.ground import drafts
from tests.generated.models import MODEL_PATHS
from tests.generated.pool import Pool
from tests.integration.arena import Arena, Manifest, changed
from tests.integration.pushed import Pushed
from tests.integration.targets import ANNOTATION, foreign_plugin, http_route, ingress, service

__all__ = ["OTHER_CLASS", "Scene", "neighbourly"]

OTHER_CLASS: Final = "kong-internal"
"""An ingress class that no Kong serves."""

_TYPES: Final = ("ai-proxy", "ai-proxy-advanced", "cors", "opentelemetry", "pre-function", "rate-limiting")
"""Each is also the name of a KongPlugin of that type."""

_LATER: Final = "later"
"""A name on lists whose KongPlugin does not exist at first."""

_SERVICES: Final = tuple(f"s{number}" for number in range(4))
_INGRESSES: Final = ("web0", "web1")

_FIDDLER: Final = {"url": "", "applicationId": APPLICATION_ID, "apiKeySecretRef": {"name": "fiddler", "key": "api-key"}}
_GATEWAY: Final = {"targetRef": {"name": "kong-gateway"}}


def neighbourly() -> SearchStrategy[Spec]:
    """Valid specs that attach to the objects of a scene, or expose a path: free ones, and those of an Ingress or an HTTPRoute."""
    targets = (*(("Service", name) for name in (*_SERVICES, *_SERVICES[:2])), *(("Ingress", name) for name in _INGRESSES))
    targets += (("HTTPRoute", "split0"), ("HTTPRoute", "split1"))
    fields = {
        "fiddler": st.just(_FIDDLER),
        "gateway": st.just(_GATEWAY),
        **dict.fromkeys((f"{path}.auth.secretRef" for path in MODEL_PATHS), st.just({"name": "openai", "key": "api-key"})),
        "routes[].expose.path": st.sampled_from(["own-0", "own-1", "web0-0", "split0-0"]),
    }
    return drafts(targets, fields)


@dataclass
class _Front:
    """An Ingress: its class, whether the old annotation names that, and the Service and kind of each path."""

    ingress_class: str
    old: bool
    paths: list[tuple[str, bool]]


@dataclass
class Scene:
    """The objects as people last wrote them. The same seed gives the same objects and changes."""

    arena: Arena
    seed: int
    pool: Pool[Spec]
    lists: dict[Key, list[str]] = field(default_factory=dict)
    """The users' plugins on each object."""
    rules: dict[str, list[list[str]]] = field(default_factory=dict)
    """The Services of each rule of each HTTPRoute."""
    fronts: dict[str, _Front] = field(default_factory=dict)
    bindings: dict[str, Spec] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    quiet: bool = True
    """Whether only bindings changed since the last rest: then every route stays at every moment."""

    def __post_init__(self) -> None:
        """Choose the objects."""
        dice = self.dice = random.Random(self.seed)  # noqa: S311 - a course that can be repeated, not a secret
        self.later_type = dice.choice(_TYPES)
        for number, name in enumerate(_SERVICES):
            self.lists["Service", name] = self._some_plugins() if number > 1 else []
        for number in range(dice.randint(1, 3)):
            self.lists["HTTPRoute", f"split{number}"] = self._some_plugins()
            self.rules[f"split{number}"] = [self._backends() for _ in range(dice.randint(1, 2))]
        for name in _INGRESSES:
            self.lists["Ingress", name] = self._some_plugins()
            paths = [(dice.choice(_SERVICES), dice.random() < 0.3) for _ in range(dice.randint(1, 2))]
            self.fronts[name] = _Front(dice.choice(["kong", "kong", OTHER_CLASS]), dice.random() < 0.3, paths)

    def _some_plugins(self) -> list[str]:
        """At most two plugins of different types."""
        chosen = self.dice.sample([*_TYPES, _LATER], self.dice.choice([0, 0, 1, 2]))
        return chosen if len({self._type(name) for name in chosen}) == len(chosen) else chosen[:1]

    def _type(self, name: str) -> str:
        return self.later_type if name == _LATER else name

    def _backends(self) -> list[str]:
        """The Services of a rule; several only if none has a list, since Kong's controller drops others, and at first without s0."""
        number = self.dice.choice([1, 1, 1, 1, 2, 3])
        alike = [name for kind, name in self.lists if kind == "Service" and (number == 1 or not (self.lists[kind, name] or name == "s0"))]
        return self.dice.sample(alike, min(number, len(alike)))

    # Objects

    def put(self) -> None:
        """Create or replace everything but bindings."""
        self.arena.put(*(foreign_plugin(self.arena, name, name) for name in _TYPES), *self._manifests())

    def _manifests(self) -> Iterator[Manifest]:
        return (self._manifest(kind, name) for kind, name in self.lists)

    def _manifest(self, kind: str, name: str) -> Manifest:
        build = {"Service": self._service, "HTTPRoute": self._route, "Ingress": self._ingress}[kind]
        manifest = build(name)
        if self.lists[kind, name]:
            manifest["metadata"].setdefault("annotations", {})[ANNOTATION] = ",".join(self.lists[kind, name])
        return manifest

    def _service(self, name: str) -> Manifest:
        return changed(service(self.arena, name), {"spec.externalName": f"{name}.example.com"})

    def _route(self, name: str) -> Manifest:
        manifest = http_route(self.arena, *(tuple(rule) for rule in self.rules[name]), name=name)
        for rule in manifest["spec"]["rules"]:
            for number, backend in enumerate(rule["backendRefs"]):
                backend["weight"] = (self.seed + 7 * number) % 90 + 1
        return manifest

    def _ingress(self, name: str) -> Manifest:
        front = self.fronts[name]
        manifest = changed(ingress(self.arena, name), {"spec.ingressClassName": None if front.old else front.ingress_class})
        if front.old:
            manifest["metadata"]["annotations"]["kubernetes.io/ingress.class"] = front.ingress_class
        manifest["spec"]["rules"][0]["http"]["paths"] = [
            {
                "path": f"/~{self.path(name, number)}/[a-z]+" if is_pattern else self.path(name, number),
                "pathType": "ImplementationSpecific" if is_pattern else "Prefix",
                "backend": {"service": {"name": backend, "port": {"number": 443}}},
            }
            for number, (backend, is_pattern) in enumerate(front.paths)
        ]
        return manifest

    def path(self, name: str, number: int | str) -> str:
        """A path that belongs to one rule or Ingress; no other begins with it."""
        return f"/{self.arena.namespace}-{name}-{number}"

    # Changes; each returns its description, or "" where there is nothing to change

    def pair(self) -> list[str]:
        """Create two bindings that attach to s0: one becomes Ready, and the other clashes with it."""
        spec = {"fiddler": _FIDDLER, "gateway": _GATEWAY, "routes": [{"name": "chat", "attachTo": {"kind": "Service", "name": "s0"}}]}
        return [self._offer(name, "is made for s0", {**spec, "suspend": False}) for name in ("b0", "b1")]

    def bind(self) -> str:
        """Create a binding."""
        name = next(name for name in (f"b{number}" for number in range(9)) if name not in self.bindings)
        return self._offer(name, "is made", self._draw()) if len(self.bindings) < 3 else ""

    def move(self) -> str:
        """Give a binding another spec, with other targets."""
        return self._offer(self.dice.choice(sorted(self.bindings)), "has another spec", self._draw()) if self.bindings else ""

    def pause(self) -> str:
        """Suspend a binding, or resume it."""
        if not self.bindings:
            return ""
        name = self.dice.choice(sorted(self.bindings))
        spec = self.bindings[name]
        spec["suspend"] = not spec["suspend"]
        self._apply(name)
        return f"binding {name} is {'suspended' if spec['suspend'] else 'resumed'}"

    def unbind(self) -> str:
        """Delete a binding."""
        if not self.bindings:
            return ""
        name = self.dice.choice(sorted(self.bindings))
        del self.bindings[name]
        self.arena.delete(BINDING.name, name)
        return f"binding {name} is deleted"

    def _draw(self) -> Spec:
        return self.pool[self.dice.randrange(10**6)]

    def _offer(self, name: str, text: str, wanted: Spec) -> str:
        spec = copy.deepcopy(wanted)
        spec["fiddler"] |= {"url": self.arena.stage.sink.url, "export": {"endpoint": self.arena.stage.sink.url}}
        for route in spec["routes"]:
            if "expose" in route:
                route["expose"]["path"] = self.path(*route["expose"]["path"].split("-"))
        spec["suspend"] = self.bindings.get(name, spec)["suspend"]
        self.bindings[name] = spec
        self._apply(name)
        return f"binding {name} {text}"

    def _apply(self, name: str) -> None:
        """Create a binding, or replace its spec: server-side apply makes null of an object that loses its last field, and refuses that."""
        spec = self.bindings[name]
        if self.arena.get(BINDING.name, name) is None:
            self.arena.create(self.arena.manifest(BINDING.api_version, BINDING.name, name, spec=spec))
        else:
            patch = [{"op": "replace", "path": "/spec", "value": spec}]
            self.arena.stage.cluster.api.request("PATCH", self.arena.path(BINDING.name, name), patch, "application/json-patch+json")

    def share(self) -> str:
        """Give a rule of an HTTPRoute a further Service, an attached one if possible."""
        alike = [name for (kind, name), listed in self.lists.items() if kind == "Service" and not listed]
        possible = [
            (route, number, name)
            for route, rules in self.rules.items()
            for number, rule in enumerate(rules)
            for name in alike
            if name not in rule and set(rule) <= set(alike)
        ]
        attached = self._attached
        preferred = [it for it in possible if attached & {("Service", name) for name in (it[2], *self.rules[it[0]][it[1]])}]
        if not possible:
            return ""
        route, number, name = self.dice.choice(preferred or possible)
        self.rules[route][number].append(name)
        self.arena.put(self._manifest("HTTPRoute", route))
        return f"rule {number} of {route} also leads to {name}"

    def lengthen(self) -> str:
        """Append a plugin to what is on an object now, an attached one if possible."""
        shared = {("Service", name) for rules in self.rules.values() for rule in rules if len(rule) > 1 for name in rule}
        possible = [key for key in self.lists if key not in shared]
        key = self.dice.choice([key for key in possible if key in self._attached] or possible)
        types = {self._type(name) for name in self.lists[key]}
        name = self.dice.choice([name for name in _TYPES if name not in types])
        self.lists[key].append(name)
        present = (self.arena.existing(*key)["metadata"].get("annotations") or {}).get(ANNOTATION)
        self.arena.patch(*key, {"metadata": {"annotations": {ANNOTATION: ",".join(filter(None, [present, name]))}}})
        return f"{key[0]} {key[1]} also lists {name}"

    def appear(self) -> str:
        """Create the plugin that did not exist."""
        if ("KongPlugin", _LATER) in self.arena.made:
            return ""
        self.arena.put(foreign_plugin(self.arena, _LATER, self.later_type))
        return f"{_LATER} becomes a plugin of type {self.later_type}"

    def reclass(self) -> str:
        """Move an Ingress to the other class."""
        name = self.dice.choice(sorted(self.fronts))
        front = self.fronts[name]
        front.ingress_class = "kong" if front.ingress_class == OTHER_CLASS else OTHER_CLASS
        self.arena.put(self._manifest("Ingress", name))
        return f"{name} moves to the class {front.ingress_class}"

    def disturb(self, name: str = "") -> None:
        """Make the change of that name, or any."""
        ours = [self.bind, self.move, self.move, self.pause, self.unbind]
        theirs = [self.share, self.share, self.lengthen, self.lengthen, self.appear, self.reclass]
        change = self.dice.choice([it for it in (*ours, *theirs) if name in {"", it.__name__}])
        self.quiet = change in ours
        self.history.append(change() or "nothing")

    # State

    @property
    def _attached(self) -> set[Key]:
        """The objects that bindings name."""
        routes = (route for spec in self.bindings.values() for route in spec["routes"])
        return {(route["attachTo"]["kind"], route["attachTo"]["name"]) for route in routes if "attachTo" in route}

    def missing(self, config: Any) -> list[str]:
        """The paths of users that this configuration of Kong lacks."""
        found = [(name_of(route), path) for route in Pushed.of(config, self.arena.namespace).routes for path in route["paths"]]
        return [f"{name} {stem}" for name, stem in self._served() if not any(owner == name and stem in path for owner, path in found)]

    def _served(self) -> Iterator[tuple[str, str]]:
        places = {name: len(rules) for name, rules in self.rules.items()}
        places |= {name: len(front.paths) for name, front in self.fronts.items() if front.ingress_class == "kong"}
        return ((name, self.path(name, number)) for name, count in places.items() for number in range(count))

    def __str__(self) -> str:
        """Everything that repeats the scene, as YAML after a line of comment."""
        bindings = [self.arena.manifest(BINDING.api_version, BINDING.name, name, spec=spec) for name, spec in self.bindings.items()]
        told = {name: {t: c["reason"] for t, c in self.arena.conditions(name).items()} for name in self.bindings}
        course = "; ".join(self.history)
        return f"# seed {self.seed}: {course}\n# {told}\n{yaml.safe_dump_all([*self._manifests(), *bindings])}"
