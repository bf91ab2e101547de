"""The settings of a sink: one frozen value, made at its start."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from .faults import Fault

__all__ = ["ANY_APPLICATION_NAME", "MAX_SPAN_BYTES", "Application", "SinkSettings", "canonical_application_id"]

MAX_SPAN_BYTES: Final = 10_000_000
"""Fiddler loses spans above 10 MB. It does not publish whether MB are powers of ten or of two: this is the smaller."""

ANY_APPLICATION_NAME: Final = "any application"
"""The name of every application while none is configured."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

ShortName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def canonical_application_id(text: str) -> str | None:
    """The id in lower case, or None if `text` is not a UUID in its usual form of five groups."""
    return str(UUID(text)) if _UUID.fullmatch(text) else None


class Application(BaseModel):
    """One GenAI application that the sink accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: UUID
    """Sent by Kong as the header `fiddler-application-id` and as the resource attribute `application.id`."""

    name: ShortName = "kong-demo"
    project: ShortName = "local"

    @property
    def project_id(self) -> UUID:
        """A stable id for the project, made from its name."""
        return uuid5(NAMESPACE_URL, f"urn:fiddler-kong-sink:project:{self.project}")


class SinkSettings(BaseModel):
    """A sink's settings. The defaults listen on a free port of this machine only and accept every key and every application id."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on. With any other address, everyone who can reach it can read the prompts on the page."""

    port: int = Field(default=0, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""

    api_key: SecretStr | None = None
    """The only key to accept. None accepts every key that is not empty."""

    forbidden_api_key: SecretStr | None = None
    """A known key without permission: it gets the answer 403 rather than 401."""

    ingest_only: bool = False
    """Whether the accepted key may only send traces. The REST calls then answer 403."""

    applications: tuple[Application, ...] = ()
    """The applications to accept. Empty accepts every UUID."""

    fault: Fault | None = None
    """A fault that is on from the start."""

    report_drops: bool = False
    """Whether the answer reports dropped spans as an OTLP partial success. Fiddler drops them silently."""

    tls_cert: Path | None = None
    """A PEM certificate (chain). With it, the sink speaks https."""

    tls_key: Path | None = None
    """The private key of the certificate, if it is in another file."""

    max_span_bytes: int = Field(default=MAX_SPAN_BYTES, ge=1)
    """Spans above this size are dropped."""

    max_body_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    """Requests above this size after decompression get the answer 413."""

    max_spans: int = Field(default=20_000, ge=1)
    """The most spans to keep in memory. Above it, the oldest are deleted."""

    shutdown_grace: timedelta = timedelta(seconds=1)
    """Time for running requests to finish when the sink stops."""

    @model_validator(mode="after")
    def _check_applications(self) -> Self:
        if len({application.id for application in self.applications}) != len(self.applications):
            raise ValueError("applications must have different ids: give each id once")
        return self

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("tls_key needs tls_cert: give the certificate that belongs to the key")
        return self

    def application(self, text: str) -> Application | None:
        """The application of a received id, or None where there is none."""
        known = canonical_application_id(text)
        if known is None:
            return None
        if not self.applications:
            return Application(id=UUID(known), name=ANY_APPLICATION_NAME)
        return next((item for item in self.applications if str(item.id) == known), None)
