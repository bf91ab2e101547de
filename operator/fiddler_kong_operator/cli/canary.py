"""`fiddler-kong canary`: one call through the gateway, and the time until its span is in Fiddler."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import click

from fiddler_kong_operator import names
from fiddler_kong_operator.api import BindingSpec, Route
from fiddler_kong_operator.api.conditions import Finding
from fiddler_kong_operator.errors import Gone
from fiddler_kong_operator.kube.client import Client
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.kinds.bindings import reduce_binding
from fiddler_kong_operator.observe.kinds.secrets import reduce_secret
from fiddler_kong_operator.plan.arrivals import QueryOutcome, Summary
from fiddler_kong_operator.plan.kinds import BINDING, SECRET
from fiddler_kong_operator.plan.references import secrets_of
from fiddler_kong_operator.plan.secrets import resolve_keys
from fiddler_kong_operator.plan.snapshot import Binding
from fiddler_kong_operator.probe.arrivals import SpanReader
from fiddler_kong_operator.probe.canary import Call, make_call
from fiddler_kong_operator.probe.target import ProbeTarget

from .access import Access, namespace_options, with_client
from .options import probe_options, read_probe
from .telling import refusal, tell
from .values import BINDING_NAME, Seconds, WebAddress

__all__ = ["canary"]

NOT_ARRIVED: Final = 1
_CHAT: Final = "llm/v1/chat"
_PAUSE: Final = 1.0
"""Seconds between two looks for the span."""

_HINTS: Final = {
    401: "the gateway or the provider refuses the key: pass a client's key with --header, or look at the provider's Secret",
    403: "the gateway or the provider refuses the call: pass a client's key with --header, or look at the provider's Secret",
    404: "no route of the gateway has this path and host, or the provider does not know the model",
    429: "the gateway or the provider limits the rate: try again later",
    503: "the gateway has no route to the provider",
}
"""Likely causes of an answer that is not 2xx."""


@click.command()
@click.argument("binding", type=BINDING_NAME)
@namespace_options
@click.option(
    "--url", type=WebAddress(), required=True, metavar="URL", help="Kong's proxy, such as http://localhost:8000 after kubectl port-forward."
)
@click.option("--route", metavar="NAME", help="The route of the binding to call; by default its only one.")
@click.option("--path", metavar="PATH", help="The path to call, for a route that attaches to objects of yours.")
@click.option("--host", metavar="NAME", help="The Host header; by default that of the route.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A further header, such as a client's key; repeatable.")
@click.option(
    "--timeout", type=Seconds(1), default=120.0, show_default=True, help="Seconds to wait for the answer, and again for the span."
)
@click.option("--insecure", is_flag=True, help="Do not verify the gateway's certificate.")
@click.option("--yes", is_flag=True, help="Send the call without asking; it may cost tokens.")
@probe_options("allow_http", "allowed_addresses", "ca_file")
def canary(binding: str, **options: Any) -> None:
    """Send one small LLM call, and wait for its span in Fiddler.

    The call goes through the gateway and has a conversation id of its own. Fiddler is asked for its span with the binding's key, which you
    must be allowed to read. Nothing is written to the cluster.

    Exit codes: 0 the span arrived; 1 the call failed or its span did not arrive; 2 nothing was sent: the binding cannot be read, it has
    no such route, or the question was not answered with yes.
    """
    access = Access(options["kubeconfig"], options["context"], options["namespace"])
    reader = SpanReader(read_probe(options))
    try:
        trip = with_client(access, lambda client: _prepare(client, ObjectKey(BINDING.name, access.default_namespace, binding), options))
        if not options["yes"] and not _agrees(trip):
            raise refusal("nothing was sent. --yes sends the call without asking.")
        raise SystemExit(asyncio.run(_travel(trip, reader, options["timeout"])))
    finally:
        reader.close()


@dataclass(frozen=True, slots=True)
class _Trip:
    """The call, and the Fiddler application in which its span must arrive."""

    call: Call
    target: ProbeTarget
    session: str | None
    """The conversation id; None where the binding stamps none."""


async def _prepare(client: Client, key: ObjectKey, options: dict[str, Any]) -> _Trip:
    try:
        binding = reduce_binding(key, await client.get(BINDING, key.namespace, key.name))
    except Gone:
        raise refusal(f"There is no {names.KIND} {key.namespace}/{key.name}.") from None
    if binding.spec is None:
        raise refusal(f"{key} is invalid: {binding.invalid}")
    target = await _target(client, binding, binding.spec)
    route = _route(binding.spec, options["route"])
    session = f"canary-{secrets.token_hex(8)}" if binding.spec.sessions.mode == "Header" else None
    stamped = {binding.spec.sessions.headers[0]: session} if session else {}
    path, host = options["path"] or _path(route), options["host"] or (route.expose.host if route.expose else None)
    given = dict(map(_header, options["headers"]))
    own = {**({"Host": host} if host else {}), **stamped}
    headers = {**{name: text for name, text in given.items() if name.lower() not in map(str.lower, own)}, **own}
    return _Trip(Call(f"{options['url']}/{path.lstrip('/')}", headers, not options["insecure"]), target, session)


async def _target(client: Client, binding: Binding, spec: BindingSpec) -> ProbeTarget:
    found: dict[str, dict[str, bytes] | None] = {}
    for key in secrets_of(binding):
        try:
            found[key.name] = reduce_secret(key, await client.get(SECRET, key.namespace, key.name))
        except Gone:
            found[key.name] = None
    keys = resolve_keys(spec, found)
    if isinstance(keys, Finding):
        raise refusal(f"{keys.reason.name}: {keys.message}")
    return ProbeTarget.of(spec.fiddler, keys.fiddler, None).to_read()


def _route(spec: BindingSpec, name: str | None) -> Route:
    """The route to call: that of the name, or the only one that takes chats in OpenAI's form."""
    fit = [route for route in spec.routes if route.name == name or (name is None and not _misfit(route))]
    if len(fit) != 1:
        raise refusal(f"Choose a route with --route: {', '.join(route.name for route in spec.routes)}.")
    if problem := _misfit(fit[0]):
        raise refusal(f"Route {fit[0].name} {problem}: this command sends only chats in OpenAI's form. Send a call of your own.")
    return fit[0]


