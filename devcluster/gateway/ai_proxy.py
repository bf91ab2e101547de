"""The plugin `ai-proxy`: builds the provider's request from the client's, and reads model and usage from the answer.

Clients speak OpenAI's form, and `drivers` translates for the provider. As in Kong, the configured model wins (another one in the request is
refused with 400), configured options override the client's, the configured credential replaces the client's, and a streamed answer is
requested with its usage. An `upstream_url` without a port is called at port 443, even if its scheme is http.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from .answers import HaltError
from .drivers import DRIVERS, OPENAI, Driver, Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .process_settings import ProcessSettings
    from .spans import AttributeValue, Span

__all__ = ["Answer", "LlmCall", "prepare_call"]

_PORT: Final = 443
_OPERATIONS: Final = {"llm/v1/completions": "text_completion", "llm/v1/embeddings": "embeddings"}
_OPTIONS: Final = ("max_tokens", "temperature", "top_p", "top_k")
_RESPONSE_MODEL_IN_STREAMS_SINCE: Final = (3, 14, 0, 3)


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One call, ready to be sent as `content`. `headers` replace the client's of the same name; keys stay out of `repr`.

    `body` is the call in OpenAI's form.
    """

    url: URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    content: bytes = field(repr=False)
    driver: Driver
    target: Target
    provider: str
    operation: str
    log_payloads: bool
    name_header: bool

    @property
    def streaming(self) -> bool:
        """Whether the client asked for server-sent events."""
        return bool(self.body.get("stream"))

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.target.model

    def translated(self, content: bytes) -> bytes:
        """A good answer of the provider in OpenAI's form. `HaltError` where it makes no sense."""
        if self.driver.read is None:
            return content
        try:
            return json.dumps(self.driver.read(json.loads(content), self.target)).encode()
        except (ValueError, LookupError, TypeError) as error:
            raise HaltError(500, {"error": {"message": f"transformation failed from type {self.provider}://llm/v1/chat"}}) from error

    def describe_request(self, span: Span) -> None:
        """Set the name and attributes of the GenAI span that are known before the call, in place of those of an earlier attempt."""
        span.name = f"{self.operation} {self.model}"
        known: dict[str, AttributeValue | None] = {
            "gen_ai.operation.name": self.operation,
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "gen_ai.request.max_tokens": self.body.get("max_tokens"),
            "gen_ai.request.temperature": self.body.get("temperature"),
            "gen_ai.request.top_p": self.body.get("top_p"),
        }
        if self.log_payloads:
            known["gen_ai.input.messages"] = _as_parts(self.body.get("messages") or ())
        for key in known:
            span.attributes.pop(key, None)
        span.attributes.update({key: value for key, value in known.items() if isinstance(value, str | int | float)})


