"""Reads the exports of an opentelemetry plugin of another owner: the fields of its config that show which exports end without it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fiddler_kong_operator import names
from fiddler_kong_operator.kube.objects import Manifest

from .objects.raw import mapping

__all__ = ["Exports", "read_exports", "same_endpoint"]

_LONGEST: Final = 512
"""Characters of an endpoint that is kept."""

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")
_SIGNALS: Final = (
    ("metrics", ("metrics", "endpoint")),
    ("logs", ("logs_endpoint",)),
    ("access logs", ("access_logs_endpoint",)),  # up to Kong 3.13
    ("access logs", ("access_logs", "endpoint")),
)
"""The signals besides traces, and the path of the config field with the endpoint of each."""

_FIDDLERS: Final = frozenset({"authorization", names.APPLICATION_ID_HEADER})


@dataclass(frozen=True, slots=True)
class Exports:
    """The exports of one plugin. Neither keys nor headers are kept."""

    traces: str | None = ""
    """Its traces endpoint in one form; "" where it has none, None where it cannot be read."""
    host: str = ""
    """The host of that endpoint, and its port where that is not the usual one."""
    signals: tuple[str, ...] = ()
    """The signals that it exports besides traces."""
    application: str = ""
    """The resource attribute `application.id`."""
    own_headers: bool = False
    """It sends headers that are none of Fiddler's."""
    unread: bool = False
    """Parts of its config, other than headers, are in a Secret: the other fields say nothing."""


def read_exports(raw: Manifest) -> Exports | None:
    """The exports of a KongPlugin or KongClusterPlugin; None for other types, and for a disabled plugin."""
    if raw.get("plugin") != "opentelemetry" or raw.get("disabled") is True:
        return None
    patches = raw.get("configPatches")
    patched = tuple(_paths(patches)) if isinstance(patches, list) else ()
    if raw.get("configFrom") or any(path[:1] != ("headers",) for path in patched):
        return Exports(traces=None, unread=True)
    config = mapping(raw, "config")
    headers = {*mapping(config, "headers"), *(path[-1] for path in patched)}
    traces, host = _endpoint(config.get("traces_endpoint"))
    return Exports(
        traces,
        host,
        signals=tuple(dict.fromkeys(name for name, path in _SIGNALS if _at(config, path))),
        application=str(mapping(config, "resource_attributes").get("application.id") or "").lower()[:_LONGEST],
        own_headers=not {str(header).lower() for header in headers} <= _FIDDLERS,
    )


def same_endpoint(exports: Exports, url: str) -> bool:
    """Whether its traces go to this URL, however it is written."""
    return bool(exports.traces) and exports.traces == _endpoint(url)[0]


def _paths(patches: list[Any]) -> Iterator[tuple[str, ...]]:
    for patch in patches:
        path = patch.get("path") if isinstance(patch, dict) else None
        yield tuple(str(path or "").split("/")[1:])


def _endpoint(url: Any) -> tuple[str | None, str]:
    """The URL in one form, and its host as it may be shown."""
    text = str(url or "")
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):  # a reference to a vault, for example
        return (None if text else ""), ""
    host = parts.hostname or ""
    if len(text) > _LONGEST or not _HOST.fullmatch(host):
        return None, ""
    user = parts.netloc.rpartition("@")[0]
    whole = parts._replace(netloc=f"{user}@{host}:{port}", path=parts.path.rstrip("/")).geturl()
    return whole, host if port == _PORTS[parts.scheme] else f"{host}:{port}"


def _at(config: Manifest, path: tuple[str, ...]) -> Any:
    inner = mapping(config, path[0]) if len(path) > 1 else config
    return inner.get(path[-1])
