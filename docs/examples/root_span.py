"""Sessions without any Lua in Kong: the application opens a span for each conversation, and Kong's spans join its trace.

For a binding with `sessions.mode: Disabled`, such as manifests/samples/root-span.yaml. Run it with:

    pip install openai opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
    KONG_URL=.../root-span FIDDLER_URL=... FIDDLER_APP_ID=... FIDDLER_API_KEY=... python root_span.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer, format_trace_id


def start_tracing() -> TracerProvider:
    """A provider that sends the application's own spans to Fiddler, with the same two ids as Kong sends."""
    application = os.environ["FIDDLER_APP_ID"]
    provider = TracerProvider(resource=Resource.create({"service.name": "support-bot", "application.id": application}))
    headers = {"Authorization": f"Bearer {os.environ['FIDDLER_API_KEY']}", "fiddler-application-id": application}
    exporter = OTLPSpanExporter(endpoint=f"{os.environ['FIDDLER_URL']}/v1/traces", headers=headers)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def converse(tracer: Tracer, client: OpenAI, questions: Sequence[str]) -> Iterator[str]:
    """One conversation: one root span, and below it the spans of every call through Kong."""
    messages: list[ChatCompletionMessageParam] = []
    with tracer.start_as_current_span("conversation") as root:
        # Fiddler takes the trace id for the conversation id of Kong's spans. Give it to the root span too: all of them are one session.
        root.set_attribute("gen_ai.conversation.id", format_trace_id(root.get_span_context().trace_id))
        root.set_attribute("gen_ai.agent.name", "support-bot")
        root.set_attribute("fiddler.span.type", "chain")
        for question in questions:
            messages.append({"role": "user", "content": question})
            headers: dict[str, str] = {}
            inject(headers)  # traceparent: the trace and the span that Kong's spans belong to
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages, extra_headers=headers)
            text = answer.choices[0].message.content or ""
            messages.append({"role": "assistant", "content": text})
            yield text


def main() -> None:
    """Ask two questions in one conversation."""
    provider = start_tracing()
    client = OpenAI(base_url=f"{os.getenv('KONG_URL', 'http://localhost:8000')}/openai", api_key="kong-managed")
    for answer in converse(provider.get_tracer("support-bot"), client, ["What is the capital of France?", "And of Italy?"]):
        print(answer)
    provider.shutdown()  # sends what is left


if __name__ == "__main__":
    main()
