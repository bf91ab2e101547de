"""Reads Kong's version from an image reference, and lists the known facts about each version.

The facts come from Kong's changelogs: GenAI spans exist only in Kong Gateway Enterprise (`kong/kong-gateway`) from 3.13 on; the open-source
image `kong` stops before that. A company's own image has tags of its own, so only images with one of Kong's names are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.plan.own_models import OwnModel
from fiddler_kong_operator.plan.providers import models_of, provider_of

__all__ = [
    "DEFECTS",
    "KEY_ELSEWHERE",
    "MINIMUM",
    "SESSIONS_VERIFIED",
    "Defect",
    "Image",
    "KongVersion",
    "known_defects",
    "parse_image",
    "parse_version",
    "sessions_verified",
    "tell_defects",
    "topics_of",
]

_SUFFIX: Final = r"(?:[-+_].*)?"
_HUB: Final = re.compile(r"((?:index\.)?docker\.io/)?(kong|library/kong|kong/kong|kong/kong-gateway)")
_OWN: Final = re.compile(r"(?:.*/)?kong/kong-gateway")
_OPEN_SOURCE: Final = re.compile(r"(?:(?:index\.)?docker\.io/)?kong|(?:.*/)?(?:library|kong)/kong")
_TAGS: Final = (
    (_OWN, re.compile(rf"v?(\d\.\d{{1,3}}(?:\.\d{{1,4}}\.\d{{1,4}})?){_SUFFIX}")),
    (re.compile(r"(?:.*[/-])?kong-gateway"), re.compile(rf"v?(3\.\d{{1,3}}(?:\.\d{{1,4}}\.\d{{1,4}})?){_SUFFIX}")),
    (_OPEN_SOURCE, re.compile(rf"v?(\d\.\d{{1,3}}(?:\.\d{{1,4}})?){_SUFFIX}")),
)
"""The names of Kong's images, each with the form of its tags. Kong Gateway's have two or four numbers, the open-source image's up to three;
others of the name `kong-gateway` are read only where their tags look like those of a Kong 3."""


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
    """A container image: `repository` without tag and digest; `version` is None where nothing tells it."""

    repository: str
    version: KongVersion | None

    @property
    def official(self) -> bool:
        """Whether it is Kong's own image or a mirror of it, whose tags are Kong's versions."""
        return bool(_OWN.fullmatch(self.repository)) or self.open_source

    @property
    def at_hub(self) -> bool:
        """Whether it comes from Kong itself: only Kong can push it, so its tag is Kong's version."""
        return bool(_HUB.fullmatch(self.repository))

    @property
    def open_source(self) -> bool:
        """Whether it is Kong's open-source image (`kong`, `library/kong`, `kong/kong`), or a mirror of it under that path."""
        return bool(_OPEN_SOURCE.fullmatch(self.repository))

    @property
    def supported(self) -> bool:
        """False only where the version is known to be too old for GenAI spans."""
        return self.version is None or not self.version.before(MINIMUM)


@dataclass(frozen=True, slots=True)
class Defect:
    """A known defect of one minor version."""

    minor: KongVersion
    fixed: KongVersion
    effect: str
    visible: bool = True
    """It does harm while everything works, to what Fiddler shows or elsewhere; otherwise it shows only under failures."""
    only: str | None = None
    """The provider or route type that it concerns, or `KEY_ELSEWHERE`; None for all."""


def parse_version(text: str) -> KongVersion:
    """The version in a dotted text such as `3.13.0.7`."""
    return KongVersion(tuple(map(int, text.split("."))))


def _defects(effect: str, fixed: Mapping[str, str], *, visible: bool = True, only: str | None = None) -> tuple[Defect, ...]:
    """One defect: the minor versions that have it, each with the version that fixes it."""
    return tuple(Defect(parse_version(minor), parse_version(fix), effect, visible, only) for minor, fix in fixed.items())


MINIMUM: Final = parse_version("3.13")
"""The first version whose Enterprise image emits GenAI spans."""

KEY_ELSEWHERE: Final = "a key in another header than `Authorization`"
"""The topic of defects about where a provider's key is sent, whichever provider it is."""

