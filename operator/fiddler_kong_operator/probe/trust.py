"""The certificates a probe trusts: the system's, and an administrator's own bundle; verified by the rules of Kong's OpenSSL."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Final

from fiddler_kong_operator.errors import CannotTrust

__all__ = ["TrustStore"]

_NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python's module does not name."""


class TrustStore:
    """The TLS context; it is built again when the bundle changes on disk (a mounted ConfigMap is replaced in place)."""

    def __init__(self, ca_file: str | None) -> None:
        """Read the bundle; CannotTrust if it is missing or not PEM."""
        self._path = Path(ca_file) if ca_file else None
        try:
            self._stamp = self._modified()
            self._context = self._load()
        except OSError as error:  # ssl.SSLError is one too
            raise CannotTrust(str(ca_file), error) from error

    def context(self) -> ssl.SSLContext:
        """The context to connect with. While a changed bundle cannot be read, the former context stays in use."""
        with contextlib.suppress(OSError):  # ssl.SSLError is one too
            if self._modified() != self._stamp:
                self._context, self._stamp = self._load(), self._modified()
        return self._context

    def lenient(self) -> ssl.SSLContext:
        """A context that accepts any dates and names, to read what the certificate has. No request may be sent over it."""
        context = self._load()
        context.check_hostname = False
        context.verify_flags |= _NO_CHECK_TIME
        return context

    def _modified(self) -> int:
        return self._path.stat().st_mtime_ns if self._path else 0

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST  # Python from 3.13 on is stricter in one way and laxer in another than Kong
        if self._path:
            context.load_verify_locations(cafile=self._path)
        return context
