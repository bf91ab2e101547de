"""Gathers the facts for one decision from the cache; reads live only objects that are not cached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from fiddler_kong_operator.api.status import RefusalStatus
from fiddler_kong_operator.errors import FiddlerKongError, Gone, Refused, Transient
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT, EndpointPolicy
from fiddler_kong_operator.plan.gateway.tenancy import seniority, settings_namespaces
from fiddler_kong_operator.plan.kinds import BINDING, HTTP_ROUTE, KINDS, KONG_CLUSTER_PLUGIN, KONG_PLUGIN, REFERENCE_GRANT, SERVICE
from fiddler_kong_operator.plan.objects.attachable_kinds import ATTACHABLES
from fiddler_kong_operator.plan.references import attach_targets, children_of, references_of, secrets_of
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning, Snapshot
from fiddler_kong_operator.plan.workload import Workload

from .cache import UNKNOWN
from .feed import Feed
from .lineage import find_workload
from .surroundings import Surroundings

__all__ = ["Reader"]

_LISTS: Final = frozenset({KONG_PLUGIN.name, *ATTACHABLES})
"""Kinds that show which lists name a binding's plugins."""


class Reader:
    """Makes snapshots. Costs one look-up for each object of the binding, plus one live read for each reference that is not cached yet."""

    def __init__(
        self,
        feed: Feed,
        client: Client,
        *,
        namespaces: tuple[str, ...] = (),
        endpoints: EndpointPolicy = STRICT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`feed` takes the live reads and requeues the other bindings that they concern: the later watch events will change nothing.

        `namespaces` are those watched, () for all; `endpoints` becomes part of each snapshot; `clock` is the API server's.
        """
        self._feed = feed
        self._cache = feed.cache
        self._client = client
        self._namespaces = namespaces
        self._endpoints = endpoints
        self._clock = clock
        self._around = Surroundings(feed.cache, namespaces)

    async def gather(self, key: ObjectKey) -> Snapshot | None:
        """The snapshot of a binding, with the references that could not be read; None where the binding does not exist."""
        seen: Binding | None = None
        unread: dict[ObjectKey, FiddlerKongError] = {}
        while (binding := self._cache.binding(key)) is not seen:  # its references may change while they are read
            seen = binding
            references = (reference for reference in (references_of(seen) if seen else ()) if self._visible(reference))
            unread = await self._fetch(references, key)
        return self._snapshot(binding, unread) if binding else None

    async def gather_workload(self, key: ObjectKey) -> tuple[Workload | None, tuple[Binding, ...]]:
        """A workload, None where it does not exist or is not visible, and the bindings that represent all that name it, oldest first.

        Bindings that name an object which Kong Operator makes from it count too: they need its settings as well.

        Raises Transient and Refused where the workload cannot be read.
        """
        unread = await self._fetch([key], key) if self._visible(key) else {}
        if unread:
            raise unread[key]
        workload = find_workload(self._cache, key)
        named = {key, *(member.key for member in workload.family())} if workload else {key}
        representatives = (binding for name in named for binding in self._cache.groups(name).representatives())
        return workload, tuple(sorted(representatives, key=seniority))

    def has_unseen_tenants(self, workload: Workload) -> bool:
        """Whether bindings that the operator does not see may need the workload's settings.

        These are bindings of a namespace that may use it, and that the operator does not watch or where it may not list bindings.
        """
        allowed = settings_namespaces(workload)
        if "*" in allowed:
            return bool(self._namespaces) or bool(self._cache.problems(BINDING))
        watched = self._namespaces or allowed
        return any(namespace not in watched or not self._cache.readable(BINDING, namespace) for namespace in allowed)

    def _visible(self, key: ObjectKey) -> bool:
        return not self._namespaces or key.namespace in self._namespaces

    async def _fetch(self, keys: Iterable[ObjectKey], reader: ObjectKey) -> dict[ObjectKey, FiddlerKongError]:
        """Read what is not cached; returns the errors."""
        missing = [key for key in keys if self._cache.lookup(key) is UNKNOWN]
        errors = await asyncio.gather(*(self._read(key, reader) for key in missing))
        return {key: error for key, error in zip(missing, errors, strict=True) if error}

    async def _read(self, key: ObjectKey, reader: ObjectKey) -> FiddlerKongError | None:
        try:
            raw = await self._client.get(KINDS[key.kind], key.namespace, key.name)
        except Gone:
            self._cache.remember_absent(key)
        except (Refused, Transient) as error:
            return error
        else:
            self._feed.observe(raw, reader)
        return None

    def _snapshot(self, binding: Binding, unread: Mapping[ObjectKey, FiddlerKongError]) -> Snapshot:
        cache, workload = self._cache, binding.workload
        names = frozenset(children_of(binding))
        children = self._children(binding, names)
        targets = self._targets(binding, names.union(children))
        around = self._around
        ingresses = around.ingresses(binding)
        routes = around.routes(key for key in targets if key.kind == SERVICE.name)
        behind = around.behind(targets[key] for key in attach_targets(binding) if key in targets)
        lists = (*(route for route in routes if route.key.namespace == binding.namespace), *behind.values(), *targets.values())
        snapshot = Snapshot(
            binding=binding,
            now=self._clock(),
            secrets={key.name: cache.value(key, dict) for key in secrets_of(binding)},
            workload=find_workload(cache, workload),
            workload_visible=workload is None or self._visible(workload),
            workload_installed=workload is None or cache.installed(KINDS[workload.kind]),
            siblings=self._siblings(binding, ingresses),
            targets=targets,
            target_owners=around.target_owners(attach_targets(binding)),
            plugin_owners=around.plugin_owners(binding, targets.values()),
            cluster_plugins_readable=cache.readable(KONG_CLUSTER_PLUGIN),
            ingresses=ingresses,
            ingress_classes=around.ingress_classes(),
            kong_classes=around.kong_classes(),
            routes=routes,
            behind=behind,
            routes_readable=self._routes_readable(binding.namespace),
            unseen_routes=self._unseen_routes(binding),
            routes_installed=cache.installed(HTTP_ROUTE),
            children=children,
            warnings=tuple(self._warnings(frozenset(children).union(targets))),
            refusal=_refusal(binding),
            kong_installed=cache.installed(KONG_PLUGIN),
            endpoints=self._endpoints,
            unread=unread,
            forbidden=cache.forbidden(binding),
            lists_forbidden=cache.forbidden(binding, _LISTS),
        )
        snapshot = self._with_plugins(snapshot, lists)
        return self._with_class(snapshot, binding.spec.gateway.ingress_class_name) if binding.spec else snapshot

    def _with_plugins(self, snapshot: Snapshot, lists: Iterable[Attachable]) -> Snapshot:
        """The snapshot with what is known of the plugins on these lists, and of global ones."""
        listed, everywhere = self._around.listed(lists), self._around.everywhere(snapshot.binding)
        return replace(
            snapshot,
            plugin_types=listed.types,
            models=listed.models,
            exports=listed.exports,
            disabled=listed.disabled,
            global_plugins={kind: name for name, kind in everywhere.types.items()},
            global_models=everywhere.models,
            global_exports=everywhere.exports,
        )

    def _with_class(self, snapshot: Snapshot, ingress_class: str) -> Snapshot:
        """The snapshot with what is known of the gateways of the binding's ingress class."""
        return replace(
            snapshot,
            refusals=self._around.refusals(snapshot.binding),
            taken_at=self._around.taken_at(snapshot.binding),
            consumer_plugins=tuple(self._around.consumer_plugins(ingress_class)),
            frozen_by=self._around.frozen_by(ingress_class),
            class_published=ingress_class in self._cache.indexes.published,
        )

    def _routes_readable(self, namespace: str) -> bool:
        """Whether all HTTPRoutes of the namespace can be seen, and which of other namespaces may lead to its Services."""
        grants_matter = bool(self._namespaces) and self._cache.installed(HTTP_ROUTE)  # without namespaces every HTTPRoute is seen
        return self._cache.readable(HTTP_ROUTE, namespace) and not (grants_matter and not self._cache.readable(REFERENCE_GRANT, namespace))

    def _unseen_routes(self, binding: Binding) -> dict[ObjectKey, dict[str, ObjectKey]]:
        if not self._namespaces:
            return {}
        granted = self._around.granted_routes(key for key in attach_targets(binding) if key.kind == SERVICE.name)
        unseen = {key: {name: grant for name, grant in by.items() if not self._sees_routes_of(name)} for key, by in granted.items()}
        return {key: by for key, by in unseen.items() if by}

    def _sees_routes_of(self, namespace: str) -> bool:
        return namespace in self._namespaces and self._cache.readable(HTTP_ROUTE, namespace)

    def _siblings(self, binding: Binding, ingresses: Iterable[Attachable]) -> tuple[Binding, ...]:
        """The bindings that can make a difference: rivals for the gateway's settings, and owners of Ingresses on the same places."""
        owners = (self._cache.owner(ingress.key) for ingress in ingresses)
        neighbours = (owner for owner in owners if owner and owner.workload == binding.workload and owner.key != binding.key)
        rivals = self._cache.groups(binding.workload).rivals(binding) if binding.workload else ()
        return tuple({sibling.key: sibling for sibling in (*rivals, *neighbours)}.values())

    def _children(self, binding: Binding, names: frozenset[ObjectKey]) -> dict[ObjectKey, Child]:
        owned = (key for key in self._cache.indexes.owned_by[binding.uid] if key.namespace == binding.namespace)  # uids can be copied
        return {key: child for key in sorted(names.union(owned)) if (child := self._cache.child(key))}

    def _targets(self, binding: Binding, children: frozenset[ObjectKey]) -> dict[ObjectKey, Attachable]:
        plugins = (key for key in children if key.kind == KONG_PLUGIN.name)
        naming = (target for plugin in plugins for target in self._cache.indexes.naming[plugin] if target.kind in ATTACHABLES)
        own = (key for key in children if key.kind in ATTACHABLES)
        keys = {*attach_targets(binding), *own, *(target for target in naming if target.namespace == binding.namespace)}
        return {key: target for key in sorted(keys) if (target := self._cache.value(key, Attachable))}

    def _warnings(self, subjects: Iterable[ObjectKey]) -> Iterator[KongWarning]:
        for subject in sorted(subjects):
            events = self._cache.indexes.warning_about[subject]
            yield from (warning for event in events if (warning := self._cache.value(event, KongWarning)))


def _refusal(binding: Binding) -> RefusalStatus | None:
    raw = binding.status.get("refusal")
    return RefusalStatus.model_validate(raw) if raw else None
