"""Gathers what one decision rests on, from the store; reads live only what the store does not hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from fiddler_kong_operator.errors import Gone
from fiddler_kong_operator.kube.contract import ClusterClient
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.acceptance.endpoint import STRICT, EndpointPolicy
from fiddler_kong_operator.plan.gateway.tenancy import seniority
from fiddler_kong_operator.plan.kinds import KINDS, KONG_CLUSTER_PLUGIN, KONG_PLUGIN
from fiddler_kong_operator.plan.references import attach_targets, children_of, named_plugin, places_of, references_of, secrets_of
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning, Snapshot, Workload

from .cache import UNKNOWN, Store, Unknown

__all__ = ["Reader"]

T = TypeVar("T")


class Reader:
    """Makes snapshots. Costs as much as the binding has objects, plus one live read for each reference that is not held yet."""

    def __init__(
        self,
        store: Store,
        client: ClusterClient,
        *,
        namespaces: tuple[str, ...] = (),
        endpoints: EndpointPolicy = STRICT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`namespaces` are those watched, () for all; `endpoints` is put into each snapshot; `clock` gives seconds since the epoch."""
        self._store = store
        self._client = client
        self._namespaces = namespaces
        self._endpoints = endpoints
        self._clock = clock

    async def gather(self, key: ObjectKey) -> Snapshot | None:
        """The snapshot of a binding; None where the binding does not exist. Raises Transient and Refused."""
        seen: Binding | None = None
        while (binding := self._store.binding(key)) is not seen:  # it may come to refer to something else while its references are read
            seen = binding
            await self._fetch(reference for reference in (references_of(seen) if seen else ()) if self._visible(reference))
        return self._snapshot(binding) if binding else None

    async def gather_workload(self, key: ObjectKey) -> tuple[Workload | None, tuple[Binding, ...]]:
        """A workload, None where it does not exist or is not visible, and the bindings that speak for all that name it, oldest first."""
        if self._visible(key):
            await self._fetch([key])
        return _present(self._store.workload(key)), tuple(sorted(self._store.cohorts(key).representatives(), key=seniority))

    def _visible(self, key: ObjectKey) -> bool:
        return not self._namespaces or key.namespace in self._namespaces

    async def _fetch(self, keys: Iterable[ObjectKey]) -> None:
        missing = [key for key in keys if self._lookup(key) is UNKNOWN]
        if missing:
            await asyncio.gather(*(self._read(key) for key in missing))

    def _lookup(self, key: ObjectKey) -> object:
        lookups = {"Secret": self._store.secret, "Deployment": self._store.workload}
        return lookups.get(key.kind, self._store.attachable)(key)

    async def _read(self, key: ObjectKey) -> None:
        try:
            raw = await self._client.get(KINDS[key.kind], key.namespace, key.name)
        except Gone:
            self._store.remember_absent(key)
        else:
            self._store.observe(raw)

    def _snapshot(self, binding: Binding) -> Snapshot:
        store = self._store
        workload = binding.workload
        children = self._children(binding)
        targets = self._targets(binding, children)
        ours = [key for key in children if key.kind == KONG_PLUGIN.name]
        return Snapshot(
            binding=binding,
            now=self._clock(),
            secrets={key.name: _present(store.secret(key)) for key in secrets_of(binding)},
            workload=_present(store.workload(workload)) if workload else None,
            workload_visible=workload is None or self._visible(workload),
            siblings=self._siblings(binding),
            targets=targets,
            plugin_types=self._plugin_types(targets),
            plugin_owners=self._plugin_owners(binding, targets),
            global_plugins=self._global_plugins(binding),
            ingresses=self._ingresses(binding),
            children=children,
            warnings=tuple(self._warnings(ours)),
            kong_installed=store.installed(KONG_PLUGIN),
            endpoints=self._endpoints,
        )

    def _siblings(self, binding: Binding) -> tuple[Binding, ...]:
        """Those that can make a difference: who speaks for the others' wishes, and who owns an Ingress on the same place."""
        owners = (self._store.owner(ingress.key) for ingress in self._ingresses(binding))
        neighbours = (owner for owner in owners if owner and owner.workload == binding.workload and owner.key != binding.key)
        rivals = self._store.cohorts(binding.workload).rivals(binding) if binding.workload else ()
        return tuple({sibling.key: sibling for sibling in (*rivals, *neighbours)}.values())

    def _children(self, binding: Binding) -> dict[ObjectKey, Child]:
        owned = (key for key in self._store.children_of(binding.uid) if key.namespace == binding.namespace)  # a uid can be copied anywhere
        keys = {*owned, *children_of(binding)}
        return {key: child for key in sorted(keys) if (child := self._store.child(key))}

    def _targets(self, binding: Binding, children: Mapping[ObjectKey, Child]) -> dict[ObjectKey, Attachable]:
        plugins = {key for key in (*children, *children_of(binding)) if key.kind == KONG_PLUGIN.name}
        naming = (target for plugin in plugins for target in self._store.naming(plugin))
        keys = {*attach_targets(binding), *(target for target in naming if target.namespace == binding.namespace)}  # others' are theirs
        found = ((key, _present(self._store.attachable(key))) for key in sorted(keys))
        return {key: target for key, target in found if target}

    def _plugin_types(self, targets: Mapping[ObjectKey, Attachable]) -> dict[str, str]:
        """By name as written."""
        types: dict[str, str] = {}
        for target in targets.values():
            for name in target.plugins:
                facts = self._store.plugin(named_plugin(target.key, name)) or self._store.plugin(
                    ObjectKey(KONG_CLUSTER_PLUGIN.name, "", name)
                )
                if facts:
                    types.setdefault(name, facts.type)
        return types

    def _plugin_owners(self, binding: Binding, targets: Mapping[ObjectKey, Attachable]) -> dict[str, str]:
        plugins = {named_plugin(target.key, name) for target in targets.values() for name in target.plugins}
        children = (self._store.child(plugin) for plugin in plugins if plugin.namespace == binding.namespace)
        return {child.key.name: child.owner_uid for child in children if child and child.owner_uid}

    def _global_plugins(self, binding: Binding) -> dict[str, str]:
        if binding.spec is None:
            return {}
        wanted = binding.spec.gateway.ingress_class_name
        return {facts.type: key.name for key, facts in self._store.cluster_plugins() if facts.is_global and facts.ingress_class == wanted}

    def _ingresses(self, binding: Binding) -> tuple[Attachable, ...]:
        keys = {key for place in places_of(binding) for key in self._store.serving(place)}
        found = (_present(self._store.attachable(key)) for key in sorted(keys))
        return tuple(ingress for ingress in found if ingress)

    def _warnings(self, plugins: Iterable[ObjectKey]) -> list[KongWarning]:
        return [warning for plugin in plugins for warning in self._store.warnings_about(plugin)]


def _present(value: T | Unknown | None) -> T | None:
    return None if isinstance(value, Unknown) else value
