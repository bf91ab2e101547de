"""The trace-endpoint probe: an empty export to Fiddler, told apart by its answer, on a schedule of its own.

- `names`: host name -> addresses
- `trust`: the certificates the probe trusts
- `target`: what is asked (URL, application, key) and what comes back
- `verdict`: an HTTP answer -> a reason and its sentence (pure)
- `otlp`: the probe itself
- `application`: the application's name, where Fiddler tells it
- `schedule`: when which target is asked; who is woken by a changed result
"""

from __future__ import annotations

from .otlp import TraceProber, probe
from .schedule import ProbeSchedule
from .target import Answer, ProbeTarget

__all__ = ["Answer", "ProbeSchedule", "ProbeTarget", "TraceProber", "probe"]
