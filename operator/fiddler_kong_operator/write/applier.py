"""Carries out a binding's plan: in order, and without a write where nothing differs. Also writes the binding's status and finalizers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from fiddler_kong_operator.errors import FiddlerKongError, Gone, NotLeader, Refused, Stale, Stalled
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.redaction import redact
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import BINDING, OWNED, SECRET
from fiddler_kong_operator.plan.objects.desired import Attachment, BindingPlan, Desired
from fiddler_kong_operator.plan.snapshot import Binding, Child, Snapshot

from .merging import status_patch
from .objects import ObjectWriter

__all__ = ["Applier"]


class Applier:
    """Writes the plans of bindings; each call is about one binding."""

    def __init__(self, client: Client, feed: Feed) -> None:
        """`feed` takes the answers and requeues other bindings that they concern."""
        self._client = client
        self._feed = feed
        self._objects = ObjectWriter(client, feed)
        self._looked_at: set[ObjectKey] = set()
        """The bindings whose whole plan this process has carried out at least once."""

    async def apply(
        self,
        plan: BindingPlan,
        snapshot: Snapshot,
        prune: Sequence[ObjectKey] = (),
        *,
        held: Collection[ObjectKey] = (),
        on_write: Callable[[ObjectKey], None] = lambda _: None,
    ) -> None:
        """Take back what does harm; write what differs in the order of `OWNED`, then the attachments; then delete `prune`, in its order.

        `on_write` gets each object written. `held` objects are left out, and nothing is pruned then; where one of them does not exist, the
        later stages, which may need it, are left out too. Unwanted entries of the Secret go last: Kong drops a plugin whose
        key is missing and serves its route without it. The first stage that fails ends the pass; all its failures are reported.

        Raises Stale where the snapshot was out of date, Stalled(NameTaken) for an object of another owner, Refused, and what the client
        raises. Keys of the snapshot are redacted from an error's text: a webhook may quote its input.
        """
        try:
            taken = await self._take_back(plan, snapshot.binding, held, on_write)
            if snapshot.binding.status and any(desired.key not in snapshot.children for desired in plan.objects):
                await self._confirm(snapshot.binding)
            for stage in _stages(plan, taken):
                different = (item for item in stage if isinstance(item, Attachment) or item.differs(self._seen(item.key, snapshot, taken)))
                await _all_of(self._write(item, snapshot, on_write) for item in different if _key(item) not in held)
                if any(_key(item) in held and _key(item) not in snapshot.children for item in stage if isinstance(item, Desired)):
                    return
            if not held:
                await self._delete([key for key in prune if key not in plan.withdrawn], snapshot.binding)
                await _all_of(self._trim(desired, snapshot, on_write) for desired in plan.objects if desired.key.kind == SECRET.name)
            self._looked_at.add(snapshot.binding.key)
        except FiddlerKongError as error:
            keys = (key for secret in snapshot.secrets.values() for key in (secret or {}).values())
            error.args = (redact(str(error), keys),)
            raise

    def forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._looked_at.discard(key)

    async def _take_back(
        self, plan: BindingPlan, binding: Binding, held: Collection[ObjectKey], on_write: Callable[[ObjectKey], None]
    ) -> Mapping[ObjectKey, str]:
        """Write the lists of `first` and delete what is withdrawn, each even if others fail; returns the lists' new versions."""
        taken: dict[ObjectKey, str] = {}

        async def write(item: Attachment) -> None:
            taken[item.target] = await self._objects.attach(item, binding)
            on_write(item.target)

        await _all_of([*(write(item) for item in plan.first if item.target not in held), self._delete(plan.withdrawn, binding)])
        return taken

    async def _delete(self, objects: Sequence[ObjectKey], binding: Binding) -> None:
        """Delete what still belongs to the binding, one kind after the other."""
        for _, keys in groupby(objects, attrgetter("kind")):
            await _all_of(self._objects.delete(key, binding) for key in keys)

    def _seen(self, key: ObjectKey, snapshot: Snapshot, taken: Collection[ObjectKey]) -> Child | None:
        """The child as in the snapshot or, where its list was just written, as the cache has it now."""
        return self._feed.cache.child(key) if key in taken else snapshot.children.get(key)

    async def write_status(self, binding: Binding, status: Mapping[str, Any]) -> None:
        """Write the whole status to the last observed version of the binding. Raises Gone or Stale where it was deleted or changed.

        The resourceVersion keeps a status from before the lease was lost from overwriting the next leader's status, and the mark one from
        overwriting that of an installation that has taken the binding over meanwhile.
        """
        seen = self._feed.cache.binding(binding.key)
        mark = seen.status.get("installation") if seen else None
        if mark not in {None, status.get("installation"), binding.status.get("installation")}:
            raise Stale(f"{binding.key} was taken over by the installation {mark}")
        version = seen.resource_version if seen and seen.uid == binding.uid else binding.resource_version
        metadata = {"name": binding.name, "namespace": binding.namespace, "uid": binding.uid, "resourceVersion": version}
        manifest = {"apiVersion": BINDING.api_version, "kind": BINDING.name, "metadata": metadata, "status": dict(status)}
        try:
            with self._noticing_deletion(binding), self._feed.cache.in_flight.writing(binding.key, manifest["status"], binding.key):
                answer = await self._client.apply(BINDING, manifest, force=True, status=True)
                self._feed.observe(await self._without_others(answer, status), binding.key)
        except Stale:
            await self._confirm(binding)  # the watch may lag behind, and so would every further attempt
            raise

    async def _without_others(self, live: Manifest, status: Mapping[str, Any]) -> Manifest:
        """Remove the parts of a status that other field managers have added, such as a forged `Stalled`: apply keeps these."""
        patch, key = status_patch(live, status), BINDING.key(live)
        return await self._client.patch_status(BINDING, key.namespace, key.name, patch) if patch else live

    async def set_finalizers(self, binding: Binding, finalizers: Sequence[str]) -> None:
        """Set the binding's finalizers to exactly these. Raises Stale where it changed since it was read, Gone where it is deleted."""
        metadata = {"finalizers": list(finalizers), "uid": binding.uid, "resourceVersion": binding.resource_version}
        with self._noticing_deletion(binding):
            answer = await self._client.merge_patch(BINDING, binding.namespace, binding.name, {"metadata": metadata})
        if binding.deleting and not finalizers:  # the binding is gone, whether or not a watch will show it
            self._feed.gone(binding.key, binding.uid, binding.key)
        else:
            self._feed.observe(answer, binding.key)

    async def _write(self, item: Desired | Attachment, snapshot: Snapshot, on_write: Callable[[ObjectKey], None]) -> None:
        if isinstance(item, Attachment):
            await self._objects.attach(item, snapshot.binding)
        else:
            first = snapshot.binding.key not in self._looked_at
            if not await self._objects.put(item, snapshot, keep_data=item.key.kind == SECRET.name, dry_run=first):
                return
        on_write(_key(item))

    async def _trim(self, desired: Desired, snapshot: Snapshot, on_write: Callable[[ObjectKey], None]) -> None:
        """Remove entries from a Secret that the writes so far have kept."""
        child = self._feed.cache.child(desired.key)
        if child and desired.differs(child) and await self._objects.put(desired, snapshot):
            on_write(desired.key)

    async def _confirm(self, binding: Binding) -> None:
        """Raise Gone or Stale unless the binding still exists: its objects may be missing because they are being garbage-collected.

        An edit that is seen here first requeues the binding, because its watch event will then change nothing.
        """
        with self._noticing_deletion(binding):
            live: Manifest = await self._client.get(BINDING, binding.namespace, binding.name)
            if live["metadata"]["uid"] != binding.uid:
                raise Gone(f"{binding.key} was deleted; there is another one of its name")
        self._feed.observe(live)
        if live["metadata"].get("deletionTimestamp"):
            raise Stale(f"{binding.key} is being deleted")

    @contextmanager
    def _noticing_deletion(self, binding: Binding) -> Iterator[None]:
        """On Gone, drop the binding from the cache; otherwise every pass would recreate its children."""
        try:
            yield
        except Gone:
            self._feed.gone(binding.key, binding.uid)
            raise


def _stages(plan: BindingPlan, taken: Mapping[ObjectKey, str]) -> Iterator[list[Desired | Attachment]]:
    """One stage for each kind, then what is left of the attachments."""
    for kind in OWNED:
        yield [desired for desired in plan.objects if desired.key.kind == kind.name]
    yield [replace(a, resource_version=taken.get(a.target, a.resource_version)) for a in plan.attachments if a not in plan.first]


def _key(item: Desired | Attachment) -> ObjectKey:
    return item.key if isinstance(item, Desired) else item.target


async def _all_of(calls: Iterable[Awaitable[object]]) -> None:
    """Run independent requests at once and to their end, so that every answer is observed; then raise what failed."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        raise _combined(failures)


def _combined(failures: Sequence[BaseException]) -> BaseException:
    """The failure that decides the next step: a bug, a lost lease or a failure to retry; else all refusals in one."""
    refusals = [failure for failure in failures if isinstance(failure, (Refused, Stalled))]
    others = [failure for failure in failures if failure not in refusals]
    if others:
        return min(others, key=lambda failure: (isinstance(failure, FiddlerKongError), not isinstance(failure, NotLeader)))
    refusals[0].args = ("; ".join(dict.fromkeys(map(str, refusals))),)
    return refusals[0]
