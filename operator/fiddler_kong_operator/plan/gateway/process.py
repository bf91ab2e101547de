"""How a container runs Kong, from its image and env: its role, and the plugins that it has.

Kong refuses its whole configuration, for all its users, if it holds a plugin that is not in `KONG_PLUGINS` (default `bundled`, all of
Kong's own); after `off` as the first entry Kong has none at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.acceptance.endpoint import is_in_cluster
from fiddler_kong_operator.plan.plugins import plugin_types
from fiddler_kong_operator.plan.workload import Container, Workload

from .env import LONGEST_QUOTE, SETTINGS, Setting, is_unread, parse_list, unproven_lua, unsupported_lua
from .version import parse_image

__all__ = [
    "LIST_AS_IT_IS",
    "PLUGIN_LIST",
    "control_plane_elsewhere",
    "extended_list",
    "has_kong_image",
    "is_control_plane",
    "is_controller",
    "is_data_plane",
    "is_unfit",
    "kong_elsewhere",
    "lacking",
    "missing_plugins",
    "unread_role",
]

PLUGIN_LIST: Final = "KONG_PLUGINS"
_ROLE: Final = "KONG_ROLE"
_KONNECT: Final = "KONG_KONNECT_MODE"
_CONTROL_PLANE: Final = "KONG_CLUSTER_CONTROL_PLANE"
_AS_IT_IS: Final = "<the value that it has now>"
"""In place of a value in messages: another value would give Kong another role."""

LIST_AS_IT_IS: Final = "<the value that it has now; bundled if it has none>"
"""In place of a list in messages: another list may take plugins from Kong."""

_BUNDLED: Final = "bundled"
_OFF: Final = "off"

_CONTROLLERS: Final = frozenset({"kubernetes-ingress-controller", "kong-operator", "gateway-operator"})
_CONTROLLER_ENV: Final = "CONTROLLER_KONG_ADMIN"


def is_controller(container: Container) -> bool:
    """Whether it runs Kong Ingress Controller or Kong Operator: by its image, or by the settings with which a controller finds Kong."""
    name = parse_image(container.image).repository.rpartition("/")[2]
    return name in _CONTROLLERS or any(entry.name.startswith(_CONTROLLER_ENV) for entry in container.env)


def is_control_plane(container: Container) -> bool:
    """Whether Kong runs as a control plane only and thus handles no traffic."""
    return _value(container, _ROLE) == "control_plane"


def is_data_plane(container: Container) -> bool:
    """Whether Kong gets its configuration from a control plane."""
    return _value(container, _ROLE) == "data_plane"


def unread_role(container: Container) -> tuple[Setting, ...]:
    """The settings of its role that come from `valueFrom`. One from `envFrom` does not count: few name these settings there."""
    unread = {name for name in (_ROLE, _KONNECT, _CONTROL_PLANE) if (entries := container.entries(name)) and entries[-1].from_source}
    if _ROLE not in unread and not is_data_plane(container):  # only a data plane has a control plane elsewhere
        unread.discard(_CONTROL_PLANE)
    return tuple(Setting(name, _AS_IT_IS) for name in sorted(unread))


def has_kong_image(container: Container) -> bool:
    """Whether its image has one of the names of Kong's gateway images."""
    image = parse_image(container.image)
    return image.official or image.version is not None


def kong_elsewhere(spec: BindingSpec, workload: Workload, container: Container) -> Container | None:
    """Another container of the pod that runs Kong's image, if nothing shows that this one runs Kong; else None.

    With another image, this is shown by an envFrom, by further settings of Kong in env, or by the version that the binding states.
    """
    kong_env = container.env_from or any(entry.name not in SETTINGS for entry in container.env)
    if spec.gateway.kong_version or kong_env or has_kong_image(container):
        return None
    return next(filter(has_kong_image, workload.containers), None)


def control_plane_elsewhere(container: Container) -> str | None:
    """The setting that shows that a data plane gets its configuration from outside the cluster (Konnect); None where none does."""
    if _value(container, _KONNECT) in {"on", "true"}:
        return f"{_KONNECT}=on"
    address = _value(container, _CONTROL_PLANE) if is_data_plane(container) else ""
    host = address.rpartition(":")[0] or address
    return f"{_CONTROL_PLANE}={address}" if "." in host and not _may_be_service(host) else None


def _may_be_service(host: str) -> bool:
    """Whether a name can be a Service's: `name.namespace`, or one that ends as the cluster's DNS does. Addresses count too."""
    labels = host.rstrip(".").split(".")
    return is_in_cluster(host) or len(labels) == 2 or labels[-1].isdigit()  # noqa: PLR2004 - a name and a namespace


def missing_plugins(spec: BindingSpec, container: Container) -> tuple[str, ...]:
    """The types of the binding's plugins that a list in the container's env leaves out; none where no list can be read."""
    return lacking(plugin_types(spec), container)


def lacking(types: Iterable[str], container: Container) -> tuple[str, ...]:
    """The given types of plugins that a list in the container's env leaves out; none where no list can be read."""
    lists = [parse_list(entry.value) for entry in container.entries(PLUGIN_LIST) if entry.value and entry.value.strip()]
    return tuple(kind for kind in types if any(not _lists(names, kind) for names in lists))


def _lists(names: tuple[str, ...], kind: str) -> bool:
    return names[0] != _OFF and (kind in names or _BUNDLED in names)


def extended_list(spec: BindingSpec, container: Container) -> str:
    """The list that has the binding's plugins too; a message has no room for a long one."""
    present = [name for entry in container.entries(PLUGIN_LIST) for name in parse_list(entry.value or "") if name not in {"", _OFF}]
    missing = missing_plugins(spec, container)
    wanted = ",".join(dict.fromkeys((*present, *missing)))
    return wanted if len(wanted) <= LONGEST_QUOTE else ",".join((_AS_IT_IS, *missing))


def is_unfit(spec: BindingSpec, workload: Workload, container: Container) -> bool:
    """Whether no setting could make this gateway work for the binding, or nothing shows that it would: its pods must not be replaced."""
    image = parse_image(container.image, spec.gateway.kong_version)
    role = is_controller(container) or is_control_plane(container) or control_plane_elsewhere(container)
    wrong = role or unread_role(container) or kong_elsewhere(spec, workload, container) or not image.supported
    lua = unsupported_lua(spec, image.version) or unproven_lua(spec, image.version)
    return bool(wrong or lua or missing_plugins(spec, container) or is_unread(container, PLUGIN_LIST))


def _value(container: Container, name: str) -> str:
    """The last plain value of that name, which is the one that counts."""
    return next((entry.value.strip() for entry in reversed(container.entries(name)) if entry.value), "")
