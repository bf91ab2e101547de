"""The pictures of the documentation: docs/pictures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from codegen.drawing import Arrow, Box, Message, draw_boxes, draw_sequence

__all__ = ["build_pictures"]


def build_pictures() -> dict[str, str]:
    """Content of each picture, by path."""
    pictures = {
        "attach.svg": _attach(),
        "data-path.svg": _data_path(),
        "event.svg": _event(),
        "icon.svg": (Path(__file__).parent / "icon.svg").read_text(),
        "pass.svg": _pass(),
        "sequence.svg": _sequence(),
        "states.svg": _states(),
    }
    return {f"docs/pictures/{name}": text for name, text in pictures.items()}


def _data_path() -> str:
    boxes = {
        "app": Box((110, 60), ("Your application", "openai client"), size=(160, 60)),
        "kong": Box((390, 60), ("Kong AI Gateway", "ai-proxy, opentelemetry", "pre-function"), "kong", (210, 78)),
        "llm": Box((670, 60), ("LLM provider", "OpenAI, Anthropic, …"), size=(170, 60)),
        "fiddler": Box((670, 200), ("Fiddler", "sessions, text, tokens"), "fiddler", (170, 60)),
        "kic": Box((390, 200), ("Kong Ingress Controller",), "kong", (210, 46)),
        "binding": Box((110, 320), ("FiddlerKongBinding", "the resource you write"), "ours", (180, 60)),
        "operator": Box((390, 320), ("fiddler-kong-operator",), "ours", (210, 60)),
    }
    arrows = (
        Arrow("app", "kong", "/openai"),
        Arrow("kong", "llm", "call with key"),
        Arrow("kong", "fiddler", "traces (OTLP)"),
        Arrow("kic", "kong", "routes,\nplugins"),
        Arrow("binding", "operator", "watch", by=((240, 336),)),
        Arrow("operator", "kic", "KongPlugins, Service,\nIngress, Secret"),
        Arrow("operator", "kong", "3 tracing\nsettings", by=((212, 302), (212, 82))),
        Arrow("operator", "fiddler", "probe", by=((670, 320),), dashed=True),
    )
    title = "Calls go from the application through Kong to the provider, and traces go from Kong to Fiddler"
    return draw_boxes(title, (780, 374), boxes, arrows)


def _sequence() -> str:
    you, api, operator, kic, gateway, fiddler = lanes = ("You", "API server", "Operator", "Controller", "Gateway", "Fiddler")
    rows = (
        "1. Create",
        Message(you, api, "create the binding"),
        Message(api, operator, "event"),
        Message(operator, api, "Secret, plugins"),
        Message(operator, api, "Service, Ingress"),
        Message(api, kic, "events"),
        Message(kic, gateway, "route, plugins"),
        Message(operator, fiddler, "probe: empty export with the key"),
        "2. Roll out",
        Message(operator, api, "3 tracing settings"),
        Message(api, gateway, "new pods, one after the other"),
        Message(operator, api, "GatewayRollingOut"),
        Message(gateway, api, "rollout complete"),
        "3. Attach",
        Message(operator, api, "attach pre-function"),
        Message(kic, gateway, "pre-function"),
        Message(operator, api, "status: Ready"),
    )
    return draw_sequence("Create, roll out, attach: the steps from a new binding to Ready", lanes, rows)


def _states() -> str:
    boxes = {
        "new": Box((80, 125), ("created",), size=(100, 44)),
        "reconciling": Box((320, 125), ("Reconciling", "the operator works,", "or waits for an object"), size=(200, 160)),
        "ready": Box((720, 60), ("Ready", "every condition is True"), "ours", (200, 70)),
        "stalled": Box((720, 195), ("Stalled", "a person must act"), "fiddler", (200, 70)),
    }
    arrows = (
        Arrow("new", "reconciling"),
        Arrow("reconciling", "ready", "every condition holds", by=((500, 48),)),
        Arrow("ready", "reconciling", "change of the spec, fault", by=((500, 80),)),
        Arrow("reconciling", "stalled", "a person must act", by=((500, 172),)),
        Arrow("stalled", "reconciling", "the cause is gone", by=((500, 202),)),
        Arrow("ready", "stalled", "clash", by=((680, 125),)),
        Arrow("stalled", "ready", "cause gone", by=((740, 125),)),
    )
    return draw_boxes("A binding is Reconciling, Ready or Stalled", (860, 255), boxes, arrows)


def _attach() -> str:
    boxes = {
        "yours": Box((150, 125), ("yours: the object in attachTo",), "group", (244, 190)),
        "object": Box((150, 130), ("Service, Ingress", "or HTTPRoute"), size=(206, 80)),
        "plugins": Box((590, 125), ("the binding's KongPlugins",), "group", (320, 190)),
        "otel": Box((590, 80), ("opentelemetry", "exports the spans"), "ours", (290, 46)),
        "pre": Box((590, 132), ("pre-function", "sets session and attributes"), "ours", (290, 46)),
        "proxy": Box((590, 184), ("ai-proxy", "only with llm in the route"), "ours", (290, 46)),
    }
    arrows = (Arrow("object", "plugins", "konghq.com/plugins", by=((350, 130),)),)
    return draw_boxes("The annotation of your object names the plugins of the binding", (770, 250), boxes, arrows)


def _pass() -> str:
    steps = {"gather": "one Snapshot", "decide": "pure", "apply": "what differs", "probe": "last result", "status": "if it differs"}
    boxes = {
        "event": Box((75, 50), ("kopf event",), size=(110, 44)),
        "queue": Box((75, 160), ("queue",), size=(110, 44)),
        "pass": Box((500, 152), ("one pass of a worker",), "group", (690, 112)),
        **{name: Box((225 + 138 * index, 160), (name, text), "ours", (116, 54)) for index, (name, text) in enumerate(steps.items())},
        "api": Box((501, 50), ("API server",), size=(130, 44)),
    }
    names = ["queue", *steps]
    arrows = (
        Arrow("event", "queue"),
        *(Arrow(start, end) for start, end in pairwise(names)),
        Arrow("apply", "api"),
        Arrow("status", "api", by=((777, 50),)),
        Arrow("api", "event", "watch", by=((300, 50),), dashed=True),
        Arrow("status", "queue", "requeue later", by=((777, 235), (75, 235)), dashed=True),
    )
    return draw_boxes("One pass: gather, decide, apply, probe, status", (870, 262), boxes, arrows)


def _event() -> str:
    boxes = {
        "kopf": Box((80, 60), ("kopf",), size=(130, 44)),
        "informer": Box((80, 150), ("kube/informer",), size=(130, 44)),
        "handlers": Box((240, 60), ("runtime", "handlers"), size=(110, 52)),
        "operator": Box((390, 60), ("runtime", "operator"), size=(110, 52)),
        "feed": Box((540, 60), ("observe", "feed"), "ours", (110, 52)),
        "queue": Box((710, 60), ("kube", "queue"), "ours", (110, 52)),
        "cache": Box((540, 150), ("observe", "cache"), size=(110, 52)),
        "row": Box((710, 150), ("observe/kinds", "bindings"), size=(130, 52)),
        "records": Box((870, 150), ("observe", "records"), size=(110, 52)),
    }
    pairs = ("kopf handlers", "handlers operator", "operator feed", "feed queue", "feed cache", "cache row", "row records")
    arrows = (*(Arrow(start, end) for start, end in map(str.split, pairs)), Arrow("informer", "feed", by=((465, 150), (465, 74))))
    return draw_boxes("The modules between an event and the queue", (950, 200), boxes, arrows)
