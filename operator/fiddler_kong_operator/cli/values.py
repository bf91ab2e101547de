"""Types of options that click lacks."""

from __future__ import annotations

import math
import re
from typing import Any, Final
from urllib.parse import urlsplit

import click

__all__ = ["BINDING_NAME", "NAMESPACE", "Seconds", "WebAddress"]


class _Name(click.ParamType[str]):
    """A name that an object can have: with any other text, a request would ask for something else."""

    name = "name"

    def __init__(self, form: str, longest: int) -> None:
        self._form, self._longest = re.compile(form), longest

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name."""
        if not self._form.fullmatch(value) or len(value) > self._longest:
            self.fail(f"{value!r} cannot be the name of an object in Kubernetes.", param, ctx)
        return value


_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

NAMESPACE: Final = _Name(_LABEL, 63)
BINDING_NAME: Final = _Name(rf"{_LABEL}(\.{_LABEL})*", 253)


class Seconds(click.FloatRange):
    """A number of seconds; not endless, and not `nan`, which is below no limit."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return found


class WebAddress(click.ParamType[str]):
    """A URL of a server, perhaps with a path. It is shown, so it must hold no password."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The URL without a slash at its end."""
        try:
            parts = urlsplit(value)
            fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        except ValueError:
            fits = False
        if not fits:
            self.fail("must be http:// or https://, a host and perhaps a port, without user or password.", param, ctx)
        return value.rstrip("/")