@dataclass(slots=True)
class Answer:
    """The facts read from an answer, whole or in chunks."""

    model: str | None = None
    id: str | None = None
    text: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    usage: Mapping[str, Any] = field(default_factory=dict)
    _rest: bytes = b""

    def read_whole(self, body: bytes) -> None:
        """Read a JSON answer; other content is ignored."""
        try:
            self._read(json.loads(body), "message")
        except ValueError:
            return

    def read_events(self, chunk: bytes) -> None:
        """Read a piece of an event stream; events may be split over pieces."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data.startswith(b"{"):
                self._read(json.loads(data), "delta")

    def _read(self, body: Any, part: str) -> None:
        if not isinstance(body, dict):
            return
        self.model, self.id = body.get("model") or self.model, body.get("id") or self.id
        self.usage = body.get("usage") or self.usage
        for choice in body.get("choices") or ():
            self.text += (choice.get(part) or {}).get("content") or choice.get("text") or ""
            self.finish_reasons += [choice["finish_reason"]] if choice.get("finish_reason") else []

    def describe(self, span: Span, call: LlmCall, settings: ProcessSettings) -> None:
        """Set the attributes of the GenAI span that come from the answer. Streams report their model only since Kong 3.14.0.3."""
        model_known = not call.streaming or settings.version >= _RESPONSE_MODEL_IN_STREAMS_SINCE
        known: dict[str, AttributeValue | None] = {
            "gen_ai.response.model": self.model if model_known else None,
            "gen_ai.response.id": self.id,
            "gen_ai.response.finish_reasons": self.finish_reasons or None,
            "gen_ai.usage.input_tokens": self.usage.get("prompt_tokens"),
            "gen_ai.usage.output_tokens": self.usage.get("completion_tokens"),
        }
        if call.log_payloads and self.text:
            reason = self.finish_reasons[0] if self.finish_reasons else ""
            message = {"role": "assistant", "parts": [{"type": "text", "content": self.text}], "finish_reason": reason}
            known["gen_ai.output.messages"] = json.dumps([message])
        span.attributes.update({key: value for key, value in known.items() if value is not None})


def _as_parts(messages: Iterable[Mapping[str, Any]]) -> str:
    def parts(content: Any) -> list[dict[str, str]]:
        texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content or () if isinstance(part, dict)]
        return [{"type": "text", "content": text} for text in texts]

    known = [m for m in messages if isinstance(m, dict)]
    return json.dumps([{"role": m.get("role", ""), "parts": parts(m.get("content"))} for m in known])


def _refuse(message: str) -> HaltError:
    return HaltError(400, {"error": {"message": message}})


def _parsed(body: bytes, limit: int) -> dict[str, Any]:
    if len(body) > limit:
        raise HaltError(413, {"error": {"message": "request body too large"}})
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _refuse("request body doesn't contain valid prompts")
    return parsed


def _model(config: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    configured, asked = config["model"].get("name"), body.get("model")
    if configured and asked and asked != configured:
        raise _refuse(f"cannot use own model - must be: {configured}")
    if not (configured or asked):
        raise _refuse("model parameter not found in request, nor in gateway configuration")
    return str(configured or asked)


def _driver(config: Mapping[str, Any], options: Mapping[str, Any], *, stream: bool) -> Driver:
    """The provider's, or OpenAI's for a provider that only has an `upstream_url`."""
    provider, native = config["model"]["provider"], config["llm_format"]
    form = "ollama" if provider == "ollama" else options.get(f"{provider}_format") or "openai"
    driver = DRIVERS.get(provider, OPENAI)
    if (native, form) != ("openai", "openai"):
        raise HaltError(500, {"message": f"this stand-in does not speak {form if native == 'openai' else native}"})
    if stream and driver.read:
        raise HaltError(500, {"message": f"this stand-in cannot stream from {provider}"})
    return driver


def _url(provider: str, target: Target) -> URL:
    if target.options.get("upstream_url"):
        url = URL(target.options["upstream_url"])
        return url if url.explicit_port else url.with_port(_PORT)
    found = DRIVERS[provider].url(target) if provider in DRIVERS else None
    if found is None:
        raise HaltError(500, {"message": f"this stand-in cannot call {provider} with {target.route_type} and these options"})
    path = target.options.get("upstream_path")
    return found.with_path(path) if path else found


def prepare_call(config: Mapping[str, Any], body: bytes, client_headers: Mapping[str, str], version: tuple[int, ...]) -> LlmCall:
    """Build the call from the client's request. Raises `HaltError` with Kong's answer for a request it cannot serve."""
    parsed = _parsed(body, config["max_request_body_size"])
    model, options, auth = _model(config, parsed), config["model"].get("options") or {}, config.get("auth") or {}
    merged = parsed | {"model": model} | {name: options[name] for name in _OPTIONS if options.get(name) is not None}
    if merged.get("stream"):
        merged["stream_options"] = {"include_usage": True}
    provider, driver = config["model"]["provider"], _driver(config, options, stream=bool(merged.get("stream")))
    target = Target(model, config["route_type"], options, auth, version)
    url, given = _with_key(_url(provider, target), auth, {name.lower() for name in client_headers})
    content = json.dumps({**driver.ask(merged, target), **_key_in_body(auth)}).encode()
    return LlmCall(
        url=url,
        headers={"content-type": "application/json", **driver.headers(target), **given, **driver.sign(url, content, target)},
        body=merged,
        content=content,
        driver=driver,
        target=target,
        provider=provider,
        operation=_OPERATIONS.get(config["route_type"], "chat"),
        log_payloads=config["logging"]["log_payloads"],
        name_header=config["model_name_header"],
    )


def _key_in_body(auth: Mapping[str, Any]) -> dict[str, str]:
    return {auth["param_name"]: auth["param_value"]} if auth.get("param_location") == "body" else {}


def _with_key(url: URL, auth: Mapping[str, Any], client_headers: Collection[str]) -> tuple[URL, dict[str, str]]:
    """The URL with the key, if that is its place, and the header with the key, unless the client may bring its own."""
    if auth.get("param_location") == "query":
        return url.update_query({auth["param_name"]: auth["param_value"]}), {}
    name = (auth.get("header_name") or "").lower()
    kept = not name or (auth["allow_override"] and name in client_headers)
    return url, {} if kept else {name: auth["header_value"]}
