"""The input of one decision: everything observed about one binding, gathered once, frozen.

`observe.reader` makes a `Snapshot`; the rest of `plan` decides from it without any I/O. Values are reduced on
arrival (a child is a digest, a Service is its plugin list), so that thousands of bindings fit into little memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.api.status import RefusalStatus
from fiddler_kong_operator.errors import FiddlerKongError
from fiddler_kong_operator.kube.objects import ObjectKey

from .acceptance.endpoint import STRICT, EndpointPolicy
from .exports import Exports
from .own_models import OwnModels
from .workload import Workload

__all__ = [
    "Attachable",
    "Binding",
    "Child",
    "ConsumerPlugin",
    "KongWarning",
    "Parent",
    "ProbeResult",
    "Snapshot",
]


@dataclass(frozen=True, slots=True)
class Binding:
    """One FiddlerKongBinding as observed. `spec` is None where it does not validate; `invalid` then says why."""

    key: ObjectKey
    uid: str
    generation: int
    created: str
    resource_version: str
    spec: BindingSpec | None
    invalid: str | None = None
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    annotations: int = 0
    """A hash of the annotations: touching one requests a reconciliation."""
    status: Mapping[str, Any] = field(default_factory=dict)
    """The status as last written, as JSON; {} on a fresh object."""

    @property
    def name(self) -> str:
        """Name of the binding."""
        return self.key.name

    @property
    def namespace(self) -> str:
        """Namespace of the binding, and of every object that it owns or refers to, except the gateway workload and Gateways."""
        return self.key.namespace

    @property
    def workload(self) -> ObjectKey | None:
        """The gateway workload that the spec names; None without a valid spec."""
        if self.spec is None:
            return None
        ref = self.spec.gateway.target_ref
        return ObjectKey(ref.kind, ref.namespace or self.namespace, ref.name)


@dataclass(frozen=True, slots=True)
class Parent:
    """The report of one of Kong's controllers about an HTTPRoute, as a route of one Gateway (`namespace/name`)."""

    gateway: str
    accepted: bool
    programmed: str | None = None
    """Status of the condition Programmed: Kong has the route. None where the controller does not say."""
    message: str = ""
    """Reason and message of the first condition that is not True."""


@dataclass(frozen=True, slots=True)
class Attachable:
    """A Service, Ingress or HTTPRoute as far as attachment goes.

    `plugins` is the annotation konghq.com/plugins split at commas and trimmed.
    """

    key: ObjectKey
    uid: str
    resource_version: str
    plugins: tuple[str, ...] = ()
    ingress_class: str | None = None
    """For an Ingress: the annotation kubernetes.io/ingress.class, else spec.ingressClassName."""
    rules: tuple[tuple[str, str], ...] = ()
    """For an Ingress or HTTPRoute: its (host or "", path) pairs."""
    published: bool = False
    """Its status says that Kong took a configuration with it: by an address for an Ingress, by Programmed for an HTTPRoute."""
    backends: tuple[tuple[ObjectKey, ...], ...] = ()
    """For an Ingress or HTTPRoute: the Services that it leads to, in one group for each rule of an HTTPRoute or path of an Ingress."""
    gateways: tuple[str, ...] = ()
    """For an HTTPRoute: the Gateways (`namespace/name`) among its parents."""
    filters: tuple[str, ...] = ()
    """For an HTTPRoute: the KongPlugins of its rules' filters."""
    common_filters: tuple[str, ...] = ()
    """Those of `filters` that every rule has."""
    parents: tuple[Parent, ...] = ()
    """For an HTTPRoute: the reports of Kong's controllers about it."""
    foreign: bool = False
    """For an HTTPRoute: it is certainly not Kong's, because only other implementations serve its parents."""
    unverified_tls: bool = False
    """For a Service: its annotation konghq.com/tls-verify says that Kong must not verify the certificate."""
    attached_at: float = 0.0
    """When our field manager last wrote it (seconds since the epoch, from managedFields); 0 where it never did."""
    published_at: float = 0.0
    """For a published Ingress: when its status was last written (like `attached_at`), which Kong's controller does when Kong took it."""

    @property
    def doubled(self) -> tuple[str, ...]:
        """The names that are twice on its list: Kong refuses its whole configuration while they are."""
        if self.foreign:
            return ()
        return tuple(name for name, times in Counter(self.plugins).items() if times > 1)


