"""The certificates a probe trusts: the system's, and an administrator's own bundle."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["TrustStore"]


class TrustStore:
    """The TLS context; it is built again when the bundle changes on disk (a mounted ConfigMap is replaced in place)."""

    def __init__(self, ca_file: str | None) -> None:
        """Read the bundle; OSError or ssl.SSLError if it is missing or not PEM."""
        self._path = Path(ca_file) if ca_file else None
        self._stamp = self._modified()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """The context to connect with. While a changed bundle cannot be read, the former context stays in use."""
        try:
            if self._modified() != self._stamp:
                self._context, self._stamp = self._load(), self._modified()
        except OSError:  # ssl.SSLError is one too
            return self._context
        return self._context

    def _modified(self) -> int:
        return self._path.stat().st_mtime_ns if self._path else 0

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._path:
            context.load_verify_locations(cafile=self._path)
        return context
