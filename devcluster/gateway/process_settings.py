"""Kong's process settings, read from a container's image and environment as Kong reads them at its start.

An empty variable is an unset one. Of several instrumentations `all` counts only as the first. A value that Kong does not know keeps the
process from starting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NotStartedError", "ProcessSettings", "process_settings"]

_NO_VERSION: Final = (0,)
_STRICT_SINCE: Final = (3, 14)
"""Since this version Lua is `strict` by default, and the certificates of services are verified."""

_INSTRUMENTATIONS: Final = frozenset(
    ["all", "off", "request", "db_query", "dns_query", "router", "http_client", "balancer"]
    + [f"plugin_{phase}" for phase in ("rewrite", "access", "header_filter")]
)
_LUA_MODES: Final = ("off", "on", "sandbox")
_LUA_MODES_STRICT: Final = ("off", "on", "sandbox", "strict", "lax")
_SWITCH: Final = {"on": True, "off": False}


class NotStartedError(Exception):
    """With these settings Kong ends with an error instead of starting."""


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings at the start of one Kong process. The defaults are Kong's: no tracing."""

    instrumentations: frozenset[str] = frozenset({"off"})
    sampling_rate: float = 0.01
    untrusted_lua: str = "sandbox"
    version: tuple[int, ...] = (3, 13, 0, 3)
    enterprise: bool = True
    plugins: frozenset[str] = frozenset({"bundled"})
    """The plugins that a configuration may use; `bundled` stands for all of Kong's own."""
    verifies_services: bool = False
    """`tls_certificate_verify`: a service must not switch off the verification of its certificate."""

    @property
    def tracing(self) -> bool:
        """Whether the process makes spans."""
        return bool(self.instrumentations - {"off"})

    @property
    def gen_ai(self) -> bool:
        """Whether this Kong makes GenAI spans: `kong/kong-gateway` from 3.13."""
        return self.enterprise and self.version >= (3, 13)

    @property
    def text(self) -> str:
        """The version in Kong's form."""
        return ".".join(str(part) for part in self.version)

    def instruments(self, name: str) -> bool:
        """Whether the instrumentation `name` (router, balancer, ...) is on; `request`, the root, is on with any other."""
        return name == "request" or bool(self.instrumentations & {"all", name})

    def enables(self, plugin: str) -> bool:
        """Whether a configuration may use a plugin of Kong's own."""
        return bool(self.plugins & {"bundled", plugin})


def process_settings(image: str, env: Mapping[str, str], unknown: tuple[int, ...] = (3, 13, 0, 3)) -> ProcessSettings:
    """Settings of a container; NotStartedError. `unknown` is the version of an image without a version tag (a digest)."""
    version = _version(image)
    known = unknown if version == _NO_VERSION else version
    values = {name: value.strip() for name, value in env.items() if value.strip()}
    strict = known >= _STRICT_SINCE
    return ProcessSettings(
        instrumentations=_instrumentations(_listed(values.get("KONG_TRACING_INSTRUMENTATIONS", "off"))),
        sampling_rate=_rate(values.get("KONG_TRACING_SAMPLING_RATE", "0.01")),
        untrusted_lua=_lua_mode(values.get("KONG_UNTRUSTED_LUA"), strict=strict),
        version=known,
        enterprise="kong-gateway" in image.rsplit("/", 1)[-1],
        plugins=frozenset(_listed(values.get("KONG_PLUGINS", "bundled"))),
        verifies_services=_switch("tls_certificate_verify", values.get("KONG_TLS_CERTIFICATE_VERIFY"), default=strict),
    )


def _version(image: str) -> tuple[int, ...]:
    tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2].removeprefix("v").partition("-")[0]
    parts = tag.split(".")
    return tuple(int(part) for part in parts) if tag and all(part.isdigit() for part in parts) else _NO_VERSION


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _instrumentations(names: list[str]) -> frozenset[str]:
    for name in names:
        if name not in _INSTRUMENTATIONS:
            raise NotStartedError(f"invalid tracing type: {name}")
    if "off" in names and len(names) > 1:
        raise NotStartedError("invalid tracing types: off, other types are mutually exclusive")
    return frozenset({"all"} if names[0] == "all" else set(names) - {"all"})


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        raise NotStartedError(f"tracing_sampling_rate is not a number: '{text}'") from None
    if not 0 <= rate <= 1:
        raise NotStartedError("tracing_sampling_rate must be between 0 and 1")
    return rate


def _lua_mode(text: str | None, *, strict: bool) -> str:
    known = _LUA_MODES_STRICT if strict else _LUA_MODES
    mode = text or ("strict" if strict else "sandbox")
    if mode not in known:
        raise NotStartedError(f"untrusted_lua has an invalid value: '{mode}' ({', '.join(known)})")
    return mode


def _switch(name: str, text: str | None, *, default: bool) -> bool:
    if text is None:
        return default
    if text not in _SWITCH:
        raise NotStartedError(f"{name} is not a boolean: '{text}'")
    return _SWITCH[text]
