"""The scenes of the demo, in order. Each waits for its outcome and raises `SceneError` when it does not come."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from devcluster.errors import ApiError
from devcluster.operator_process import OperatorProcess
from devcluster.stage import APPLICATION_ID, Stage
from fiddler_kong_sink.mapping import MappedSpan, SpanType

from .narrator import Narrator

__all__ = ["SCENES", "Play", "SceneError"]

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_SAMPLES: Final = _ROOT / "manifests" / "samples"
_NAMESPACE: Final = "ai"
_BINDING: Final = f"/apis/integrations.fiddler.ai/v1alpha1/namespaces/{_NAMESPACE}/fiddlerkongbindings/assistant"
_DEPLOYMENT: Final = "/apis/apps/v1/namespaces/kong/deployments/kong-gateway"
_SETTINGS: Final = ("KONG_TRACING_INSTRUMENTATIONS", "KONG_TRACING_SAMPLING_RATE", "KONG_UNTRUSTED_LUA")
_GREEN, _RED = 0, 1
"""Exit codes of the doctor."""
_TURNS: Final = ("What is the capital of France?", "And how many people live there?", "Thanks. Which river runs through it?")


class SceneError(Exception):
    """An outcome that the demo promises did not come."""


@dataclass(frozen=True)
class Play:
    """Everything the scenes share."""

    stage: Stage
    operator: OperatorProcess
    narrator: Narrator

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl without showing it."""
        return await asyncio.to_thread(lambda: self.stage.cluster.kubectl(*arguments, stdin=stdin))

    async def show(self, *arguments: str) -> None:
        """Run kubectl and show it as a person would have typed it."""
        self.narrator.command(f"kubectl {' '.join(arguments)}", await self.kubectl(*arguments))

    async def get(self, path: str) -> dict[str, Any] | None:
        """Read an object; None where it does not exist."""
        try:
            found: dict[str, Any] = await asyncio.to_thread(self.stage.cluster.api.get, path)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return found

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
        """Wait for an outcome; SceneError names it when it does not come in time."""
        deadline = time.monotonic() + seconds
        while not await holds():
            if time.monotonic() > deadline:
                raise SceneError(f"{what}: not seen within {seconds:.0f} s. The operator's log: {self.stage.cluster.logs / 'operator.log'}")
            await asyncio.sleep(0.2)


_NOT_FOUND: Final = 404


