"""Scenes side by side on one gateway: makes their changes in step, and after each looks at the configuration that Kong accepted."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from devcluster.audit import Mark
from fiddler_kong_operator.plan.kinds import BINDING
from tests.generated.frozen import longest_freeze
from tests.generated.scene import Scene
from tests.integration.arena import Manifest
from tests.integration.pushed import Pushed
from tests.integration.targets import ingress, service

__all__ = ["Neighbours"]

SYNC: Final = 3.0
"""Seconds between two pushes of Kong's controller, as Kong delivers it."""

FREEZE: Final = 15.0
"""Seconds for which Kong may refuse every push after a change by people: two syncs, on a machine that other tests keep busy."""

PATIENCE: Final = 60.0
"""Seconds until the operator has dealt with a change, on a busy machine."""

REST: Final = 2.0
"""Seconds without a write after which the operator is taken to have finished."""


class Neighbours:
    """The scenes; `reasons` are those that any condition had at a rest."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        """The namespaces must exist."""
        self.scenes = scenes
        self.reasons: set[str] = set()
        self._first = scenes[0].arena
        self._gateway = self._first.stage.gateway
        self._api = self._first.stage.cluster.api
        self._beacons = itertools.count()

    # Steps

    def build(self) -> None:
        """Create the users' objects. Kong must take them all as they are, else the test is wrong."""
        for scene in self.scenes:
            scene.quiet = False
            scene.put()
        refused = self._gateway.refused_pushes
        self._until(self._missing, "the users' routes, before any binding", PATIENCE)
        self._check_accepted()
        assert self._gateway.refused_pushes == refused, self._story(self._refusal())

    def bind(self) -> None:
        """Create two or three bindings in each scene: no push is refused even once, and no route goes even for a moment."""
        refused = self._gateway.refused_pushes
        for scene in self.scenes:
            scene.quiet = True
            scene.history += [*scene.pair(), *(scene.bind() for _ in range(scene.dice.randint(0, 1)))]
        self._check()
        assert self._gateway.refused_pushes == refused, self._story(self._refusal())

    def disturb(self, name: str = "") -> None:
        """Make one change in each scene: that of this name, or any."""
        for scene in self.scenes:
            scene.disturb(name)
        self._check()

    def unbind(self) -> None:
        """Delete every binding."""
        for scene in self.scenes:
            scene.quiet = True
            scene.history += [scene.unbind() for _ in tuple(scene.bindings)]
        self._check()

    # Checks

    def _check(self) -> None:
        """Wait until the operator has finished; then Kong accepts every push, and every route is there. No refusal has lasted meanwhile."""
        changed = time.monotonic()
        self._until(self._unseen, "seen by the operator", PATIENCE)
        self._until(_Rest(self), "an operator that has finished", PATIENCE)
        self._until(self._missing, "the users' routes", 2 * SYNC)
        self._check_accepted()
        frozen = longest_freeze(push for push in self._gateway.history if push.at >= changed)
        assert frozen <= FREEZE, self._story(f"Kong refused every push for {frozen:.1f} s. {self._refusal()}")
        self.reasons |= {condition["reason"] for raw in self._bindings() for condition in _conditions(raw)}

    def _check_accepted(self) -> None:
        """A new route reaches Kong, and once more: from then on no push is refused."""
        self._light_a_beacon()
        refused = self._gateway.refused_pushes
        self._light_a_beacon()
        assert self._gateway.refused_pushes == refused, self._story(self._refusal())
        problems = [*self._missing(), *self._doubles()]
        assert problems == [], self._story("\n".join(problems))

    def _light_a_beacon(self) -> None:
        path = f"/{self._first.namespace}-beacon-{next(self._beacons)}-"
        self._first.put(service(self._first, "beacon"), ingress(self._first, "beacon", path=path, backend="beacon"))

        def unlit() -> list[str]:
            routes = Pushed.of(self._gateway.config, self._first.namespace).routes
            return [] if any(path in other for route in routes for other in route["paths"]) else [self._refusal()]

        self._until(unlit, "a stranger's new route", 2 * SYNC)

    def _missing(self) -> list[str]:
        config = self._gateway.config
        return [f"{scene.arena.namespace}: {text} is not pushed" for scene in self.scenes for text in scene.missing(config)]

    def _doubles(self) -> list[str]:
        found = (Pushed.of(self._gateway.config, scene.arena.namespace).doubles() for scene in self.scenes)
        return [f"{kind} twice on {place}" for doubles in found for kind, place in doubles]

    def _unseen(self) -> list[str]:
        """The bindings whose newest generation has no conditions yet, and those whose deletion is not finished."""
        unseen = (raw["metadata"] for raw in self._bindings() if not _is_seen(raw))
        return [f"{metadata['namespace']}/{metadata['name']}" for metadata in unseen]

    def _bindings(self) -> Iterator[Manifest]:
        mine = {scene.arena.namespace for scene in self.scenes}
        return (raw for raw in self._api.get(BINDING.path())["items"] if raw["metadata"]["namespace"] in mine)

    def _until(self, open_: Callable[[], list[str]], what: str, seconds: float) -> None:
        """Wait until nothing is open any more. AssertionError after `seconds`, or once a route goes although only bindings changed."""
        deadline = time.monotonic() + seconds
        while left := open_():
            self._watch()
            if time.monotonic() > deadline:
                raise AssertionError(self._story(f"{what}: not within {seconds:.0f} s, but\n" + "\n".join(left)))
            time.sleep(0.1)

    def _watch(self) -> None:
        config = self._gateway.config
        lost = [text for scene in self.scenes if scene.quiet for text in scene.missing(config)]
        assert lost == [], self._story(f"gone while only bindings changed: {lost}")

    # Messages

    def _refusal(self) -> str:
        """The last refusal of Kong."""
        last = self._gateway.refusals[-1:]
        return f"Kong's last refusal: {json.dumps(last[0].answer.get('flattened_errors'))}" if last else "Kong has refused nothing"

    def _story(self, problem: str) -> str:
        """The problem, and the scenes that it names, or all."""
        named = [scene for scene in self.scenes if scene.arena.namespace in problem] or self.scenes
        return "\n".join([problem, *(str(scene) for scene in named)])

    # Rest

    def mark(self) -> Mark:
        """The present moment."""
        return self._first.mark()

    def writes(self, since: Mark) -> Iterator[str]:
        """The operator's writes since then."""
        return (str(write) for write in self._first.writes(since))


def _conditions(binding: Manifest) -> Sequence[Manifest]:
    conditions: Sequence[Manifest] = (binding.get("status") or {}).get("conditions") or ()
    return conditions


def _is_seen(binding: Manifest) -> bool:
    metadata, conditions = binding["metadata"], _conditions(binding)
    newest = all(condition["observedGeneration"] == metadata["generation"] for condition in conditions)
    return bool(conditions) and newest and "deletionTimestamp" not in metadata


class _Rest:
    """Called again and again: the writes that the operator has made lately, until it has made none for `REST` seconds."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._mark, self._since = neighbours.mark(), time.monotonic()

    def __call__(self) -> list[str]:
        made = list(self._neighbours.writes(self._mark))
        if made:
            self._mark, self._since = self._neighbours.mark(), time.monotonic()
        return made or ([] if time.monotonic() - self._since >= REST else ["no rest yet"])
