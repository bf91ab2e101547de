"""The types behind `expose` of a route."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from .durations import Duration
from .rules import form, unlike
from .types import ApiModel, ObjectName

__all__ = ["Expose", "Timeouts"]

HostName = Annotated[
    ObjectName,
    unlike(
        "[0-9.]+",
        "must be a name, not digits and dots alone, which Kong takes for an IP address; leave host out to serve all hosts",
    ),
]
ExposedPath = Annotated[
    str,
    StringConstraints(min_length=2, max_length=256),
    form(
        "(/[A-Za-z0-9_-]+)+",
        "must be a path such as /openai or /llm/chat: letters, digits, '-' and '_' after each '/'",
    ),
]


class Timeouts(ApiModel):
    """Kong's timeouts towards the provider."""

    connect: Duration | None = None
    """Time to connect to the provider, for example `10s`. Kong's default is `60s`."""

    read: Duration | None = None
    """Time between two reads of the answer, for example `10m`. Kong's default is `60s`; reasoning models may be silent for longer, and the
    client then gets a 504."""

    write: Duration | None = None
    """Time between two writes of the request, for example `1m30s`. Kong's default is `60s`."""


class Expose(ApiModel):
    """The Service and the Ingress that the operator creates for the provider."""

    path: ExposedPath
    """Path prefix under which the gateway offers the model, for example `/openai`; stripped before the provider is called. Only letters,
    digits, `-` and `_`: Kong's controller reads `~` and `.` as a regular expression, which would match paths of other Ingresses too."""

    host: HostName | None = None
    """Host name that the Ingress matches; all hosts when left out."""

    timeouts: Timeouts | None = None
    """Kong's timeouts towards the provider. A timeout that is left out is not managed: Kong's default, or the annotation that you set on
    the Service, such as `konghq.com/read-timeout`."""

    retries: int | None = Field(default=None, ge=0, le=32767)
    """How often Kong tries again when it cannot connect to the provider. Kong's default is 5. Not managed when left out, as `timeouts`."""
