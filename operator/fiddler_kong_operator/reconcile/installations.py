"""Two installations of the operator that see the same bindings: the one that started last keeps them, the other leaves them alone.

Each marks the status of its bindings with its name. An installation that starts and finds another's mark puts its own there before it does
anything else, as after a move to another namespace. One that finds its own mark replaced knows that the other is at work, and stops: two
versions that revert each other would restart a shared gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.observe.cache import Cache
from fiddler_kong_operator.plan.gateway.tenancy import granted
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.plan.workload import Workload
from fiddler_kong_operator.write.applier import Applier

from .events import build_farewell

__all__ = ["LOOK", "WITHOUT_LEASE", "Installations"]

logger: Final = logging.getLogger(__name__)

WITHOUT_LEASE: Final = "without-lease"
"""The name of an installation that elects no leader; any other one is the namespace of its Lease."""

LOOK: Final = 60.0
"""Seconds between looks at a binding that another installation has taken. If the spec of one is not answered for as long, that installation
is gone from its namespace, and all that it has taken there are taken back."""


class Installations:
    """Tells which bindings are this installation's."""

    def __init__(self, own: str, cache: Cache, applier: Applier, announce: Callable[[Manifest], None], clock: Callable[[], float]) -> None:
        """`own` is the name of this installation; `announce` takes Events to be posted later; `clock` is monotonic."""
        self.own = own
        """The mark of this installation."""
        self._cache = cache
        self._applier = applier
        self._announce = announce
        self._clock = clock
        self._marked: set[ObjectKey] = set()
        self._unanswered: dict[ObjectKey, float | None] = {}
        self._later: set[str] = set()
        """Installations that have taken bindings from this one, so they started later: a new binding of theirs is left to them."""
        self._gone: set[tuple[str, str]] = set()
        """Installations, and the namespaces in which they do not answer: they may still work in others (`watchNamespaces`)."""

    def forget(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._marked.discard(key)
        self._unanswered.pop(key, None)

    def rival(self, workload: Workload) -> Binding | None:
        """A binding that may use the workload and has another installation's mark: the workload is left alone then."""
        indexes = self._cache.indexes
        marked = (key for other in indexes.marked_by if other != self.own for key in indexes.marked_by[other])
        named = (self._cache.binding(key) for key in marked if key in indexes.wanted_by[workload.key])
        return next((binding for binding in named if binding and granted(binding, workload)), None)

    def has_left(self, key: ObjectKey) -> bool:
        """Whether the binding was left to another installation, so that it is not taken over unless that one is gone."""
        return key in self._unanswered

    async def wait(self, key: ObjectKey) -> float:
        """Seconds until the next look at another installation's binding; 0 for one of this installation, perhaps taken over just now.

        Raises what keeps the mark from being written.
        """
        binding = self._cache.binding(key)
        other: str | None = binding.status.get("installation") if binding else None
        if binding is None or other is None:
            return 0.0
        if other == self.own:
            self._unanswered.pop(key, None)
            self._marked.add(key)
        elif key in self._marked:
            self._leave(binding, other)
        elif (other, key.namespace) in self._gone if key in self._unanswered else other not in self._later:
            await self._take(binding, other)
        elif self._is_unanswered(binding):
            await self._take(binding, other)
            self._gone.add((other, key.namespace))
        return LOOK if key in self._unanswered else 0.0

    def _leave(self, binding: Binding, other: str) -> None:
        extra = {"object": str(binding.key)}
        logger.warning("%s: the installation %s manages it now, and this one, %s, stops", binding.key, other, self.own, extra=extra)
        self._announce(build_farewell(binding, other, self.own, self._cache.clock()))
        self._marked.discard(binding.key)
        self._unanswered[binding.key] = None
        self._later.add(other)
        self._gone = {(name, namespace) for name, namespace in self._gone if name != other}

    def _is_unanswered(self, binding: Binding) -> bool:
        """Whether the other installation has not answered the present spec for so long that it must be gone."""
        answered = binding.status.get("observedGeneration") == binding.generation
        since = None if answered else self._unanswered.get(binding.key) or self._clock()
        self._unanswered[binding.key] = since
        return since is not None and self._clock() - since >= LOOK

    async def _take(self, binding: Binding, other: str) -> None:
        logger.info("%s: taken over from the installation %s", binding.key, other, extra={"object": str(binding.key)})
        await self._applier.write_status(binding, {**binding.status, "installation": self.own})
        self._unanswered.pop(binding.key, None)
        self._marked.add(binding.key)
