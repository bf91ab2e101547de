"""The part of a binding that says which calls Kong traces, and what is written on their spans."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from .headers import ShownHeader
from .rules import Rule, at_least, form
from .types import ApiModel

__all__ = ["Attribute", "Sessions", "Tracing"]

_DEFAULT_SESSION_HEADER: Final = "X-Fiddler-Conversation-Id"

_KEY: Final = r"[A-Za-z][A-Za-z0-9_.-]*"

_VISIBLE: Final = r"!#%&(-\[\]^_a-z|~"

AttributeName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    form(
        rf"fiddler\.(session|span)\.user\.{_KEY}|gen_ai\.agent\.name",
        "must be gen_ai.agent.name, or fiddler.session.user. or fiddler.span.user. and a key: a letter, then letters, digits and _ . -",
    ),
]
"""An attribute that Fiddler leaves to its users."""

AttributeValue = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    form(
        rf" *[{_VISIBLE}][ {_VISIBLE}]*",
        "must be printable ASCII characters except quotes, braces, backslash and $, and not only spaces",
    ),
]
"""The value of an attribute: data for Kong and for Fiddler."""

_DISTINCT: Final = Rule(
    cel="self.all(h, self.exists_one(o, o.lowerAscii() == h.lowerAscii()))",
    message="must differ from each other; upper and lower case make no difference",
    holds=lambda names: len({name.lower() for name in names}) == len(names),
)


class Sessions(ApiModel):
    """How calls of one conversation become one session in Fiddler."""

    mode: Literal["Header", "Disabled"] = "Header"
    """`Header`: calls with the same conversation id in a request header become one session; this needs `gateway.untrustedLua`. `Disabled`:
    no conversation id is written on the spans; every call is a session of its own, unless the client itself traces with an OpenTelemetry
    SDK."""

    headers: Annotated[tuple[ShownHeader, ...], _DISTINCT] = Field(default=(_DEFAULT_SESSION_HEADER,), min_length=1, max_length=8)
    """Request headers in which clients may send the conversation id. The first of them with a usable id counts: printable ASCII, at most
    256 characters."""


class Attribute(ApiModel):
    """An attribute of the spans, and where its value comes from."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.value) || has(self.fromHeader)",
            message="must be given where fromHeader is not: an attribute has one of the two",
            holds=lambda a: a.value is not None or a.from_header is not None,
            field="value",
            missing=True,
        ),
        Rule(
            cel="!has(self.value) || !has(self.fromHeader)",
            message="must not be given beside value: an attribute has one of the two",
            holds=lambda a: a.value is None or a.from_header is None,
            field="fromHeader",
        ),
    )

    name: AttributeName
    """Name of the attribute: `gen_ai.agent.name`, which Fiddler shows as the agent, `fiddler.session.user.<key>` for a whole session, or
    `fiddler.span.user.<key>` for a call. In Fiddler you can filter by them."""

    value: AttributeValue | None = None
    """The same value for every call: printable ASCII, without quotes, braces, backslash and `$`. Give either this or `fromHeader`."""

    from_header: ShownHeader | None = None
    """Request header with the value. If the header is missing, is longer than 256 characters or has others than printable ASCII characters,
    the attribute is not set. Give either this or `value`."""


class Tracing(ApiModel):
    """Which calls are traced, and in which trace."""

    sampling_rate: Annotated[float, Field(ge=0.001, le=1), at_least(0.001)] = 1.0
    """Share of the calls whose spans Kong sends to Fiddler, from 0.001 to 1.0 (all), chosen at random call by call. Below 1.0, sessions,
    token counts and costs in Fiddler are those of the chosen calls only."""

    propagation: Literal["Continue", "Ignore"] = "Continue"
    """How Kong treats the client's trace (header `traceparent`). `Continue`: Kong's spans join that trace, and a call that the client
    did not sample (`traceparent: ...-00`) has no spans and is missing in Fiddler. `Ignore`: each call is a trace of its own, whatever the
    client sends. Choose `Ignore` if a service mesh or an SDK in front of Kong samples, and every call must reach Fiddler."""
