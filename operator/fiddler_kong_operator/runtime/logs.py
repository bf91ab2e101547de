"""Structured logs. No key ever reaches a log call, so nothing here filters them out."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from fiddler_kong_operator.settings import LogFormat

__all__ = ["configure_logging", "printable"]

_KOPFS: Final = frozenset({"settings", "k8s_skip"})
"""Attributes that kopf adds to its records for its own handlers, such as all of its settings."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"} | _KOPFS
"""Attributes of every log record; all others were passed as `extra`."""

_RESERVED: Final = frozenset({"ts", "level", "logger", "message", "exception"})
_QUIETED: Final = ("asyncio", "aiohttp.access", "kopf.activities", "kopf._core", "kopf.objects")
"""Loggers whose debug and info lines are about machinery, not about bindings."""

_SILENCED: Final = ("kopf._core.reactor.running", "kopf._core.reactor.orchestration")
"""Loggers that only add tracebacks when `runtime.startup` has logged why the process ends."""


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: ts (RFC 3339, UTC), level, logger, message, the record's extras, and exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; values that JSON cannot hold are shown as text."""
        content: dict[str, Any] = {
            "ts": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return printable(json.dumps(content, default=str, ensure_ascii=False))


class _TextFormatter(logging.Formatter):
    """A line for people: time, level, logger, message and the extras as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the traceback below it if there is one."""
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        line = f"{_timestamp(record)} {record.levelname:<7} {record.name}: {printable(record.getMessage() + extras)}"
        return f"{line}\n{self._traceback(record)}" if record.exc_info else line

    def _traceback(self, record: logging.LogRecord) -> str:
        """The indented traceback: no line of an exception's text can look like a line of the log."""
        return "\n".join(f"  {printable(line)}" for line in self.formatException(record.exc_info).split("\n")) if record.exc_info else ""


def configure_logging(log_format: LogFormat, level: str, stream: TextIO | None = None) -> None:
    """Send all logs to the stream (stderr by default). The last call counts."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIETED:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD | _RESERVED and not name.startswith("_")}


def printable(text: str) -> str:
    """The text with unprintable characters escaped as in JSON: line breaks would forge log lines, other controls act on terminals."""
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
