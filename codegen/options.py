"""The operator's settings as flags, environment variables and Helm values: one row for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic.alias_generators import to_camel

from fiddler_kong_operator.cli.options import Setting, leaves
from fiddler_kong_operator.settings import Settings

__all__ = ["OPTIONS", "Option"]

_GIVEN_BY_CHART: Final = {
    "namespaces": "watchNamespaces",
    "lease_namespace": "leaderElection",
    "health_port": "",
    "health_host": "",
    "metrics_host": "",
}


@dataclass(frozen=True, slots=True)
class Option(Setting):
    """One setting as the documentation and the chart need it."""

    @property
    def value(self) -> str:
        """Path of the chart's value; "" where the chart fixes it."""
        return _GIVEN_BY_CHART.get(self.path[0], ".".join(to_camel(step) for step in self.path))

    @property
    def direct(self) -> bool:
        """The chart passes the value unchanged."""
        return self.path[0] not in _GIVEN_BY_CHART

    @property
    def default(self) -> Any:
        """The default, lists as lists."""
        default = self.info.get_default(call_default_factory=True)
        return list(default) if isinstance(default, tuple) else default

    @property
    def description(self) -> str:
        """The attribute's docstring in one line."""
        return " ".join((self.info.description or "").split())


OPTIONS: Final = tuple(Option(*leaf) for leaf in leaves(Settings))
"""Every setting, in the order of `Settings`."""
