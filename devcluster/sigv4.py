"""AWS' Signature Version 4 in an `Authorization` header: the gateway stand-in signs with it, the provider stand-in checks it."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AccessKey", "Signable", "authorization", "is_signed"]

_HEADER: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/, ]+/\d{8}/[^/]+/[^/]+/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=.*"
)
_DEMANDED: Final = frozenset({"host", "x-amz-date"})


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key, and where it signs."""

    id: str
    secret: str = field(repr=False)
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Signable:
    """A request without a query. `path` as sent; header names in lower case, `x-amz-date` among them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def authorization(request: Signable, key: AccessKey) -> str:
    """The header's value for a request, all of whose headers are signed."""
    stamp, names = request.headers["x-amz-date"], sorted(request.headers)
    lines = [f"{name}:{' '.join(request.headers[name].split())}" for name in names]
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([request.method, quote(request.path, safe="/-_.~"), "", *lines, "", ";".join(names), digest])
    scope = (stamp[:8], key.region, key.service, "aws4_request")
    signed = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    signature = reduce(_mac, [*scope, signed], f"AWS4{key.secret}".encode()).hex()
    return f"AWS4-HMAC-SHA256 Credential={key.id}/{'/'.join(scope)}, SignedHeaders={';'.join(names)}, Signature={signature}"


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def is_signed(request: Signable, key: AccessKey) -> bool:
    """Whether its `authorization` is that of this key, region and service. The age of `x-amz-date` is not checked."""
    given = request.headers.get("authorization", "")
    found = _HEADER.fullmatch(given)
    names = set(found.group(1).split(";")) if found else set()
    if not _DEMANDED <= names <= request.headers.keys():
        return False
    covered = Signable(request.method, request.path, {name: request.headers[name] for name in names}, request.body)
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), authorization(covered, key).encode())
