"""Reads Kong's version from an image reference, and lists the known facts about each version.

The facts come from Kong's changelogs: GenAI spans exist only in Kong Gateway Enterprise (`kong/kong-gateway`) from 3.13 on; the open-source
image `kong` stops before that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["DEFECTS", "MINIMUM", "SESSIONS_VERIFIED", "Defect", "Image", "KongVersion", "known_defects", "parse_image", "sessions_verified"]

_TAG: Final = re.compile(r"^v?(\d{1,2}(?:\.\d{1,4}){1,3})(?:[-+_].*)?$")


@dataclass(frozen=True, slots=True)
class KongVersion:
    """Two to four numbers, as far as a tag states them: `3.13` means the newest 3.13."""

    parts: tuple[int, ...]

    def __str__(self) -> str:
        """Dotted, as in the tag."""
        return ".".join(map(str, self.parts))

    @property
    def minor(self) -> tuple[int, ...]:
        """Major and minor number."""
        return self.parts[:2]

    def before(self, other: KongVersion) -> bool:
        """Whether this one is certainly older: only the numbers that both state are compared."""
        stated = min(len(self.parts), len(other.parts))
        return self.parts[:stated] < other.parts[:stated]


@dataclass(frozen=True, slots=True)
class Image:
    """A container image: `repository` without tag and digest; `version` is None where the reference does not tell it."""

    repository: str
    version: KongVersion | None

    @property
    def open_source(self) -> bool:
        """Whether it is named like Kong's open-source image (`kong`, `library/kong`, `kong/kong`, mirrors of them)."""
        return self.repository.rsplit("/", 1)[-1] == "kong"

    @property
    def supported(self) -> bool:
        """False only where the version is known to be too old for GenAI spans."""
        return self.version is None or not self.version.before(MINIMUM)


@dataclass(frozen=True, slots=True)
class Defect:
    """A known defect of one minor version. `visible`: it spoils what Fiddler shows; otherwise it only shows under failures."""

    fixed: KongVersion
    effect: str
    visible: bool = True


MINIMUM: Final = KongVersion((3, 13))
"""The first version whose Enterprise image emits GenAI spans."""

DEFECTS: Final = (
    Defect(KongVersion((3, 13, 0, 3)), "the attributes of GenAI spans are wrong"),
    Defect(KongVersion((3, 14, 0, 3)), "a span is sometimes left unfinished, and streamed answers lack the response model"),
    Defect(KongVersion((3, 13, 0, 7)), "the export of traces crashes when a host name cannot be resolved", visible=False),
    Defect(KongVersion((3, 14, 0, 7)), "the export of traces crashes when a host name cannot be resolved", visible=False),
)
"""The known defects, each with the version that fixes it, per minor version."""

SESSIONS_VERIFIED: Final = frozenset({(3, 13)})
"""Minor versions on which session grouping was seen to work: it reads a span list that is no stable API of Kong."""


@lru_cache(maxsize=256)
def parse_image(reference: str) -> Image:
    """Split an image reference. `latest`, a tag of another form, no tag, or a digest alone leave the version unknown."""
    named, _, _ = reference.strip().partition("@")
    head, slash, last = named.rpartition("/")
    basename, _, tag = last.partition(":")
    return Image(f"{head}{slash}{basename}", _parse_tag(tag))


def _parse_tag(tag: str) -> KongVersion | None:
    match = _TAG.match(tag)
    return KongVersion(tuple(int(part) for part in match[1].split("."))) if match else None


def known_defects(version: KongVersion) -> tuple[Defect, ...]:
    """The defects this version certainly has; none where the tag does not tell the patch level."""
    return tuple(d for d in DEFECTS if d.fixed.minor == version.minor and version.before(d.fixed))


def sessions_verified(version: KongVersion) -> bool:
    """Whether session grouping was verified on this minor version."""
    return version.minor in SESSIONS_VERIFIED
