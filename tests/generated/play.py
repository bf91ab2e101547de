"""Generations of changes to many bindings at once: chooses a change for each, and waits until each has its expected result.

One generation changes every binding once and is awaited as a whole, so that thousands of changes take only minutes.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from devcluster.errors import ApiError
from tests.generated.case import Case, Spec, content
from tests.generated.ground import Ground
from tests.generated.mutations import Mutation, mutations
from tests.generated.oracles import problems
from tests.generated.pool import Pool
from tests.generated.refused import REFUSED, Refusal

__all__ = ["KINDS", "Actor", "Play"]

PATIENCE: Final = 90.0
"""Seconds a whole generation may take on a busy machine."""

REFUSALS: Final = [refusal for refusal in REFUSED if refusal.title not in {"http", "suspended"}]
"""The refusals in this test, whose operator allows http."""

CLASH: Final = Refusal("their ai-proxy", lambda _: None, "PluginClash", "already has")

KINDS: Final = ["change"] * 11 + ["back"] * 3 + ["refused"] * 2 + ["not admitted"] * 2 + ["suspended", "deleted"]
_NOTHING: Final[Spec] = {"fiddler": {}, "gateway": {"targetRef": {"name": ""}}, "routes": []}
"""The spec of a binding that does not exist."""


@dataclass
class Actor:
    """One binding and its history. `working` is the spec that it must satisfy; None while it does not exist."""

    ground: Ground
    name: str
    targets: dict[str, Any] = field(default_factory=dict)
    """The objects it attaches to, as their owner made them."""
    working: Spec | None = None
    kind: str = ""
    """The last change."""
    refusal: Refusal | None = None
    history: list[Spec] = field(default_factory=list)
    """Every working spec so far, in order."""
    seen: dict[str, str] = field(default_factory=dict)
    """The children for each spec."""

    def __str__(self) -> str:
        """Name and last change, for messages."""
        return f"{self.ground.namespace}/{self.name} ({self.kind}{f' {self.refusal}' if self.refusal else ''})"


class Play:
    """Bindings in one or more namespaces, and their changes."""

    def __init__(self, grounds: Sequence[Ground], bindings: Sequence[str], pool: Pool[Spec], seed: int) -> None:
        self.actors = [Actor(ground, name) for ground in grounds for name in bindings]
        self.grounds = grounds
        self.counts: Counter[str] = Counter()
        self._stage = grounds[0].stage
        self._pool = pool
        self._dice = random.Random(seed)  # noqa: S311 - a course that can be repeated, not a secret
        self._existing: dict[str, set[str]] = {ground.namespace: set() for ground in grounds}
        self._refused_before = self._stage.gateway.refused_pushes
        for actor, case in self._look():
            actor.targets = _targets(case)

    @property
    def transitions(self) -> int:
        """Number of changes so far."""
        return self.counts.total()

    def generation(self) -> None:
        """Change every binding once, then wait until every binding is as expected."""
        self._remember()
        for actor in self.actors:
            self._change(actor)
            self.counts[actor.kind] += 1
        self._until_as_expected()
        self._compare()

    def end(self) -> None:
        """Delete every binding; everything must be as before the first."""
        for actor in self.actors:
            if actor.working is not None:
                self._delete(actor)
                self.counts["deleted"] += 1
        self._until_as_expected()

    # Changes

    def _change(self, actor: Actor) -> None:
        actor.refusal = None
        actor.kind = "change" if actor.working is None else self._dice.choice(KINDS)
        if actor.kind == "deleted":
            self._delete(actor)
        elif actor.kind == "not admitted":
            self._offend(actor)
        else:
            self._offer(actor, self._choose(actor))

    def _choose(self, actor: Actor) -> Spec:
        """Choose the next spec, and record the expected result on the actor."""
        fresh = actor.ground.fitted(self._pool[self._dice.randrange(10**6)], actor.name)
        if actor.kind == "back":
            fresh = self._dice.choice(actor.history)
        if actor.kind == "refused":
            actor.refusal = self._dice.choice(REFUSALS)
            return actor.refusal.applied(fresh)
        if actor.kind == "suspended":
            return {**fresh, "suspend": True}
        if any("llm" in route and route.get("attachTo") == {"kind": "Service", "name": f"own-{actor.name}"} for route in fresh["routes"]):
            actor.kind, actor.refusal = "refused", CLASH
            return fresh
        actor.working = fresh
        actor.history.append(fresh)
        return fresh

    def _offer(self, actor: Actor, spec: Spec) -> None:
        actor.ground.offer(actor.name, spec, create=actor.name not in self._existing[actor.ground.namespace])
        self._existing[actor.ground.namespace].add(actor.name)

    def _delete(self, actor: Actor) -> None:
        actor.kind, actor.working, actor.refusal = "deleted", None, None
        actor.ground.delete("FiddlerKongBinding", actor.name)
        self._existing[actor.ground.namespace].discard(actor.name)

    def _offend(self, actor: Actor) -> None:
        """Offer a spec that the API server must refuse."""
        wish = actor.ground.fitted(self._pool[self._dice.randrange(10**6)], actor.name)
        mutation: Mutation = self._dice.choice(list(mutations(wish)))
        try:
            self._offer(actor, mutation.spec)
        except ApiError as error:
            assert mutation.field in str(error), f"{mutation}: {error}"  # noqa: PT017 - the other way is the failure
            return
        raise AssertionError(f"the API server took {mutation}: {json.dumps(mutation.spec)}")

    # Expected results

    def _remember(self) -> None:
        """Remember every binding's children and lists: a refusal must not change them."""
        self._before = {id(actor): _possessions(case) for actor, case in self._look()}

    def _look(self) -> Iterator[tuple[Actor, Case]]:
        config = self._stage.gateway.config
        for ground in self.grounds:
            actors = {actor.name: actor for actor in self.actors if actor.ground is ground}
            cases = ground.cases({name: actor.working or _NOTHING for name, actor in actors.items()}, config)
            yield from ((actors[name], case) for name, case in cases.items())

    def _until_as_expected(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while open_ := list(self._open()):
            if time.monotonic() > deadline:
                raise AssertionError("\n".join(["not as expected:", *open_[:12]]))
            time.sleep(0.5)
        assert self._stage.gateway.refused_pushes == self._refused_before, self._stage.gateway.refusals[-1].answer

    def _open(self) -> Iterator[str]:
        """Everything that is not as expected."""
        doubles: set[str] = set()
        for actor, case in self._look():
            doubles |= {f"{actor.ground.namespace}: {place}" for place in case.pushed.doubles()}
            yield from (f"{actor}: {text}" for text in self._open_of(actor, case))
        yield from sorted(doubles)

    def _open_of(self, actor: Actor, case: Case) -> list[str]:
        if actor.kind == "deleted":
            return _left_over(actor, case)
        if not case.conditions:
            return ["its status is of another generation"]
        if actor.kind in {"refused", "suspended"}:
            return [*_untold(actor, case), *_touched(self._before[id(actor)], _possessions(case))]
        if actor.kind == "not admitted" and not (case.holds("Accepted") and case.holds("SecretsResolved")):
            return []  # it was already refused or suspended before
        return [*problems(case), *_unprogrammed(case)]

    def _compare(self) -> None:
        """A spec must result in the same children each time, byte for byte."""
        for actor, case in self._look():
            if actor.kind in {"change", "back"} and case.gateway_works:
                spec, children = (json.dumps(part, sort_keys=True) for part in (actor.working, _children(case)))
                assert actor.seen.setdefault(spec, children) == children, f"{actor}: same spec, other children"


def _untold(actor: Actor, case: Case) -> list[str]:
    wanted = actor.refusal.reason if actor.refusal else "Suspended"
    found = [condition["reason"] for condition in case.conditions.values()]
    return [] if wanted in found else [f"{wanted} is not reported, but {found}"]


def _unprogrammed(case: Case) -> list[str]:
    """A binding may wait for its gateway, but not for one whose pods are being replaced: it would attach a plugin at any later moment."""
    replaced = case.reason("GatewayConfigured") == "GatewayRollingOut"
    waits = case.reason("PluginsProgrammed") == "WaitingForGateway" and not case.gateway_works and not replaced
    return [] if case.holds("PluginsProgrammed") or waits else [f"PluginsProgrammed: {case.conditions.get('PluginsProgrammed')}"]


def _touched(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [f"touched: {key}" for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]


def _left_over(actor: Actor, case: Case) -> list[str]:
    """Leftovers of a deleted binding: its children, and changes of its targets."""
    return [*(f"left over: {key}" for key in _children(case)), *_touched(actor.targets, _targets(case))]


def _possessions(case: Case) -> dict[str, Any]:
    return _children(case) | _targets(case)


def _children(case: Case) -> dict[str, Any]:
    return {"/".join(key): content(raw) for key, raw in case.children().items()}


def _targets(case: Case) -> dict[str, Any]:
    keys = [(kind, f"{stem}-{case.name}") for kind in ("Service", "Ingress") for stem in ("svc", "own")]
    return {"/".join(key): content(case.objects[key]) for key in keys}
