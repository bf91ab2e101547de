"""Checks of single strings, with Kong's messages: None for a good one."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from .lua import syntax_error
from .router import compile_path

__all__ = ["FORMATS"]

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9._~\x80-\U0010ffff-]+")
_TAG: Final = re.compile(r"[ !-+\x2d.0-~\x80-\U0010ffff]+")
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_ADDRESS: Final = re.compile(r"[\d.]+")
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/%:@!$&'()*+,;=-]*")
_METHOD: Final = re.compile(r"[A-Z]+")
_PORT: Final = re.compile(r":(\d+)$")
_HIGHEST_PORT: Final = 65535


def _header_name(text: str) -> str | None:
    return None if _HEADER_NAME.fullmatch(text) else f"bad header name '{text}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"


def _name(text: str) -> str | None:
    good = _NAME.fullmatch(text)
    return None if good else f"invalid value '{text}': the only accepted ascii characters are alphanumerics or ., -, _, and ~"


def _tag(text: str) -> str | None:
    good = _TAG.fullmatch(text)
    return None if good else f"invalid tag '{text}': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"


def _method(text: str) -> str | None:
    return None if _METHOD.fullmatch(text) else f"invalid value: {text}"


def _url(text: str) -> str | None:
    if text.startswith("{vault://"):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return "missing host in url"
    return "missing host in url" if not parts.netloc else "missing scheme in url" if not parts.scheme else None


def _is_address(text: str) -> bool:
    try:
        return bool(IPv6Address(text.strip("[]")) if ":" in text else IPv4Address(text))
    except AddressValueError:
        return False


def _is_host(text: str) -> bool:
    """Whether it is an address or a name. A name of digits and dots is a wrong address; a name may end in a dot."""
    if text.count(":") > 1 or _ADDRESS.fullmatch(text):
        return _is_address(text)
    labels = text.removesuffix(".").split(".")
    return bool(_HOSTNAME.fullmatch(text)) and all(label and not label.endswith("-") for label in labels)


def _host(text: str) -> str | None:
    if text.count(":") == 1 and _PORT.search(text):
        return "must not have a port"
    return None if _is_host(text) else f"invalid value: {text}"


def _target(text: str) -> str | None:
    port = _PORT.search(text) if text.count(":") == 1 or text.startswith("[") else None
    good = _is_host(text[: port.start()] if port else text) and (port is None or int(port.group(1)) <= _HIGHEST_PORT)
    return None if good else f"Invalid target ('{text}'); not a valid hostname or ip address"


def _upstream(text: str) -> str | None:
    good = _is_host(text) and not _is_address(text)
    return None if good else "Invalid name; must be a valid hostname"


def _route_host(text: str) -> str | None:
    if text.count("*") > 1:
        return "invalid wildcard: must have at most one wildcard"
    if "*" in text and not (text.startswith("*.") or text.endswith(".*")):
        return "invalid wildcard: must be placed at leftmost or rightmost label"
    name = text.replace("*", "abc")
    port = _PORT.search(name) if name.count(":") == 1 else None
    if _is_host(name[: port.start()] if port else name):
        return "invalid port number" if port and int(port.group(1)) > _HIGHEST_PORT else None
    return f"invalid ipv4 address: {text}" if _ADDRESS.fullmatch(name) else f"invalid hostname: {text}"


def _plain_path(text: str) -> str | None:
    if not _PATH.fullmatch(text):
        return f"invalid path: '{text}' (characters outside of the reserved list of RFC 3986 found)"
    bad = re.search(r"%(?![0-9A-Fa-f]{2}).{0,2}", text)
    return f"invalid url-encoded value: '{bad.group(0)}'" if bad else None


def _service_path(text: str) -> str | None:
    if not text.startswith("/"):
        return "should start with: /"
    return "must not have empty segments" if "//" in text else _plain_path(text)


def _route_path(text: str) -> str | None:
    if not text.startswith(("/", "~/")):
        return "should start with: / (fixed path) or ~/ (regex path)"
    if "//" in text:
        return "must not have empty segments"
    return _pattern(text) if text.startswith("~") else _plain_path(text)


def _pattern(text: str) -> str | None:
    try:
        compile_path(text)
    except re.error as error:
        return f"invalid regex: '{text[1:]}' (PCRE returned: {error})"
    return None


def _lua(text: str) -> str | None:
    error = syntax_error(text)
    return f"Error parsing function: {error}" if error else None


FORMATS: Final[dict[str, Callable[[str], str | None]]] = {
    "header_name": _header_name,
    "host": _host,
    "lua": _lua,
    "method": _method,
    "name": _name,
    "route_host": _route_host,
    "route_path": _route_path,
    "service_path": _service_path,
    "tag": _tag,
    "target": _target,
    "upstream": _upstream,
    "url": _url,
}
