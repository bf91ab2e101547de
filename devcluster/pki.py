"""Identities of a cluster: users with tokens, kubeconfig files and the key that signs service account tokens.

The API server generates its serving certificate (`--cert-dir`); the file also contains the signing CA, which clients trust.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["USERS", "Credentials", "User", "write_kubeconfig", "write_private", "write_signing_key"]

_P256_HEAD: Final = bytes.fromhex("30310201010420")
_P256_TAIL: Final = bytes.fromhex("a00a06082a8648ce3d030107")
"""SEC 1 (RFC 5915) around a P-256 private key, without the optional public key: SEQUENCE, version 1, 32 octets; then the curve's OID."""


@dataclass(frozen=True)
class User:
    """A user of the cluster: name and groups as the API server sees them."""

    name: str
    groups: tuple[str, ...] = ("system:masters",)


USERS: Final = (
    User("admin"),
    User("system:kube-controller-manager"),
    User("system:kube-scheduler"),
    User("kwok"),
    User("kong-ingress-controller"),
)
"""Users of every cluster. Each component has its own name in the audit log; clients with fewer rights use service accounts."""


@dataclass(frozen=True)
class Credentials:
    """The tokens of one cluster by user name."""

    tokens: dict[str, str] = field(repr=False)

    @classmethod
    def generate(cls, users: Iterable[User] = USERS) -> Credentials:
        """Make a fresh token for each user."""
        return cls({user.name: secrets.token_urlsafe(24) for user in users})

    def write_token_file(self, path: Path, users: Iterable[User] = USERS) -> None:
        """Write the file for `--token-auth-file`: token, user, uid and groups in each line."""
        lines = [f'{self.tokens[user.name]},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in users]
        write_private(path, "".join(lines))


def write_signing_key(path: Path) -> None:
    """Write a fresh P-256 key in PEM for service account tokens (ES256)."""
    scalar = bytes([secrets.randbelow(0xFE) + 1]) + secrets.token_bytes(31)  # surely between 1 and the order of the curve
    body = base64.encodebytes(_P256_HEAD + scalar + _P256_TAIL).decode()
    write_private(path, f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n")


def write_kubeconfig(path: Path, server: str, ca: bytes, user: str, token: str) -> Path:
    """Write a kubeconfig (JSON, which is YAML) for one user; only its owner may read it."""
    authority = base64.b64encode(ca).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "devcluster", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": user}}],
        "current-context": "devcluster",
    }
    write_private(path, json.dumps(config, indent=2) + "\n")
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text)
