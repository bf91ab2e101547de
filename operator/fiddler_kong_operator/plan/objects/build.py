"""From an accepted binding and its keys to everything it wants in the cluster, and from what exists to what must go.

Equal, as Kong sees it, to the file on Fiddler's integration page: see `plan.declarative`.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator import names
from fiddler_kong_operator.api.v1alpha1 import BindingSpec, Route
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.acceptance.buildable import require_buildable
from fiddler_kong_operator.plan.plugins import PLUGINS, PluginInstance, PluginKey, keys_of, plugin_instances
from fiddler_kong_operator.plan.providers import upstream_of
from fiddler_kong_operator.plan.secrets import ResolvedKeys
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot

from .attachments import build_attachments, plugin_name
from .desired import Attachment, BindingPlan, Desired
from .manifest import build_desired, canonical
from .overrides import apply_overrides

__all__ = ["Removal", "build", "build_lua_removal", "build_removal", "prune"]

_DELETION_ORDER: Final = ("Ingress", "Service", "KongPlugin", "Secret")
"""Traffic first, keys last: a plugin whose Secret is gone is dropped by Kong while the route still serves."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What the deletion of a binding takes back: first our names from foreign lists, then the objects, in this order."""

    attachments: tuple[Attachment, ...]
    objects: tuple[ObjectKey, ...]


def build(
    snapshot: Snapshot, keys: ResolvedKeys, *, attach_pre_function: bool, excluded_targets: frozenset[ObjectKey] = frozenset()
) -> BindingPlan:
    """Everything the binding wants. ValueError where it has no valid spec, Stalled where `check_buildable` finds something.

    `attach_pre_function` is False until the gateway can run our Lua: the plugin is made, but nothing names it. `excluded_targets` are left
    without any plugin of ours, because one of theirs clashes.
    """
    binding = snapshot.binding
    if binding.spec is None:
        raise ValueError(f"{binding.key} has no valid spec")
    require_buildable(binding.spec)
    instances = plugin_instances(binding.spec)
    attached = tuple(i for i in instances if attach_pre_function or not PLUGINS[i.plugin].runs_lua)
    lists = {route.name: _attached_names(binding, route, attached) for route in binding.spec.routes}
    exposed = tuple(route for route in binding.spec.routes if route.expose)
    wanted = {
        key: lists[route.name]
        for route in binding.spec.routes
        if (key := _target(binding, route)) is not None and key not in excluded_targets
    }
    return BindingPlan(
        secret=(_build_secret(binding, instances, keys),),
        plugins=tuple(_build_plugin(binding, binding.spec, instance) for instance in instances),
        routes=(
            *(_build_service(binding, route, lists[route.name]) for route in exposed),
            *(_build_ingress(binding, binding.spec, route) for route in exposed),
        ),
        attachments=build_attachments(snapshot, wanted),
    )


def build_removal(snapshot: Snapshot) -> Removal:
    """What must go when the binding is deleted, whatever became of its spec: only what it owns."""
    return Removal(build_attachments(snapshot, {}), _deletions(snapshot, frozenset()))


def build_lua_removal(snapshot: Snapshot) -> BindingPlan:
    """Only what takes the plugin that runs Lua off everything that names it; the rest of the lists stays."""
    binding, lua = snapshot.binding, names.pre_function_plugin(snapshot.binding.name)
    if binding.spec is None:
        return BindingPlan()
    lua_free = tuple(i for i in plugin_instances(binding.spec) if not PLUGINS[i.plugin].runs_lua)
    services = tuple(
        _build_service(binding, route, _attached_names(binding, route, lua_free))
        for route in binding.spec.routes
        if route.expose and _lists(snapshot, ObjectKey("Service", binding.namespace, names.route_objects(binding.name, route.name)), lua)
    )
    kept = {key: tuple(n for n in target.plugins if n.rpartition(":")[2] != lua) for key, target in snapshot.targets.items()}
    return BindingPlan(routes=services, attachments=build_attachments(snapshot, kept))


def _lists(snapshot: Snapshot, key: ObjectKey, plugin: str) -> bool:
    target = snapshot.targets.get(key)
    return target is not None and plugin in target.plugins


def prune(snapshot: Snapshot, plan: BindingPlan) -> tuple[ObjectKey, ...]:
    """The binding's own objects that the plan no longer holds, in the order of deletion."""
    return _deletions(snapshot, frozenset(desired.key for desired in plan.objects))


