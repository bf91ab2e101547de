"""All measurements at one number of bindings, one run after the other, each on a fresh cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fiddler_kong_operator.plan.kinds import BINDING, INGRESS, KONG_PLUGIN, SECRET, SERVICE

from .contender import Operator, Raw
from .manifests import NAMESPACE, binding_name
from .scenarios import change, cold, drift, flip, gateway_api, lua, newcomer, rest, restart, rollout, rotation
from .scenarios.change import Change
from .scenarios.cold import Cold
from .scenarios.drift import Drift
from .scenarios.flip import Flip
from .scenarios.gateway_api import Side
from .scenarios.lua import Lua
from .scenarios.newcomer import Newcomer
from .scenarios.rest import Rest
from .scenarios.restart import Restart
from .scenarios.rollout import Rollout
from .scenarios.rotation import Rotation
from .stand import Stand, open_stand
from .template import Template, record

__all__ = ["PAIRED", "SCENARIOS", "Course", "Outcome"]

PAIRED: Final = ("cold", "rotation")
"""Measured for both contenders, alternating."""

SCENARIOS: Final = (*PAIRED, "rest", "newcomer", "change", "drift", "flip", "restart", "rollout", "probes", "gateway-api", "lua")

_AT_REST: Final = frozenset({"cold", "rotation", "rest", "newcomer", "change", "drift", "flip", "restart"})
_REST_SECONDS: Final = 20.0
_PROBED_SECONDS: Final = 60.0


@dataclass
class Outcome:
    """The results; None for a scenario that was not requested. Lists hold one result for each pair of runs."""

    bindings: int
    cold: list[Cold] = field(default_factory=list)
    raw_cold: list[Cold] = field(default_factory=list)
    rotation: list[Rotation] = field(default_factory=list)
    raw_rotation: list[Rotation] = field(default_factory=list)
    rest: Rest | None = None
    newcomer: Newcomer | None = None
    change: Change | None = None
    drift: Drift | None = None
    flip: Flip | None = None
    change_by_hand: Change | None = None
    drift_by_hand: Drift | None = None
    restart: Restart | None = None
    rollout: Rollout | None = None
    probes: Rest | None = None
    with_gateway_api: list[Side] = field(default_factory=list)
    without_gateway_api: list[Side] = field(default_factory=list)
    lua: Lua | None = None


class Course:
    """The runs for one number of bindings. `tell` is called with a line of progress before each run."""

    def __init__(self, bindings: int, pairs: int, scenarios: frozenset[str], tell: Callable[[str], None]) -> None:
        self._pairs = pairs
        self._scenarios = scenarios
        self._tell = tell
        self._outcome = Outcome(bindings)

    async def run(self) -> Outcome:
        """Run everything: operator and raw loop alternating, then the scenarios that need clusters of another kind."""
        if self._scenarios & _AT_REST:
            for turn in range(self._pairs if self._scenarios & set(PAIRED) else 1):
                template = await self._operator(first=turn == 0)
                if self._scenarios & set(PAIRED):
                    await self._raw(template, first=turn == 0)
        if self._scenarios & {"rollout", "probes"}:
            await self._unready()
        if "gateway-api" in self._scenarios:
            for turn in range(self._pairs):
                for installed in gateway_api.order(turn):
                    await self._gateway_api(installed=installed)
        if "lua" in self._scenarios:
            self._outcome.lua = lua.measure()
        return self._outcome

    async def _operator(self, *, first: bool) -> Template:
        bindings, outcome = self._outcome.bindings, self._outcome
        self._say("operator")
        async with open_stand(ready=True) as stand:
            await stand.populate(range(bindings))
            operator = Operator(stand)
            outcome.cold.append(await cold.measure(operator, bindings))
            template = await _recorded(stand)
            if first:
                await self._at_rest(stand, operator)
            if "rotation" in self._scenarios:
                outcome.rotation.append(await rotation.measure(stand, bindings, "sk-bench-second"))
            if first and "newcomer" in self._scenarios:
                outcome.newcomer = await newcomer.measure(stand, bindings)
            if first and "restart" in self._scenarios:
                outcome.restart = await restart.measure(stand, operator)
        return template

    async def _at_rest(self, stand: Stand, operator: Operator) -> None:
        bindings, outcome = self._outcome.bindings, self._outcome
        if "rest" in self._scenarios:
            outcome.rest = await rest.measure(operator, _REST_SECONDS)
        if "change" in self._scenarios:
            outcome.change = await change.measure(stand, bindings)
        if "drift" in self._scenarios:
            outcome.drift = await drift.measure(stand, bindings)
        if "flip" in self._scenarios:
            outcome.flip = await flip.measure(stand, bindings)
            await stand.until_ready(bindings)  # its Events go out for longer than its changes take

    async def _raw(self, template: Template, *, first: bool) -> None:
        bindings, outcome = self._outcome.bindings, self._outcome
        self._say("raw loop")
        async with open_stand(ready=True) as stand:
            await stand.populate(range(bindings))
            outcome.raw_cold.append(await cold.measure(Raw(stand, template), bindings))
            if "rotation" in self._scenarios:
                outcome.raw_rotation.append(await rotation.measure(stand, bindings, "sk-bench-second"))
            if first and "change" in self._scenarios:
                outcome.change_by_hand = await change.measure_by_hand(stand, bindings)
            if first and "drift" in self._scenarios:
                outcome.drift_by_hand = await drift.measure_by_hand(stand, bindings)

    async def _unready(self) -> None:
        self._say("operator, gateway not ready")
        async with open_stand(ready=False) as stand:
            operator = Operator(stand, f"--probe-interval={_PROBED_SECONDS:.0f}")
            operator.start()
            self._outcome.rollout = await rollout.measure(stand, self._outcome.bindings)
            if "probes" in self._scenarios:
                self._outcome.probes = await rest.measure(operator, _PROBED_SECONDS)

    async def _gateway_api(self, *, installed: bool) -> None:
        bindings, outcome = self._outcome.bindings, self._outcome
        self._say(f"operator, {'with' if installed else 'without'} the Gateway API's kinds")
        async with open_stand(ready=True, gateway_api=installed) as stand:
            await stand.populate(range(bindings))
            sides = outcome.with_gateway_api if installed else outcome.without_gateway_api
            sides.append(await gateway_api.measure(stand, bindings))

    def _say(self, contender: str) -> None:
        self._tell(f"{self._outcome.bindings} bindings, {contender}")


async def _recorded(stand: Stand) -> Template:
    """The operator's writes for the first binding."""
    name = binding_name(0)
    found = await stand.api.get(BINDING, NAMESPACE, name)
    uid = found["metadata"]["uid"]
    objects = [item for kind in (SECRET, KONG_PLUGIN, SERVICE, INGRESS) for item in await stand.all_of(kind)]
    owned = [item for item in objects if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences") or ())]
    return record(found, owned)