@dataclass(frozen=True, slots=True)
class Child:
    """An object of an owned kind: the facts that show drift and ownership without the object.

    It carries our managed-by label, or has the name of an object that a binding would create.
    """

    key: ObjectKey
    uid: str
    resource_version: str
    owner_uid: str | None
    """uid of the controlling ownerReference."""
    binding: str | None
    """Value of the binding label; None if the object lacks our managed-by label."""
    digest: bytes
    """`digest.content_digest` of the object as observed."""
    defaulted_from: bytes | None = None
    """The digest of our write that produced `digest`, where a server default or a webhook made them differ."""
    applied_at: float = 0.0
    """When it was last seen to change, or last written by our field manager (managedFields), whichever is later (seconds since the epoch);
    0 if unknown."""
    deleting: bool = False
    written: bool = False
    """Our field manager is among those that wrote it."""
    writer: str | None = None
    """The field manager of the last write, from managedFields; another one than ours where both wrote in the same second."""
    shape: bytes = b""
    """`digest.content_shape` of the object as observed."""

    def matches(self, wanted: bytes) -> bool:
        """Whether the object is as wanted, or as it became the last time exactly that was written."""
        return wanted in (self.digest, self.defaulted_from)

    def defaulted(self, wanted: bytes) -> Child:
        """The same object as the outcome of a write of `wanted`."""
        return replace(self, defaulted_from=None if wanted == self.digest else wanted)

    def belongs_to(self, binding: Binding) -> bool:
        """Whether it may be overwritten for this very binding.

        A controlling ownerReference is Kubernetes' own way to hand an object over: the garbage collector deletes it with the binding.
        Labels are not, because any user can copy them: they count only where that reference was removed (drift) from an object we wrote.
        """
        if self.key.namespace != binding.namespace:
            return False
        return self.owner_uid == binding.uid or (self.owner_uid is None and self.written and self.binding == binding.name)

    def is_left_over(self, binding: Binding) -> bool:
        """Whether we wrote it for an earlier binding of the same name; the garbage collector is about to delete it."""
        same_name = self.key.namespace == binding.namespace and self.binding == binding.name
        return same_name and self.written and self.owner_uid not in (None, binding.uid)


@dataclass(frozen=True, slots=True)
class KongWarning:
    """An Event of Kong Ingress Controller: a warning, or a report that Kong took its configuration."""

    about: ObjectKey
    """The object that it names, perhaps of a kind that is not watched."""
    reason: str
    message: str
    last_seen: float
    """When the API server stored it or its last repetition (seconds since the epoch)."""
    first_seen: float = 0.0
    """When the API server stored it first."""
    uid: str = ""
    """uid of the object that it names; "" where the Event has none."""


