"""The circuit breaker: the objects of a binding that Kong refused, and that the operator therefore detaches or deletes.

One refused object freezes the whole gateway: Kong keeps its last good configuration, and no change by anybody reaches it. So a plugin that
Kong refused leaves all lists. An exposed route serves without it, except where the route's own Service or Ingress was refused, or its
ai-proxy, without which the provider would get the clients' calls as they are: its Ingress and Service are deleted then.

After that Kong posts no more warnings. So the refusal is kept in the binding's status and holds until the spec or a key changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fiddler_kong_operator.api.conditions import Finding, reason
from fiddler_kong_operator.api.status import RefusalStatus
from fiddler_kong_operator.kube.objects import ObjectKey, seconds_of, shown_time
from fiddler_kong_operator.plan.kinds import KONG_PLUGIN, SECRET
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.references import keys_secret, tell_routes, withdrawn_routes
from fiddler_kong_operator.plan.snapshot import KongWarning, Snapshot

from .warnings import APPLY_FAILED, current_warnings, outdate_warnings

__all__ = ["find_refusal", "refused", "refused_objects", "standing_refusal"]

_CONTENT: Final = frozenset({SECRET.name, KONG_PLUGIN.name})
"""Kinds of which a change gives Kong another configuration to judge."""


def standing_refusal(snapshot: Snapshot) -> RefusalStatus | None:
    """The refusal that was found before, if it is about the present spec and keys."""
    found = snapshot.refusal
    if found is None or found.generation != snapshot.binding.generation:
        return None
    secret = snapshot.children.get(keys_secret(snapshot.binding))
    return None if secret and secret.applied_at > seconds_of(found.since) else found


def find_refusal(snapshot: Snapshot, plan: BindingPlan) -> RefusalStatus | None:
    """The objects of the binding that Kong refuses: those found before, and those that warnings name; None where there are none.

    `plan` is about to be written. Warnings about a plugin that it changes are about the former one, and new keys are a new attempt.
    """
    changing = [d.key for d in plan.objects if d.key.kind in _CONTENT and d.differs(snapshot.children.get(d.key))]
    standing = None if keys_secret(snapshot.binding) in changing else standing_refusal(snapshot)
    known = standing.objects if standing else ()
    news = [warning for warning in _refusals(outdate_warnings(snapshot, changing)) if _text(warning.about) not in known]
    if not news:
        return standing
    objects = tuple(sorted({*known, *(_text(warning.about) for warning in news)}))
    since = shown_time(snapshot.now)
    message = f"{news[0].about}: {news[0].message.rstrip('. ')}"
    return RefusalStatus(objects=objects, generation=snapshot.binding.generation, message=message, since=since)


def refused_objects(refusal: RefusalStatus | None, snapshot: Snapshot) -> frozenset[ObjectKey]:
    """The objects of a refusal."""
    names = (text.partition("/") for text in refusal.objects) if refusal else ()
    return frozenset(ObjectKey(kind, snapshot.binding.namespace, name) for kind, _, name in names)


def refused(refusal: RefusalStatus, snapshot: Snapshot) -> Finding:
    """PluginsProgrammed: Kong's words, the objects that were detached or deleted, and the remedy."""
    objects = refused_objects(refusal, snapshot)
    routes = sorted(withdrawn_routes(snapshot.binding, objects))
    plugins = sorted(key.name for key in objects if key.kind == KONG_PLUGIN.name)
    done = [f"detached {', '.join(plugins)}"] if plugins else []
    done += [f"stopped exposing {tell_routes(routes)}"] if routes else []
    told = f" So that the gateway takes changes again, the operator has {' and '.join(done)}." if done else ""
    filters = [f"{name} out of {target.key}" for target in snapshot.targets.values() for name in target.filters if name in plugins]
    remedy = f" Take the filters that name {' and '.join(filters)} at once: the operator does not change filters." if filters else ""
    return Finding(
        reason("KongRefused"),
        f"Kong refused {refusal.message}.{told}{remedy} Correct the spec. To try the same again, for instance after a change of the "
        "gateway, set spec.suspend to true and back to false.",
    )


def _refusals(snapshot: Snapshot) -> Iterator[KongWarning]:
    """The current refusals of objects of the binding that Kong's controller still sees, the newest first."""
    for warning in current_warnings(snapshot):
        child = snapshot.children.get(warning.about)
        if warning.reason == APPLY_FAILED and child and child.belongs_to(snapshot.binding) and _is_seen(warning.about, snapshot):
            yield warning


def _is_seen(about: ObjectKey, snapshot: Snapshot) -> bool:
    """Whether Kong's controller sees an object of the binding: a plugin only while a list or filter names it."""
    listed = (name.rpartition(":")[2] for target in snapshot.targets.values() for name in (*target.plugins, *target.filters))
    return about.kind != KONG_PLUGIN.name or about.name in listed


def _text(key: ObjectKey) -> str:
    return f"{key.kind}/{key.name}"
