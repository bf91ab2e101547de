"""One run of `uninstall`: looks, deletes bindings, lets the operator clean up or does that itself, and looks again."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import FiddlerKongError, Gone, NotLeader, Stale
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.election import LeaseElector, NoElection
from fiddler_kong_operator.kube.objects import LEASE, Manifest, ObjectKey
from fiddler_kong_operator.kube.rights import Right
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.kinds import BINDING
from fiddler_kong_operator.reconcile.cleanup import Cleanup, blocked
from fiddler_kong_operator.reconcile.gateway import REFUSED_RETRY
from fiddler_kong_operator.runtime.operator import first_of

from .installation import Installation, find_installation
from .removal import Scope, View, find_bindings, look
from .rights import missing_rights
from .sources import source_of
from .telling import tell_bug
from .uninstall_output import Outcome

__all__ = ["Uninstallation"]

_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds between looks at what is left; the last one repeats."""


@dataclass
class Uninstallation:
    """One run. It stores no state: a second run continues from the state of the cluster."""

    scope: Scope
    chosen: str | None
    """The installation, where there are several."""
    timeout: float
    yes: bool
    tell: Callable[[str], None]
    """Takes sentences for the person who waits."""
    elector: LeaseElector | NoElection | None = None
    problems: dict[ObjectKey, str] = field(default_factory=dict)
    """Why an object could not be deleted or restored; it is not tried again."""

    def fence(self) -> None:
        """Once this process leads, it must not write without the Lease. A deletion of a binding needs none, as in kubectl."""
        if self.elector:
            self.elector.check()

    async def run(self, client: Client) -> Outcome:
        """Look; with --yes, delete and restore, and look again."""
        bindings = await find_bindings(client, self.scope.namespaces)
        installation = await find_installation(client, bindings, self.chosen)
        self.scope = replace(self.scope, installation=installation.name)
        before = await look(client, self.scope, tell_bug)
        self.scope = replace(self.scope, places=before.places)
        missing = await missing_rights(client, self._rights(before, installation))
        if not self.yes or missing:
            return Outcome.planned(before, installation, missing)
        self.tell(installation.told)
        self.problems |= await self._delete(client, before.bindings)
        after = await self._carry_out(client, before)
        return Outcome.carried_out(before, after, await find_installation(client, bindings, self.chosen), self.problems)

    def _rights(self, view: View, installation: Installation) -> set[Right]:
        alone = installation.runs is False
        elects = alone and installation.lease is not None and view.keys
        lease = {Right(installation.name, LEASE.group, LEASE.plural, verb) for verb in ("get", "update")} if elects else set()
        return {*view.rights(alone=alone), *lease}

    async def _delete(self, client: Client, bindings: Collection[Manifest]) -> dict[ObjectKey, str]:
        """Delete the bindings; a failure does not stop the others. Returns the cause for each binding that could not be deleted."""
        failed = {}
        for raw in bindings:
            metadata, key = raw["metadata"], BINDING.key(raw)
            try:
                await client.delete(BINDING, key.namespace, key.name, uid=metadata["uid"])
            except (Gone, Stale):
                continue
            except FiddlerKongError as error:
                failed[key] = f"{key}: {error}"
        return failed

    async def _carry_out(self, client: Client, before: View) -> View:
        """Wait for the operator, or do its work, until nothing is left, all the rest has failed, or time is up; returns what is left."""
        started, clock = client.clock(), asyncio.get_running_loop().time
        until, known = clock() + self.timeout, {raw["metadata"]["uid"] for raw in before.bindings}
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            view = await look(client, self.scope, tell_bug)
            installation = await find_installation(client, before.bindings, self.scope.installation or None)
            if installation.runs is False and await self._work(client, installation, view, until - clock()):
                view = await look(client, self.scope, tell_bug)
            self.problems |= _recreated(view, known)
            if installation.runs is not False:
                self.problems |= _blocked(view, started if client.clock() < started + REFUSED_RETRY + pause else 0.0)
            if not view.items or (self.problems and not (await look(client, self.scope, tell_bug, self.problems)).items):
                return view
            if clock() >= until:
                return replace(view, problems=(*view.problems, *_held_by_others(view), self._late(installation)))
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    async def _work(self, client: Client, installation: Installation, view: View, seconds: float) -> bool:
        """Do the operator's work under its Lease, except for objects that failed before; returns whether there was any."""
        keys = [key for key in view.keys if key not in self.problems]
        if not keys or seconds <= 0:
            return False
        self.elector = elector = _elector(client, installation)
        try:
            async with asyncio.timeout(seconds):
                await elector.acquire()
            survey = await Survey.take(client, view.places, on_bug=tell_bug)
            cleanup = Cleanup(client, survey.cache, self.scope.installation, tell_bug)
            work = asyncio.ensure_future(cleanup.run(keys, seconds))
            await first_of(work, elector.keep())
            self.problems |= work.result()
        except (NotLeader, TimeoutError):
            self.tell("Another process leads now, and does the work.")
        finally:
            self.elector = None
            await elector.release()
        return True

    def _late(self, installation: Installation) -> str:
        """The remedy once the time is over: sentences."""
        over = f"Not finished within {self.timeout:.0f} s."
        if installation.runs is False:
            return f"{over} Run the command again to go on."
        return f"{over} {installation.told} See its log. Or stop it and run the command again: {'; '.join(installation.stopping())}."


def _elector(client: Client, installation: Installation) -> LeaseElector | NoElection:
    if installation.lease is None:
        return NoElection()
    identity = f"uninstall_{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
    return LeaseElector(client, namespace=installation.name, name=names.APPLICATION, identity=identity)


def _recreated(view: View, known: Collection[str]) -> dict[ObjectKey, str]:
    """The bindings that were created meanwhile: they are left alone."""
    again = ((BINDING.key(raw), source_of(raw)) for raw in view.bindings if raw["metadata"]["uid"] not in known)
    return {key: f"{key} was created meanwhile{f' by {source}' if source else ''}. Remove it at its source first." for key, source in again}


def _blocked(view: View, since: float) -> dict[ObjectKey, str]:
    """The bindings whose deletion the operator could not finish at an attempt since then (seconds since the epoch)."""
    found = {BINDING.key(raw): blocked(raw.get("status") or {}, since) for raw in view.bindings}
    return {key: f"{key}: {why}" for key, why in found.items() if why}


def _held_by_others(view: View) -> Iterator[str]:
    for raw in view.bindings:
        finalizers = raw["metadata"].get("finalizers") or []
        if finalizers and names.FINALIZER not in finalizers:
            yield f"{BINDING.key(raw)} is cleaned up; finalizers of others hold it: {', '.join(finalizers)}."