@dataclass(frozen=True, slots=True)
class ConsumerPlugin:
    """A plugin, by its name as written, that a KongConsumer or KongConsumerGroup lists."""

    consumer: ObjectKey
    plugin: str
    type: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The trace endpoint's answer: a reason of TraceEndpointReachable and its sentence; `application` where it could be read."""

    reason: str
    message: str
    application: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All input of a decision about one binding."""

    binding: Binding
    now: float
    """Seconds since the epoch by the API server's clock, as every time in objects."""
    secrets: Mapping[str, Mapping[str, bytes] | None] = field(default_factory=dict)
    """Referenced Secrets of the binding's namespace by name; None where it does not exist."""
    workload: Workload | None = None
    workload_visible: bool = True
    """False where the operator does not watch the workload's namespace."""
    workload_installed: bool = True
    """False where the cluster does not know the workload's kind."""
    siblings: tuple[Binding, ...] = ()
    """The other bindings of the workload that count: the oldest of each group with equal `tenancy.demand`, and owners of `ingresses`."""
    targets: Mapping[ObjectKey, Attachable] = field(default_factory=dict)
    """Every object of an attachable kind that exists and is named in attachTo, or belongs to this binding, or names one of its plugins."""
    target_owners: Mapping[ObjectKey, str] = field(default_factory=dict)
    """Name of the owning binding, by target that a binding owns."""
    plugin_types: Mapping[str, str] = field(default_factory=dict)
    """The type of each plugin, by its name as written (`name` or `namespace:name`) in the annotations and filters of `targets`, `behind`,
    and of `routes` in the binding's namespace. A KongPlugin takes precedence over a KongClusterPlugin. "" if the name needs a
    ReferenceGrant that does not exist: Kong's controller leaves the plugin out."""
    cluster_plugins_readable: bool = True
    """False where the operator may not read KongClusterPlugins."""
    plugin_owners: Mapping[str, str] = field(default_factory=dict)
    """uid of the owning binding by KongPlugin name in the binding's namespace, for names in the targets' annotations."""
    global_plugins: Mapping[str, str] = field(default_factory=dict)
    """type -> name of the enabled global KongClusterPlugins of the binding's ingress class."""
    consumer_plugins: tuple[ConsumerPlugin, ...] = ()
    """Plugins of types that bindings attach, on consumers and consumer groups of the binding's ingress class, in any namespace watched."""
    ingresses: tuple[Attachable, ...] = ()
    """Ingresses and HTTPRoutes, in any namespace watched, that serve a host and path this binding exposes (its own included), some that
    serve a longer path, and those of the same ingress class or Gateway with a regular expression for a path."""
    ingress_classes: Mapping[str, bool] = field(default_factory=dict)
    """Every IngressClass by name, with whether it is the default; empty where the operator may not read them."""
    kong_classes: frozenset[str] = frozenset()
    """Those that are Kong's."""
    routes: tuple[Attachable, ...] = ()
    """Ingresses and HTTPRoutes, in any namespace watched, that lead to a Service of `targets`."""
    models: Mapping[str, OwnModels] | None = None
    """The models of enabled plugins that answer calls, by name like `plugin_types`; None where they were not looked at."""
    global_models: Mapping[str, OwnModels] = field(default_factory=dict)
    """The same of the global KongClusterPlugins of the binding's ingress class."""
    exports: Mapping[str, Exports] = field(default_factory=dict)
    """The exports of enabled opentelemetry plugins, by name like `plugin_types`."""
    global_exports: Mapping[str, Exports] = field(default_factory=dict)
    """The same of the global KongClusterPlugins of the binding's ingress class."""
    disabled: frozenset[str] = frozenset()
    """The plugins that Kong does not run, by name like `plugin_types`."""
    behind: Mapping[ObjectKey, Attachable] = field(default_factory=dict)
    """Services of the binding's namespace with plugins, to which an Ingress or HTTPRoute of attachTo leads."""
    routes_readable: bool = True
    """False where the operator may not read HTTPRoutes."""
    unseen_routes: Mapping[ObjectKey, Mapping[str, ObjectKey]] = field(default_factory=dict)
    """By Service of attachTo: the unwatched namespaces whose HTTPRoutes may lead to it, each with the ReferenceGrant that allows that."""
    routes_installed: bool = True
    """False where the cluster does not know HTTPRoute."""
    frozen_by: tuple[tuple[ObjectKey, str], ...] = ()
    """Objects of the binding's ingress class that Kong refuses because of a name that is twice on their list, with that name."""
    children: Mapping[ObjectKey, Child] = field(default_factory=dict)
    """Every observed object that is owned by the binding or has the name of one it would create."""
    warnings: tuple[KongWarning, ...] = ()
    """Kong's warnings about `children` and `targets`."""
    written_at: float = 0.0
    """When this pass wrote an object (like `now`); 0 where it did not."""
    refusal: RefusalStatus | None = None
    """The refusal that is recorded in the binding's status: its objects that Kong refused."""
    refusals: tuple[KongWarning, ...] = ()
    """Kong's refusals of a whole configuration that may be about the binding's gateway: they name an object that a gateway of its class
    serves, or one that shows no class. Refusals before a later success are left out, and those about objects that changed since."""
    taken_at: float = 0.0
    """When Kong's controller last reported, on a Pod in the gateway's namespace, that Kong took its configuration; 0 where it never did."""
    class_published: bool = False
    """An Ingress of the binding's class has an address: Kong's controller gives one to every Ingress of it that Kong has taken."""
    kong_installed: bool = True
    endpoints: EndpointPolicy = STRICT
    """Which trace endpoints the administrator allows."""
    unread: Mapping[ObjectKey, FiddlerKongError] = field(default_factory=dict)
    """References that could not be read, with the error: whether these objects exist is not known."""
    forbidden: tuple[str, ...] = ()
    """Why kinds that the binding depends on cannot be watched: what is known of them may be out of date."""
    lists_forbidden: tuple[str, ...] = ()
    """The entries of `forbidden` that hide which lists name the binding's plugins."""
