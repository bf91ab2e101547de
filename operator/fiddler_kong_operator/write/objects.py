"""Writes single objects: creates, repairs and deletes what a binding owns, and sets attachment lists. Never overwrites another owner's.

How an owned object is written, and why not by server-side apply:

* A missing object is created by POST. That fails where an object of the name exists, so no race can overwrite an object of another owner.
  (An apply can be made to create only, by a resourceVersion that no object has, but costs the API server half as much again: 4.3 ms against
  2.8 ms on 1.36.)
* An object that differs is read live, its owner is checked, and it gets the merge patch that makes it exactly as wanted (`merging`), with
  its uid and resourceVersion as preconditions. An apply would leave fields that other managers added, and fields created by POST that are
  no longer wanted; each would be found as drift again in every pass.
* A field that the API server does not let change is changed by deleting the object and creating it again. `immutable` on our Secret is such
  a field, and makes `data` one; while the data is right, `immutable` stays. The class of our Ingress is treated like one: the address that
  the former class's controller wrote into the status would stay, and be taken for a confirmation by the new one's.
  A dry run of the creation comes first: where a policy, a webhook or a quota refuses it, the present object stays.
* An object that differs only in values (`content_shape`: a rotated key, a changed spec) gets the patch with all wanted content without
  being read first, for the cached version. That halves the requests of a rotation.
* After a start the operator does not know how webhooks change its writes. So the first pass over a binding tries its repairs by a dry run:
  an object that the repair would not change needs no write.
"""

from __future__ import annotations

import contextlib
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.errors import Denial, FiddlerKongError, Gone, Refused, Stale, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.queue import Lane
from fiddler_kong_operator.kube.redaction import redact, values_of
from fiddler_kong_operator.observe.feed import Feed
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.objects.desired import Attachment, Desired
from fiddler_kong_operator.plan.objects.digest import content_digest, content_shape, fixed_fields
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot

from .merging import overwriting_patch, repair_patch
from .ownership import belongs, require_replaceable

__all__ = ["ObjectWriter"]

_LOCK: Final = "immutable"