async def _condition(play: Play, kind: str) -> dict[str, Any]:
    binding = await play.get(_BINDING) or {}
    conditions = (binding.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


async def _until_ready(play: Play, status: str, reason: str) -> None:
    async def holds() -> bool:
        ready = await _condition(play, "Ready")
        return (ready.get("status"), ready.get("reason")) == (status, reason)

    await play.until(f"Ready={status} with reason {reason}", holds)


async def _sample(play: Play, name: str, **keys: str) -> str:
    """A sample with its placeholders replaced, as its first lines ask."""
    text = await asyncio.to_thread((_SAMPLES / name).read_text)
    values = {f"${{{variable}}}": key for variable, key in keys.items()}
    values |= {"https://your-instance.fiddler.ai": play.stage.sink.url, "00000000-0000-4000-8000-000000000000": APPLICATION_ID}
    for placeholder, value in values.items():
        if placeholder not in text:
            raise SceneError(f"{name} no longer holds {placeholder}")
        text = text.replace(placeholder, value)
    return text


async def apply_binding(play: Play) -> None:
    """Apply the quick start and wait for Ready."""
    play.narrator.scene("kubectl apply: the integration page as one resource")
    await play.kubectl("create", "namespace", _NAMESPACE)
    grant = ("--namespace", "kong", "annotate", "deployment/kong-gateway", f"integrations.fiddler.ai/allow-bindings-from={_NAMESPACE}")
    await play.show(*grant)
    keys = play.stage.keys
    manifests = await _sample(play, "quickstart.yaml", FIDDLER_API_KEY=keys.fiddler, OPENAI_API_KEY=keys.provider)
    output = await play.kubectl("--namespace", _NAMESPACE, "apply", "--filename=-", stdin=manifests)
    play.narrator.command(f"kubectl --namespace {_NAMESPACE} apply --filename quickstart.yaml", output)
    started = time.monotonic()
    await play.show("--namespace", _NAMESPACE, "wait", "--for=condition=Ready", "fkb/assistant", "--timeout=90s")
    play.narrator.done(f"Ready after {time.monotonic() - started:.1f} s, the rollout of the gateway's Deployment included")
    await play.show("--namespace", _NAMESPACE, "get", "fiddlerkongbindings")
    await play.show(
        "--namespace", _NAMESPACE, "get", "kongplugins,ingresses,services", "--selector=integrations.fiddler.ai/binding=assistant"
    )
    await play.show("--namespace", _NAMESPACE, "events", "--for=fiddlerkongbinding/assistant")


async def converse(play: Play) -> None:
    """Ask three questions with the openai client."""
    play.narrator.scene("A conversation through the gateway, with the ordinary openai client")

    async def routed() -> bool:
        return bool(play.stage.gateway.config and play.stage.gateway.config.get("services"))

    await play.until("Kong Ingress Controller's push of the route", routed)
    await play.until("the pre-function plugin at the gateway", lambda: _pushed(play, "pre-function"))
    session, messages = str(uuid.uuid4()), []
    async with AsyncOpenAI(base_url=f"{play.stage.gateway.proxy_url}/openai", api_key="kong-managed", max_retries=0) as client:
        for turn in _TURNS:
            messages.append({"role": "user", "content": turn})
            answer = await client.chat.completions.create(
                model="gpt-4o-mini",
                messages=messages,  # type: ignore[arg-type] # the client's own union of message types, fed as plain JSON
                extra_headers={"X-Fiddler-Conversation-Id": session},
            )
            text = answer.choices[0].message.content or ""
            messages.append({"role": "assistant", "content": text})
            play.narrator.say(f"{turn}\n     → {text}")


async def _pushed(play: Play, plugin: str, times: int = 1) -> bool:
    """Whether Kong Ingress Controller has pushed so many plugins of that type to the gateway."""
    return json.dumps(play.stage.gateway.config or {}).count(f'"name": "{plugin}"') >= times


async def traces(play: Play) -> None:
    """Show the session as Fiddler would."""
    play.narrator.scene("The session in Fiddler (a stand-in with the integration page's mapping)")
    sink = play.stage.sink
    await sink.until(lambda s: len(s.spans()) >= len(_TURNS), timeout=30)
    sessions = sink.sessions()
    if len(sessions) != 1 or len(sessions[0].spans) != len(_TURNS):
        raise SceneError(f"expected one session with {len(_TURNS)} spans, got {[len(s.spans) for s in sessions]}")
    for span in sessions[0].spans:
        asked, answered = span.text("gen_ai.llm.input.user"), span.text("gen_ai.llm.output")
        if span.span_type is not SpanType.LLM or not asked or not answered:
            raise SceneError(f"a span of type {span.span_type} without input or output")
        tokens = f"{span.input_tokens}+{span.output_tokens}"
        play.narrator.say(f"[{span.span_type}] {span.received.name}  in: {asked!r}  out: {answered!r}  tokens: {tokens}")
    play.narrator.done(f"one session, {len(_TURNS)} LLM spans, with input, output and tokens")
    dropped = sorted({drop.span.name for drop in sink.dropped})
    if not dropped or any(not name.startswith("kong") for name in dropped):
        raise SceneError(f"expected Kong's infrastructure spans to be dropped, and nothing else: {dropped}")
    play.narrator.done(f"infrastructure spans dropped: {', '.join(dropped)}")


async def failover(play: Play) -> None:
    """Put two providers behind one path, and take the first one down."""
    play.narrator.scene("Two providers behind one path, each with a key of its own, and the first one fails")
    data = {"api-key": play.stage.provider.key_of("anthropic")}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "anthropic"}, "stringData": data}
    output = await play.kubectl("--namespace", _NAMESPACE, "apply", "--filename=-", stdin=json.dumps(secret))
    play.narrator.command(f"kubectl --namespace {_NAMESPACE} create secret generic anthropic --from-literal=api-key=…", output)
    output = await play.kubectl("--namespace", _NAMESPACE, "apply", "--filename=-", stdin=await _sample(play, "targets.yaml"))
    play.narrator.command(f"kubectl --namespace {_NAMESPACE} apply --filename targets.yaml", output)
    await play.show("--namespace", _NAMESPACE, "wait", "--for=condition=Ready", "fkb/targets", "--timeout=90s")
    await play.until("the plugins of the second route at the gateway", lambda: _pushed(play, "pre-function", 2))
    session = str(uuid.uuid4())
    await _ask(play, session)
    play.stage.provider.down.add("openai")
    play.narrator.say("OpenAI is down now: the stand-in answers 503.")
    await _ask(play, session)
    play.stage.provider.down.clear()
    await _until_traced(play, session, ["openai gpt-4o-mini", "anthropic claude-sonnet-4-5"])


