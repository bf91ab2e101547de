"""Reads from the API server over one kept connection: runs compare whole namespaces, and a TLS handshake costs more than a list."""

from __future__ import annotations

import http.client
import json
from contextlib import suppress
from typing import Any, Final

from devcluster.api import ApiServer
from devcluster.ports import LOOPBACK

__all__ = ["Reader"]

_OK: Final = 200


class Reader:
    """Reads with the administrator's rights, for one thread."""

    def __init__(self, api: ApiServer) -> None:
        """Connects at the first read."""
        self._api = api
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, path: str) -> Any:
        """The object or list at a path; None if it does not exist. Reconnects once if the connection was closed."""
        if self._connection is not None:
            with suppress(OSError, http.client.HTTPException):
                return self._ask(self._connection, path)
            self._connection.close()
        self._connection = http.client.HTTPSConnection(LOOPBACK, self._api.port, timeout=30, context=self._api.trust)
        return self._ask(self._connection, path)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _ask(self, connection: http.client.HTTPSConnection, path: str) -> Any:
        connection.request("GET", path, headers={"Authorization": f"Bearer {self._api.token}"})
        answer = connection.getresponse()
        content = answer.read()
        return json.loads(content) if answer.status == _OK else None