def _misfit(route: Route) -> str:
    for model in route.llm.models if route.llm else ():
        if model.route_type != _CHAT or model.format != "openai":
            return f"takes {model.route_type} in the form of {model.format}"
    return ""


def _path(route: Route) -> str:
    if route.expose is None:
        raise refusal(f"Route {route.name} attaches to an object of yours: say its path with --path.")
    return route.expose.path


def _agrees(trip: _Trip) -> bool:
    """Whether the user wants the call; False if the question gets no answer."""
    try:
        return click.confirm(f"This sends one call to {trip.call.url}, which may cost tokens. Continue?", err=True)
    except click.Abort:
        return False


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError("--header must be 'NAME: VALUE'.")
    return name.strip(), value.strip()


async def _travel(trip: _Trip, reader: SpanReader, seconds: float) -> int:
    """Make the call and wait for its span, a line for each step; returns the exit code."""
    click.echo(f"conversation  {trip.session or 'none: the binding stamps no conversation id'}")
    started = time.time()
    result = await make_call(trip.call, seconds)
    click.echo(f"call          POST {trip.call.url}: {result.problem or result.status} ({result.seconds:.1f} s)")
    if result.status is None or result.status // 100 != 2:  # noqa: PLR2004 - the class of success
        tell(f"No span is to be expected: {_HINTS.get(result.status or 0, 'see the log of the gateway')}.")
        return NOT_ARRIVED
    seen, waited = await _await_span(trip, reader, started, seconds)
    for line in _told(seen, waited):
        click.echo(line)
    return 0 if seen.seen else NOT_ARRIVED


async def _await_span(trip: _Trip, reader: SpanReader, started: float, seconds: float) -> tuple[Summary, float]:
    """Facts about the call's spans in Fiddler, and the seconds since the call was sent. The wait lasts `seconds` from now.

    A key that may not read spans ends the wait, and so does a `Retry-After` that is longer than the rest of the wait.
    """
    ends = time.time() + seconds
    while True:
        answer = await reader.ask(trip.target, trip.session)
        found = answer.result.since(0.0 if trip.session else started)
        waited, pause = time.time() - started, max(_PAUSE, answer.retry_after or 0.0)
        if found.seen or found.outcome is QueryOutcome.REFUSED or time.time() + pause > ends:
            return found, waited
        await asyncio.sleep(pause)


def _told(seen: Summary, waited: float) -> Iterator[str]:
    if not seen.seen:
        yield f"span          {_absence(seen)} ({waited:.1f} s)"
        return
    yield f"span          in Fiddler after {waited:.1f} s"
    if not seen.recognized:
        yield "type          not taken for a span of Kong: is service.name exactly kong?"
    if seen.text is not None:
        yield f"text          {'captured' if seen.text else 'none: payloads is Disabled, or the ai-proxy does not log it'}"
    if seen.session is not None:
        yield f"session       {'that of the conversation' if seen.session else 'its own trace: the conversation id did not arrive'}"


def _absence(seen: Summary) -> str:
    if seen.outcome is QueryOutcome.REFUSED:
        return f"unknown: Fiddler {seen.problem}, so this key may not read spans. Look in Fiddler itself"
    if seen.outcome is QueryOutcome.UNANSWERED:
        return f"unknown: Fiddler {seen.problem}"
    return "did not arrive. Run fiddler-kong doctor: it says what keeps traces from Fiddler"
