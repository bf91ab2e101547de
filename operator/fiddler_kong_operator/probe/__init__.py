"""The trace-endpoint probe: sends empty exports to Fiddler on its own schedule and judges the answers.

- `resolver`: host name -> addresses
- `trust`: the certificates the probe trusts
- `target`: a target (URL, application, key) and the answer of a probe
- `verdict`: an HTTP answer -> a reason and its sentence (pure)
- `otlp`: the probe itself
- `application`: the application's name, if Fiddler tells it
- `schedule`: when each target is probed, and the bindings that a changed result wakes
"""

from __future__ import annotations

from .otlp import TraceProber
from .schedule import ProbeSchedule
from .target import Answer, ProbeTarget

__all__ = ["Answer", "ProbeSchedule", "ProbeTarget", "TraceProber"]
