"""The contract of a provider module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from fiddler_kong_operator.api import Model
from fiddler_kong_operator.plan.schemas import Minor, dotted

from .auth import Auth, key_auth
from .upstream import Upstream

__all__ = ["Provider", "all_of", "calls", "own_options"]

_BEARER: Final = key_auth()

_EVERYTHING: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{call: f"llm/v1/{call}" for call in ("chat", "completions", "embeddings", "responses", "assistants", "batches", "files")},
        **{call: f"audio/v1/audio/{call}" for call in ("speech", "transcriptions", "translations")},
        **{f"images/{call}": f"image/v1/images/{call}" for call in ("generations", "edits")},
        "videos": "video/v1/videos/generations",
        "realtime": "realtime/v1/realtime",
    }
)
"""Route types of Kong's schema by a short name."""


def calls(*names: str) -> frozenset[str]:
    """Route types by their short names."""
    return frozenset(_EVERYTHING[name] for name in names)


def all_of() -> frozenset[str]:
    """Every route type that makes a span."""
    return frozenset(_EVERYTHING.values())


def own_options(model: Model) -> dict[str, Any]:
    """The provider's block under its name, for providers whose fields Kong names the same; {} where the block is empty or absent."""
    block = getattr(model, model.provider)
    given = block.model_dump(exclude_none=True) if block else {}
    return {model.provider: given} if given else {}


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `name` is both the value of `llm.provider` and Kong's `model.provider`.

    `locate` gives the provider's own address, from its options if it differs by customer; None where only `options.upstreamUrl` has one.
    `auth` says how the gateway identifies itself, with any number of keys, none included.
    `options` adds provider-specific `model.options`. `check` returns problems, `advise` advice for which nothing is refused, both as
    sentences that begin with a field of `llm`.
    """

    name: str
    locate: Callable[[Model], Upstream | None]
    route_types: frozenset[str]
    """Those that Kong can translate from OpenAI's form, and those of `native`."""
    auth: Callable[[Model], Auth] = _BEARER
    options: Callable[[Model], dict[str, Any]] = lambda _: {}
    check: Callable[[Model], tuple[str, ...]] = lambda _: ()
    advise: Callable[[Model], tuple[str, ...]] = lambda _: ()
    formats: frozenset[str] = frozenset()
    """Values of `llm.format` besides `openai`."""
    native: frozenset[str] = frozenset()
    """Route types that Kong has only in the provider's own form."""
    since: Mapping[tuple[str, str], Minor] = field(default_factory=dict)
    """The first version of Kong that has a route type in a format, where that is not the first one with the provider."""
    speaks_openai: bool = True
    """Its URLs end as OpenAI's do."""
    needs: str = ""
    """Fields that must be given besides `provider`, `model` and `auth`, for the documentation."""
    takes: str = "the API key"
    """The content of its Secret, for the documentation."""
    own_form: str = ""
    """The calls that its own form is for, where these are not those of the route types; for the documentation."""
    unverified: str = ""
    """Facts that could not be verified, for the documentation."""

    def call_problems(self, llm: Model, kong: Minor | None) -> tuple[str, ...]:
        """Why Kong cannot make such calls of the provider, as sentences that begin with a field of `llm`: `routeType` or `format`.

        `kong` is the gateway's version; while it is unknown, calls that only a newer Kong makes are no problem.
        """
        if llm.route_type not in self.route_types:
            return (f"routeType: Kong has no {llm.route_type} for {self.name}. Choose one of {', '.join(sorted(self.route_types))}.",)
        if llm.format != "openai" and llm.format not in self.formats:
            return (f"format: must be one of {', '.join(('openai', *sorted(self.formats)))} where provider is {self.name}.",)
        if llm.route_type in self.native and llm.format == "openai":
            return (f"format: must be {self.name} for {llm.route_type}: Kong does not translate such calls from OpenAI's form.",)
        since = self.since.get((llm.route_type, llm.format))
        if since and kong and kong < since:
            others = " or ".join(form for form in ("openai", *sorted(self.formats)) if form != llm.format)
            newer = f"the form {llm.format} exists from Kong {dotted(since)} on, the gateway runs {dotted(kong)}"
            return (f"format: must be {others} for {llm.route_type}, or upgrade Kong: {newer}.",)
        return ()