class ObjectWriter:
    """Every answer goes into the cache; the binding that is written for is not requeued by it."""

    def __init__(self, client: Client, feed: Feed) -> None:
        """`feed` takes the answers."""
        self._client = client
        self._feed = feed
        self._cache = feed.cache

    async def put(self, desired: Desired, snapshot: Snapshot, *, keep_data: bool = False, dry_run: bool = False) -> bool:
        """Create or repair an object; False where it already was as wanted, or where a dry run (`dry_run`) would not change it.

        `keep_data` leaves entries in a Secret that are no longer wanted. Raises Stale where the snapshot was out of date,
        Stalled(NameTaken) for an object of another owner.
        """
        binding = snapshot.binding
        if desired.key not in snapshot.children:
            await self._create(desired, binding)
            return True
        if dry_run and await self._comes_out_as_it_is(desired, binding):
            return False
        return await self._overwrite(desired, binding) or await self._repair(desired, snapshot, keep_data=keep_data)

    async def delete(self, key: ObjectKey, binding: Binding) -> None:
        """Delete an object, after a live read, if it still belongs to the binding."""
        live = await self._read(key, binding)
        if live and belongs(live, binding):
            await self._delete_live(key, live, binding)

    async def attach(self, attachment: Attachment, binding: Binding) -> str:
        """Set the plugin list of an object; returns its new resourceVersion. Raises Stale where it changed since it was observed."""
        annotations = {names.KONG_PLUGINS_ANNOTATION: ",".join(attachment.plugins) or None}
        metadata = {"annotations": annotations, "uid": attachment.uid, "resourceVersion": attachment.resource_version}
        try:
            answer = await self._patch(attachment.target, {"metadata": metadata}, binding)
        except Stale:
            await self._read(attachment.target, binding)
            raise
        return str(answer["metadata"]["resourceVersion"])

    async def _create(self, desired: Desired, binding: Binding) -> None:
        try:
            with self._cache.in_flight.writing(desired.key, desired.digest, binding.key):
                answer = await self._client.create(KINDS[desired.key.kind], desired.manifest)
                self._feed.observe(answer, binding.key)
        except Stale:
            await self._read(desired.key, binding)
            raise
        self._note_defaults(desired, answer, binding)

    async def _comes_out_as_it_is(self, desired: Desired, binding: Binding) -> bool:
        """Whether a repair, after webhooks, would leave the object as it is. False on an error, which the repair itself will report."""
        with contextlib.suppress(Refused, Stale, Gone, Transient):
            name, namespace, kind = desired.key.name, desired.key.namespace, KINDS[desired.key.kind]
            live = await self._client.get(kind, namespace, name)
            patch = repair_patch(live, desired.manifest) if belongs(live, binding) else None
            outcome = await self._client.dry_run_patch(kind, namespace, name, patch) if patch else None
            if outcome and content_digest(outcome) == content_digest(live):
                self._feed.observe(live, binding.key)
                self._note_defaults(desired, live, binding)
                return True
        return False

    async def _overwrite(self, desired: Desired, binding: Binding) -> bool:
        """Patch the cached version without a live read; False where it differs in more than values, or is no longer that version."""
        child = self._cache.child(desired.key)
        if child is None or child.owner_uid != binding.uid or child.shape != content_shape(desired.manifest):
            return False
        patch = overwriting_patch(desired.manifest, child, desired.digest)
        try:
            with self._cache.in_flight.writing(desired.key, desired.digest, binding.key):
                answer = await self._patch(desired.key, patch, binding)
        except Stale:
            return False
        self._note_defaults(desired, answer, binding)
        return True

    async def _repair(self, desired: Desired, snapshot: Snapshot, *, keep_data: bool) -> bool:
        binding = snapshot.binding
        live = await self._read(desired.key, binding)
        if live is None or self._must_be_replaced(desired, live, snapshot):
            return await self._replace(desired, live, binding)
        patch = repair_patch(_unlocked(live), desired.manifest, keep_data=keep_data)
        if patch and live.get(_LOCK) and patch.keys() != {"metadata"}:
            return await self._replace(desired, live, binding)
        answer = await self._patch(desired.key, patch, binding) if patch else live
        if not keep_data:
            self._note_defaults(desired, answer, binding)
        return patch is not None

    async def _replace(self, desired: Desired, live: Manifest | None, binding: Binding) -> bool:
        if live is not None:
            await self._require_creatable(desired)
            await self._delete_live(desired.key, live, binding)
        await self._create(desired, binding)
        return True

    async def _require_creatable(self, desired: Desired) -> None:
        """Raise what would keep the object from being created again: until that is gone, the present one goes on to serve.

        A quota without room for one more counts: a deletion need not make room in it, and makes it only after a while.
        """
        try:
            await self._client.dry_run_create(KINDS[desired.key.kind], desired.manifest)
        except Stale:
            return  # admitted, and only the present object has the name
        except Refused as error:
            if error.denial is not Denial.DRY_RUN:
                raise

    def _must_be_replaced(self, desired: Desired, live: Manifest, snapshot: Snapshot) -> bool:
        """Whether a patch cannot repair the object: an orphan of an earlier binding, or a fixed field that differs.

        Raises what `require_replaceable` raises for an object that must not be replaced.
        """
        if not belongs(live, snapshot.binding):
            require_replaceable(live, snapshot)
            return True
        return fixed_fields(live) != fixed_fields(desired.manifest)

    def _note_defaults(self, desired: Desired, answer: Manifest, binding: Binding) -> None:
        """Note the outcome of a write. Where a webhook changed it, the binding is requeued: the change may be a plugin that clashes."""
        self._cache.note_defaults(desired.key, answer["metadata"].get("resourceVersion", ""), desired.digest)
        child = self._cache.child(desired.key)
        if child and child.defaulted_from is not None:
            self._feed.requeue(frozenset({binding.key}), Lane.URGENT, 0.0)

    async def _read(self, key: ObjectKey, binding: Binding) -> Manifest | None:
        """Read an object into the cache; None where it does not exist. An object created while the answer travels stays cached."""
        uid = self._cache.uid(key)
        try:
            live = await self._client.get(KINDS[key.kind], key.namespace, key.name)
        except Gone:
            self._feed.gone(key, uid, binding.key)
            return None
        self._feed.observe(live, binding.key)
        return live

    async def _patch(self, key: ObjectKey, patch: Manifest, binding: Binding) -> Manifest:
        try:
            answer = await self._client.merge_patch(KINDS[key.kind], key.namespace, key.name, patch)
        except Gone as error:
            self._feed.gone(key, patch["metadata"]["uid"], binding.key)
            raise Stale(f"{key} was deleted in the meantime") from error
        except (Refused, Transient) as error:
            if KINDS[key.kind].confidential:
                await self._redact_stored(error, key, binding)
            raise
        self._feed.observe(answer, binding.key)
        return answer

    async def _redact_stored(self, error: FiddlerKongError, key: ObjectKey, binding: Binding) -> None:
        """Redact the values of the stored Secret, which a webhook is shown too. Where it cannot be read, long ones are redacted already."""
        with contextlib.suppress(FiddlerKongError):
            error.args = (redact(str(error), values_of(await self._read(key, binding))),)

    async def _delete_live(self, key: ObjectKey, live: Manifest, binding: Binding) -> None:
        uid = live["metadata"]["uid"]
        try:
            await self._client.delete(KINDS[key.kind], key.namespace, key.name, uid=uid)
        except (Gone, Stale):
            return
        self._feed.gone(key, uid, binding.key)


def _unlocked(live: Manifest) -> Manifest:
    return {name: content for name, content in live.items() if name != _LOCK}
