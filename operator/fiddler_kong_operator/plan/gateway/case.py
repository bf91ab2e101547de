"""A gateway that exists, as the checks of its condition see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.answering import answering_models
from fiddler_kong_operator.plan.kinds import GATEWAY_CONFIGURATION
from fiddler_kong_operator.plan.plugins import needs_lua
from fiddler_kong_operator.plan.snapshot import Binding, Snapshot
from fiddler_kong_operator.plan.workload import Container, Workload

from . import env
from .env import Observation, Observations, Setting, SettingState
from .operated import managed_elsewhere, origin
from .process import (
    LIST_AS_IT_IS,
    PLUGIN_LIST,
    extended_list,
    is_controller,
    is_data_plane,
    kong_elsewhere,
    missing_plugins,
    unread_role,
)
from .remedies import Remedy, remedy_of
from .running import known_container
from .tenancy import settings_rival, tenants
from .unread import Unread
from .version import (
    SESSIONS_VERIFIED,
    Defect,
    Image,
    known_defects,
    parse_image,
    sessions_verified,
    tell_defects,
    topics_of,
)
from .workload_kinds import WORKLOADS, WorkloadKind

__all__ = ["GatewayCase", "make_case"]


_FILTERS_ONLY: Final = (
    " In hybrid mode, Kong Operator follows only filters (extensionRef) of HTTPRoutes, no annotations: attach to an HTTPRoute with "
    "gateway.management: Verify, and add the filters that the binding then names."
)


@dataclass(frozen=True, slots=True)
class GatewayCase:
    """The gateway of one binding: workload and container exist, and the binding may use them."""

    spec: BindingSpec
    kind: WorkloadKind
    workload: Workload
    container: Container
    image: Image
    observations: tuple[Observation, ...]
    override: bool
    """A binding of this workload and container says `conflicts: Override`."""
    rival: Binding | None
    """The older binding that demands another value of a setting, so that this one's are not set."""
    topics: frozenset[str]
    """By which its known defects are found."""

    @property
    def applies(self) -> bool:
        """Whether the operator may write the settings."""
        return self.spec.gateway.management == "Apply"

    # Settings

    @property
    def lacking(self) -> Observations:
        """The needed settings that are not right."""
        return self._observed(o for o in self.observations if o.state is not SettingState.RIGHT)

    def in_state(self, state: SettingState) -> Observations:
        """The needed settings in this state."""
        return self._observed(o for o in self.observations if o.state is state)

    @property
    def unread(self) -> Unread | None:
        """The settings from `valueFrom`, or perhaps from `envFrom`, which the operator does not read; None where there are none."""
        hidden = [o.setting for o in self.observations if o.state is SettingState.HIDDEN]
        settings = [o.setting for o in self.observations if o.state is SettingState.FROM_SOURCE]
        if not (self.applies and self.override):
            settings += hidden
        if self._lua_unmanaged and env.is_unread(self.container, env.UNTRUSTED_LUA):
            settings.append(Setting(env.UNTRUSTED_LUA, "sandbox"))
        if env.is_unread(self.container, PLUGIN_LIST):
            settings.append(Setting(PLUGIN_LIST, LIST_AS_IT_IS))
        settings += unread_role(self.container)
        takeable = hidden if self.applies and not self.override else ()
        return Unread(self.container, tuple(settings), tuple(takeable), self.field) if settings else None

    @property
    def lua_unfit(self) -> Observations | None:
        """KONG_UNTRUSTED_LUA if its value lets no Lua run although `untrustedLua: Unmanaged` leaves the setting to others; else None."""
        values = [(entry.value or "").strip() for entry in self.container.entries(env.UNTRUSTED_LUA)]
        unfit = any(value == "off" or not env.starts_with(env.UNTRUSTED_LUA, value) for value in values)
        if not self._lua_unmanaged or not unfit:
            return None
        return self._observed([env.observe_setting(self.workload, self.container, Setting(env.UNTRUSTED_LUA, "sandbox"))])

    @property
    def _lua_unmanaged(self) -> bool:
        return needs_lua(self.spec) and self.spec.gateway.untrusted_lua == "Unmanaged"

    def field(self, name: str) -> str:
        """The path of an env entry of the container."""
        return self.kind.env_field(self.container.name, name)

    def _observed(self, observations: Iterable[Observation]) -> Observations:
        return Observations(tuple(observations), self.field, self._remedy)

    @property
    def _remedy(self) -> Remedy:
        return remedy_of(self.workload, self.container.name)

    # Kong Operator

    @property
    def target(self) -> str:
        """The object to name in `gateway.targetRef` in place of a workload that Kong Operator makes, as text."""
        key = origin(self.workload)
        if key is None or key.kind not in WORKLOADS:
            return f"the GatewayConfiguration in parametersRef of the GatewayClass of {key}" if key else "its DataPlane"
        return f"{{kind: {key.kind}, namespace: {key.namespace}, name: {key.name}}}"

    @property
    def served(self) -> str:
        """The Gateways that a GatewayConfiguration configures: a sentence with a space before it, or ""."""
        gateways = self.workload.gateways
        return (
            f" It configures {len(gateways)} Gateways, and the settings hold for all: {', '.join(gateways)}." if len(gateways) > 1 else ""
        )

    @property
    def unmade(self) -> str:
        """Why no pod runs, as sentences, if Kong Operator has made nothing from one of its objects; "" if it has."""
        key = next((member.key for member in self.workload.family() if member.operated and not member.runners), None)
        if key is None:
            return ""
        if key.kind == GATEWAY_CONFIGURATION.name and not self.workload.gateways:
            return f"No Gateway uses {key}, so it runs no pod. Name it in parametersRef of a GatewayClass, and that class in a Gateway."
        where = f"kubectl -n {key.namespace} describe {key.kind.lower()} {key.name}"
        return f"Kong Operator has made nothing from {key} yet, so it runs no pod. Look at its conditions: {where}."

    @property
    def unseen(self) -> str:
        """Why the operator may not see all workloads that Kong Operator makes, without a final full stop; "" if it sees all."""
        return ". ".join(dict.fromkeys(why for member in self.workload.family() for why in member.unseen))

    # Plugins

    @property
    def missing_plugins(self) -> str:
        """The types of the binding's plugins that KONG_PLUGINS leaves out."""
        return " and ".join(missing_plugins(self.spec, self.container))

    @property
    def plugin_list(self) -> str:
        """The entry KONG_PLUGINS and its value."""
        values = " and ".join(env.quoted(entry.value) for entry in self.container.entries(PLUGIN_LIST))
        return f"{self.field(PLUGIN_LIST)}.value is {values}"

    @property
    def wanted_list(self) -> Observations:
        """KONG_PLUGINS with the binding's plugins."""
        setting = Setting(PLUGIN_LIST, extended_list(self.spec, self.container))
        return self._observed([env.observe_setting(self.workload, self.container, setting)])

    # Pods

    @property
    def replacement(self) -> str:
        """The effect of the new settings on its pods: a sentence."""
        halt = self.workload.halted("manual", "paused")
        return f"The rollout of its pods {halt.shown}." if halt else "Its pods are then replaced once."

    @property
    def mixed(self) -> bool:
        """Whether pods may still run an older template without the settings."""
        return any(map(self._lags, self.workload.family()))

    @property
    def down(self) -> Workload | None:
        """The first workload of the family without a ready pod; None where each has one."""
        return next((w for w in self.workload.family() if not w.runners and not w.rollout.ready), None)

    def _lags(self, member: Workload) -> bool:
        """Whether its pods may lack the settings. Kong Operator may not have made it from the newest template yet."""
        behind = member is not self.workload and not self._serves(member.containers)
        replaced = member.replaced
        return behind or (not member.rollout.complete and (replaced is None or not all(map(self._serves, replaced))))

    def _serves(self, containers: tuple[Container, ...]) -> bool:
        """Whether pods with these containers work for the binding."""
        container = next((c for c in containers if c.name == self.container.name), None)
        if container is None or not parse_image(container.image, self.spec.gateway.kong_version).supported:
            return False
        lua_unfit = env.lua_is_off(container) or env.is_unread(container, env.UNTRUSTED_LUA)
        if not self._has_plugins(container) or (self._lua_unmanaged and lua_unfit):
            return False
        states = (env.observe_setting(self.workload, container, o.setting).state for o in self.observations)
        return all(state is SettingState.RIGHT for state in states)

    @property
    def running(self) -> tuple[Container, ...]:
        """The containers of Kong that its pods may run, first that of the newest template."""
        return self.workload.running(self.container.name)

    @property
    def plugins_unknown(self) -> bool:
        """Whether a list of plugins cannot be read, or was not seen, or no Kong is found."""
        unread = self._unseen_list or any(env.is_unread(container, PLUGIN_LIST) for container in self.running)
        return unread or is_controller(self.container) or kong_elsewhere(self.spec, self.workload, self.container) is not None

    @property
    def late_plugins(self) -> str:
        """The plugins that wait for the end of a rollout."""
        known = not self._unseen_list and all(map(self._has_plugins, self.running))
        return "the pre-function plugin" if known else "the plugins, which older pods may not have,"

    @property
    def _unseen_list(self) -> bool:
        """Whether older pods may have another list than the newest template. A gateway without a list hardly had one before."""
        return self.workload.unseen_templates and bool(self.container.entries(PLUGIN_LIST))

    def _has_plugins(self, container: Container) -> bool:
        return not missing_plugins(self.spec, container) and not env.is_unread(container, PLUGIN_LIST)

    # Version

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Known defects of this Kong."""
        return known_defects(self.image.version, self.topics) if self.image.version else ()

    @property
    def advice(self) -> str:
        """Facts worth knowing about a gateway that works: sentences, each with a space before it."""
        said = []
        if self.defects:
            said.append(f" This version has {'known defects' if len(self.defects) > 1 else 'a known defect'}: {tell_defects(self.defects)}")
        if self.image.version and needs_lua(self.spec) and not sessions_verified(self.image.version):
            verified = ", ".join(".".join(map(str, minor)) for minor in sorted(SESSIONS_VERIFIED))
            grouping = self.spec.sessions.mode == "Header"
            what, seen = ("Session grouping", "calls form one session in Fiddler") if grouping else ("Stamping spans", "attributes arrive")
            said.append(f" {what} is unverified on this version (verified: {verified}): check that {seen}.")
        if any(is_data_plane(container) for member in self.workload.family() for container in member.containers):
            said.append(
                " It is a data plane: check that KONG_PLUGINS of its control plane, which the operator does not see, has the plugins too."
            )
            said.append(_FILTERS_ONLY if self.workload.operated or managed_elsewhere(self.workload) else "")
        return "".join(said)


def make_case(snapshot: Snapshot, kinds: Mapping[str, WorkloadKind]) -> GatewayCase | None:
    """The gateway to check; None where there is none, or none that the binding may use."""
    spec, workload, container = snapshot.binding.spec, snapshot.workload, known_container(snapshot)
    if spec is None or workload is None or container is None or not snapshot.workload_visible:
        return None
    override = any(
        s.gateway.conflicts == "Override" and s.gateway.container == container.name
        for _, s in tenants(workload, (snapshot.binding, *snapshot.siblings))
    )
    return GatewayCase(
        spec=spec,
        kind=kinds[workload.key.kind],
        workload=workload,
        container=container,
        image=parse_image(container.image, spec.gateway.kong_version),
        observations=tuple(env.observe_setting(workload, container, setting) for setting in env.needed_settings(spec)),
        override=override,
        rival=settings_rival(snapshot.binding, snapshot.siblings, workload),
        topics=topics_of(spec, answering_models(snapshot)),
    )
