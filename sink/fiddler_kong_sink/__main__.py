"""`python -m fiddler_kong_sink`: the command `fiddler-kong-sink`."""

from __future__ import annotations

from .cli import sink

sink(prog_name="fiddler-kong-sink")
