"""The contract of a driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

__all__ = ["Driver", "Target", "completion", "separate_system"]

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One model as configured: its options and `auth`, and the version of Kong."""

    model: str
    route_type: str
    options: Mapping[str, Any]
    auth: Mapping[str, Any] = field(repr=False)
    version: tuple[int, ...]

    def part(self, name: str) -> Mapping[str, Any]:
        """A record among the options; empty where it is not set."""
        return self.options.get(name) or {}


@dataclass(frozen=True, slots=True)
class Driver:
    """One provider. `url` is None for a route type or an option that this stand-in lacks.

    `ask` makes the call's body from OpenAI's, `read` makes OpenAI's answer from the provider's; without `read` it speaks OpenAI's form.
    `headers` go along with every call. `sign` returns headers that depend on the whole call.
    """

    name: str
    url: Callable[[Target], URL | None]
    ask: Callable[[Body, Target], Body] = lambda body, _: body
    read: Callable[[Body, Target], Body] | None = None
    headers: Callable[[Target], Mapping[str, str]] = lambda _: {}
    sign: Callable[[URL, bytes, Target], Mapping[str, str]] = lambda *_: {}


def separate_system(body: Body) -> tuple[str, list[Mapping[str, Any]]]:
    """The text of the system messages, and the other messages."""
    messages = [m for m in body.get("messages") or () if isinstance(m, dict)]
    system = "".join(str(m.get("content") or "") for m in messages if m.get("role") == "system")
    return system, [m for m in messages if m.get("role") != "system"]


def completion(text: str, model: str, reason: str, counts: tuple[int, int], identity: str | None = None) -> Body:
    """An answer in OpenAI's form. `counts` are the tokens of prompt and answer."""
    prompt, answer = counts
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    return {**({"id": identity} if identity else {}), "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