_FLOORS: Final = {"3.13": "3.13.0.7", "3.14": "3.14.0.7", "3.15": "3.15.0.1"}
_TOKENS: Final = {"3.13": "3.14.0.13", "3.14": "3.14.0.13", "3.15": "3.15.0.4"}
_SHOWN: Final = {"3.13": "3.13.0.8", "3.14": "3.14.0.10"}

DEFECTS: Final = (
    *_defects("the attributes of GenAI spans are wrong", {"3.13": "3.13.0.3"}),
    *_defects("a span is sometimes left unfinished, and streamed answers lack the response model", {"3.14": "3.14.0.3"}),
    *_defects("streamed answers of the responses API count as zero tokens", {"3.13": "3.14.0.0"}, only="llm/v1/responses"),
    *_defects("token counts of streamed Gemini answers are multiplied", _TOKENS, only="gemini"),
    *_defects("token counts of Anthropic calls lack cached tokens", _TOKENS, only="anthropic"),
    *_defects("calls to dashscope are answered 500", {"3.13": "3.14.0.3", "3.14": "3.14.0.3"}, only="dashscope"),
    *_defects("streamed calls to databricks fail because of stream_options", {"3.14": "3.14.0.5"}, only="databricks"),
    *_defects("Kong's access logs show the provider's key", _SHOWN, only=KEY_ELSEWHERE),
    *_defects("the export of traces crashes when a host name cannot be resolved", _FLOORS, visible=False),
    *_defects("the export of traces fails where Fiddler's certificate has two intermediates", _FLOORS, visible=False),
)
"""The known defects, each for one minor version."""

SESSIONS_VERIFIED: Final = frozenset({(3, 13)})
"""Minor versions on which session grouping was seen to work: it reads a span list that is no stable API of Kong."""


@lru_cache(maxsize=256)
def parse_image(reference: str, stated: str | None = None) -> Image:
    """Split an image reference. `stated` is the version that the binding gives.

    It counts unless the tag of Kong's own image tells one, or that of a mirror one that is supported: in another registry, a project may
    have Kong's name and numbers of its own.

    Otherwise the version is unknown for another name than Kong's, `latest`, a tag of another form, no tag, or a digest alone.
    """
    named, _, _ = reference.strip().partition("@")
    head, slash, last = named.rpartition("/")
    basename, _, tag = last.partition(":")
    repository = f"{head}{slash}{basename}"
    image = Image(repository, _parse_tag(repository, tag))
    if stated is None or (image.official and image.version and (image.at_hub or image.supported)):
        return image
    return Image(repository, parse_version(stated))


def _parse_tag(repository: str, tag: str) -> KongVersion | None:
    form = next((form for name, form in _TAGS if name.fullmatch(repository)), None)
    match = form.fullmatch(tag) if form else None
    return parse_version(match[1]) if match else None


def topics_of(spec: BindingSpec, own: Iterable[OwnModel] = ()) -> frozenset[str]:
    """The topics by which known defects are found: those of the models of a spec, and of models in plugins that are not the binding's."""
    made = (_topics(model.provider, model.route_type, provider_of(model).auth(model)[0].get("header_name")) for _, model in models_of(spec))
    met = (_topics(model.provider, model.route_type, model.key_header) for model in own)
    return frozenset(topic for topics in (*made, *met) for topic in topics)


def _topics(provider: str, route_type: str, key_header: str | None) -> Iterator[str]:
    yield from (provider, route_type)
    if key_header and key_header.lower() != "authorization":
        yield KEY_ELSEWHERE


def known_defects(version: KongVersion, topics: frozenset[str]) -> tuple[Defect, ...]:
    """The defects that this version certainly has and that concern these topics.

    For a tag without patch level, only those that a later minor version fixes.
    """
    return tuple(d for d in DEFECTS if d.minor.parts == version.minor and version.before(d.fixed) and d.only in {None, *topics})


def tell_defects(defects: Sequence[Defect]) -> str:
    """The effects, and the version to upgrade to, as the end of a sentence after a colon, with its full stop."""
    newest = max((defect.fixed for defect in defects), key=lambda version: version.parts)
    return f"{'; '.join(f'{d.effect} (fixed in {d.fixed})' for d in defects)}. Upgrade Kong to {newest} or later."


def sessions_verified(version: KongVersion) -> bool:
    """Whether session grouping was verified on this minor version."""
    return version.minor in SESSIONS_VERIFIED
