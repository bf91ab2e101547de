"""The errors of this project. Each says who must act; `runtime.workers` and the reconcilers map them to wakes and conditions.

    FiddlerKongError
    ├── Stalled       a person must act; retrying cannot help
    ├── Transient     the API server could not answer now; retried with back-off
    ├── Conflict      another field manager owns what was to be written (server-side apply, HTTP 409)
    ├── Stale         the object changed since it was read (optimistic lock, HTTP 409); read again
    ├── Gone          the object, or its kind, does not exist (HTTP 404)
    ├── Expired       a watch's resourceVersion or a list's continue token is too old (HTTP 410); list again
    ├── Refused       the API server refused the request for good (HTTP 400, 403, 422 and others): the message says why
    ├── NotLeader     the lease was lost: nothing may be written any more
    ├── NoCluster     no usable kubeconfig or service account: the process cannot start
    ├── CannotListen  an address to listen on cannot be used: the process cannot start
    └── CannotTrust   the CA bundle of the probe cannot be read: the process cannot start

Anything that is not a `FiddlerKongError` is a bug: logged with its traceback, counted and retried, never shown as "not ready".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "CannotListen",
    "CannotTrust",
    "Conflict",
    "Denial",
    "Expired",
    "FiddlerKongError",
    "FieldConflict",
    "Gone",
    "NoCluster",
    "NotLeader",
    "Refused",
    "Stale",
    "Stalled",
    "Transient",
]


class FiddlerKongError(Exception):
    """Base of every error in this tree. Its text is safe to show: it never holds a key."""


class Stalled(FiddlerKongError):
    """A person must act. `reason` is one of `api.conditions`' reasons, the text says what is wrong, where, and what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Transient(FiddlerKongError):
    """The API server did not answer, or answered 401 (after a new login), 408, 429 or 5xx.

    `retry_after` holds its `Retry-After` in seconds, if any, and `status` the HTTP status, None where nothing answered.
    """

    def __init__(self, message: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One field that another manager owns: `field` as the API server names it, `manager` as in managedFields."""

    manager: str
    field: str


class Conflict(FiddlerKongError):
    """Server-side apply met fields of other managers; `conflicts` names each."""

    def __init__(self, message: str, conflicts: tuple[FieldConflict, ...] = ()) -> None:
        super().__init__(message)
        self.conflicts = conflicts


class Stale(FiddlerKongError):
    """The object has changed since it was read: read again and decide again."""


class Gone(FiddlerKongError):
    """The object, its namespace or its kind does not exist."""


class Denial(StrEnum):
    """Causes of a refusal that have different remedies."""

    SCHEMA = "schema"
    """The object's definition in the cluster lacks a field."""
    QUOTA = "quota"
    PERMISSION = "permission"
    """RBAC does not permit the request to the operator."""
    DRY_RUN = "dry run"
    """A webhook does not support dry runs."""
    OTHER = "other"
    """An admission policy or webhook, validation, or a namespace that is being deleted."""


class Refused(FiddlerKongError):
    """The API server refused the request for good.

    `status` is the HTTP status (400, 403, 405, 413, 415, 422; 500 for an apply that does not fit the schema), `fields` are those that the
    definition in the cluster lacks.
    """

    def __init__(self, message: str, status: int, denial: Denial = Denial.OTHER, fields: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.status = status
        self.denial = denial
        self.fields = fields


class NotLeader(FiddlerKongError):
    """This process does not hold the lease (any more); it must not write."""


class Expired(FiddlerKongError):
    """The resourceVersion of a watch, or the continue token of a list, is too old (HTTP 410): list again."""


class NoCluster(FiddlerKongError):
    """No usable kubeconfig or service account: the process cannot start."""


class CannotListen(FiddlerKongError):
    """An address to listen on is taken, or not one of this machine: the process cannot start."""

    def __init__(self, page: str, host: str, port: int, flag: str, error: OSError) -> None:
        """`page` cannot be served there because of `error`; `flag` sets another port."""
        cause = str(error.strerror or error).rpartition(": ")[2]
        super().__init__(f"{page} cannot listen on {host}:{port} ({cause}); choose another port with {flag}, or 0 for none")


class CannotTrust(FiddlerKongError):
    """The CA bundle of the probe cannot be read, or is not PEM: the process cannot start."""

    def __init__(self, path: str, error: OSError) -> None:
        """`path` is that of --probe-ca-file, which failed with `error`."""
        super().__init__(f"--probe-ca-file: {path} cannot be read ({error.strerror})")