def _deletions(snapshot: Snapshot, keep: frozenset[ObjectKey]) -> tuple[ObjectKey, ...]:
    """Only what bears both our labels and the binding's ownerReference: people add such a reference to objects of their own as well."""
    binding = snapshot.binding
    owned = (c for c in snapshot.children.values() if c.owner_uid == binding.uid and c.binding == binding.name)
    gone = (c.key for c in owned if c.belongs_to(binding) and c.key not in keep and not c.deleting)
    return tuple(sorted(gone, key=lambda key: (_deletion_rank(key.kind), key)))


def _deletion_rank(kind: str) -> int:
    return _DELETION_ORDER.index(kind) if kind in _DELETION_ORDER else -1


def _target(binding: Binding, route: Route) -> ObjectKey | None:
    return ObjectKey(route.attach_to.kind, binding.namespace, route.attach_to.name) if route.attach_to else None


def _attached_names(binding: Binding, route: Route, instances: tuple[PluginInstance, ...]) -> tuple[str, ...]:
    return tuple(plugin_name(binding, i.plugin, i.route) for i in instances if i.route in (None, route.name))


def _build_secret(binding: Binding, instances: tuple[PluginInstance, ...], keys: ResolvedKeys) -> Desired:
    """One Secret with every key. Kong pastes a value as JSON into a patch, so each is a JSON string and nothing else."""
    data = {key.entry: _encoded(key, keys) for key in keys_of(instances)}
    labels = {"konghq.com/secret": "true", "konghq.com/validate": "plugin"}
    return build_desired(binding, "Secret", names.keys_secret(binding.name), {"type": "Opaque", "data": data}, {"labels": labels})


def _encoded(key: PluginKey, keys: ResolvedKeys) -> str:
    return base64.b64encode(json.dumps(key.prefix + keys.by_ref[key.ref]).encode()).decode()


def _build_plugin(binding: Binding, spec: BindingSpec, instance: PluginInstance) -> Desired:
    secret = names.keys_secret(binding.name)
    patches = [{"path": k.pointer, "valueFrom": {"secretKeyRef": {"name": secret, "key": k.entry}}} for k in instance.keys]
    content: Manifest = {"plugin": instance.plugin, "config": canonical(apply_overrides(spec, instance))}
    if patches:
        content["configPatches"] = patches
    labels = {names.ROUTE_LABEL: instance.route} if instance.route else {}
    return build_desired(binding, "KongPlugin", plugin_name(binding, instance.plugin, instance.route), content, {"labels": labels})


def _build_service(binding: Binding, route: Route, plugins: tuple[str, ...]) -> Desired:
    if route.llm is None:
        raise ValueError(f"route {route.name} is exposed but has no llm")
    upstream = upstream_of(route.llm)
    port = {"port": upstream.port, "protocol": "TCP", "targetPort": upstream.port}
    spec = {"type": "ExternalName", "externalName": upstream.host, "ports": [port], "sessionAffinity": "None"}
    annotations = {"konghq.com/protocol": upstream.protocol, names.KONG_PLUGINS_ANNOTATION: ",".join(plugins)}
    metadata = {"labels": {names.ROUTE_LABEL: route.name}, "annotations": annotations}
    return build_desired(binding, "Service", names.route_objects(binding.name, route.name), {"spec": spec}, metadata)


def _build_ingress(binding: Binding, spec: BindingSpec, route: Route) -> Desired:
    if route.expose is None or route.llm is None:
        raise ValueError(f"route {route.name} is not exposed")
    name = names.route_objects(binding.name, route.name)
    backend = {"service": {"name": name, "port": {"number": upstream_of(route.llm).port}}}
    rule: Manifest = {"http": {"paths": [{"path": route.expose.path, "pathType": "Prefix", "backend": backend}]}}
    if route.expose.host:
        rule = {"host": route.expose.host, **rule}
    content = {"spec": {"ingressClassName": spec.gateway.ingress_class_name, "rules": [rule]}}
    annotations = {"konghq.com/strip-path": "true", "konghq.com/preserve-host": "false"}
    return build_desired(binding, "Ingress", name, content, {"labels": {names.ROUTE_LABEL: route.name}, "annotations": annotations})
