"""The gateway's own answers, in Kong's form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AnswerLostError", "HaltError"]


class HaltError(Exception):
    """Ends the request with this answer instead of the service's."""

    def __init__(self, status: int, body: Mapping[str, Any] | bytes) -> None:
        super().__init__(f"answered {status} by the gateway")
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


class AnswerLostError(ConnectionError):
    """The answer's header could not be sent: the client's connection ends without one."""