async def _ask(play: Play, session: str) -> None:
    """Ask a question by the path of two models, and show which providers it was sent to."""
    provider = play.stage.provider
    before = len(provider.seen)
    async with AsyncOpenAI(base_url=f"{play.stage.gateway.proxy_url}/chat", api_key="kong-managed", max_retries=0) as client:
        answer = await client.post(
            "/chat/completions",
            cast_to=ChatCompletion,
            body={"messages": [{"role": "user", "content": _TURNS[0]}]},
            options={"headers": {"X-Fiddler-Conversation-Id": session}},
        )
    play.narrator.say(f"{_TURNS[0]}\n     → {answer.choices[0].message.content}")
    for seen in provider.seen[before:]:
        places = [name for name, value in seen.headers.items() if value == "match"]
        play.narrator.say(f"  {seen.method} https://{seen.headers['host']}{seen.path}  key in: {', '.join(places) or 'no place'}")


async def _until_traced(play: Play, session: str, wanted: list[str]) -> None:
    """Wait for the spans of a session, which name these providers and models in this order."""

    def found() -> list[MappedSpan]:
        return [span for span in play.stage.sink.spans() if span.session_id == session]

    await play.stage.sink.until(lambda _: len(found()) >= len(wanted), timeout=30)
    spans = [(f"{span.text('gen_ai.provider.name')} {span.text('gen_ai.request.model')}", span) for span in found()]
    for model, span in spans:
        play.narrator.say(f"[{span.span_type}] {span.received.name}  model: {model}  tokens: {span.input_tokens}+{span.output_tokens}")
    if [model for model, _ in spans] != wanted:
        raise SceneError(f"expected spans of {wanted}, got {[model for model, _ in spans]}")
    play.narrator.done("each span names the provider and the model that answered")


async def wrong_key(play: Play) -> None:
    """Put a wrong key into the Secret, let the doctor name the cause, put the right key back: from red to green."""
    play.narrator.scene("A wrong key in the Secret: the doctor names cause and fix")
    await _put_key(play, "fdl_wrong.000000000000")
    await _until_ready(play, "False", "Unauthorized")
    await play.show("--namespace", _NAMESPACE, "get", "fkb")
    await _doctor(play, _RED, "assistant")
    await _put_key(play, play.stage.keys.fiddler)
    await _until_ready(play, "True", "Ready")
    await _doctor(play, _GREEN)
    play.narrator.done("with the right key the binding is Ready again, and the doctor finds nothing")


async def _doctor(play: Play, expected: int, *arguments: str) -> None:
    """Run the doctor as a person would, and show what it says; SceneError where its exit code is another one."""
    command = ("doctor", "--namespace", _NAMESPACE, *arguments)
    program = (sys.executable, "-m", "fiddler_kong_operator", *command)
    local = {"FIDDLER_KONG_PROBE_ALLOW_HTTP": "true", "FIDDLER_KONG_PROBE_ALLOWED_ADDRESSES": "127.0.0.0/8"}
    environment = {**os.environ, **local, "KUBECONFIG": str(play.stage.cluster.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        *program, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    play.narrator.command(f"fiddler-kong {' '.join(command)}", output.decode())
    if process.returncode != expected:
        raise SceneError(f"the doctor ended with {process.returncode}, not {expected}")


async def _put_key(play: Play, key: str) -> None:
    patch = json.dumps({"stringData": {"api-key": key}})
    await play.kubectl("--namespace", _NAMESPACE, "patch", "secret", "fiddler", "--patch", patch)
    shown = "…" if key == play.stage.keys.fiddler else key
    play.narrator.command(f'kubectl --namespace {_NAMESPACE} patch secret fiddler --patch \'{{"stringData":{{"api-key":"{shown}"}}}}\'', "")


async def clean_up(play: Play) -> None:
    """Delete the bindings and see that nothing of them is left."""
    play.narrator.scene("kubectl delete: the operator removes everything it made")
    await play.show("--namespace", _NAMESPACE, "delete", "fkb", "--all")
    await play.until("the deletion of the owned objects", lambda: _nothing_left(play))
    play.narrator.done("no Secret, KongPlugin, Service or Ingress of the operator is left")
    await play.until("the removal of the three settings", lambda: _settings_gone(play))
    play.narrator.done("the three settings are gone from the gateway's Deployment")
    await play.until("an empty configuration at the gateway", lambda: _unrouted(play))
    play.narrator.done("Kong Ingress Controller has removed the routes from the gateway")


async def _nothing_left(play: Play) -> bool:
    selector = "--selector=integrations.fiddler.ai/binding"
    left = await play.kubectl("--namespace", _NAMESPACE, "get", "secrets,kongplugins,services,ingresses", selector, "--output=name")
    return not left.strip()


async def _settings_gone(play: Play) -> bool:
    deployment = await play.get(_DEPLOYMENT) or {}
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return not any(entry["name"] in _SETTINGS for entry in env)


async def _unrouted(play: Play) -> bool:
    return not (play.stage.gateway.config or {}).get("services")


SCENES: Final = (apply_binding, converse, traces, failover, wrong_key, clean_up)
"""Every scene in its order."""
