"""One test for each row of the two tables of the integration page."""

from __future__ import annotations

import pytest

from fiddler_kong_sink.mapping import SpanType, is_infrastructure, map_span
from tests.sink.exports import APPLICATION, INFRASTRUCTURE, RESOURCE, TRACE, llm_attributes, messages, received


@pytest.mark.parametrize("name", ["chat gpt-4o-mini", "text_completion gpt-3.5-turbo-instruct", "generate_content gemini-2.0-flash"])
def test_span_of_an_llm_operation_is_llm(name: str) -> None:
    span = received(name, {})

    assert not is_infrastructure(span)
    assert map_span(span, APPLICATION).span_type is SpanType.LLM


def test_operation_attribute_makes_a_span_llm() -> None:
    assert map_span(received("gpt-4o-mini", {"gen_ai.operation.name": "chat"}), APPLICATION).span_type is SpanType.LLM


@pytest.mark.parametrize("name", [*INFRASTRUCTURE, "kong.anything", "kongfu"])
def test_name_that_starts_with_kong_is_infrastructure(name: str) -> None:
    assert is_infrastructure(received(name))


def test_llm_span_is_parented_to_the_trace_root() -> None:
    mapped = map_span(received(parent_span_id="53995c3f42cd8ad8"), APPLICATION)

    assert (mapped.parent_span_id, mapped.received.parent_span_id) == ("", "53995c3f42cd8ad8")


def test_kong_span_of_another_name_is_unknown() -> None:
    assert map_span(received("embeddings text-embedding-3-small", {}), APPLICATION).span_type is SpanType.UNKNOWN


@pytest.mark.parametrize("service", ["Kong", "kong ", "my-kong", "", None])
def test_other_service_name_is_unknown_and_unmapped(service: str | None) -> None:
    span = received(resource={**RESOURCE, "service.name": service})
    mapped = map_span(span, APPLICATION)

    assert mapped.span_type is SpanType.UNKNOWN
    assert mapped.attributes == llm_attributes()
    assert mapped.parent_span_id == span.parent_span_id


def test_infrastructure_names_of_other_services_are_kept() -> None:
    assert not is_infrastructure(received("kong", resource={**RESOURCE, "service.name": "other"}))


@pytest.mark.parametrize("name", ["gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"])
def test_attribute_passes_unchanged(name: str) -> None:
    assert map_span(received(), APPLICATION).attributes[name] == llm_attributes()[name]


@pytest.mark.parametrize(("name", "tokens"), [("gen_ai.usage.input_tokens", 14), ("gen_ai.usage.output_tokens", 7)])
def test_token_count_moves_to_the_system_attributes(name: str, tokens: int) -> None:
    attributes = map_span(received(), APPLICATION).attributes

    assert attributes[f"fiddler.span.system.{name}"] == tokens
    assert name not in attributes


def test_total_tokens_are_computed_when_absent() -> None:
    assert map_span(received(), APPLICATION).attributes["gen_ai.usage.total_tokens"] == 21


def test_total_tokens_are_kept_when_present() -> None:
    mapped = map_span(received(attributes={**llm_attributes(), "gen_ai.usage.total_tokens": 99}), APPLICATION)

    assert (mapped.attributes["gen_ai.usage.total_tokens"], mapped.total_tokens) == (99, 99)


def test_total_tokens_are_not_invented() -> None:
    mapped = map_span(received(attributes={"gen_ai.usage.input_tokens": 14}), APPLICATION)

    assert "gen_ai.usage.total_tokens" not in mapped.attributes
    assert mapped.input_tokens == 14


@pytest.mark.parametrize(("sent", "counted"), [("14", 14), (14.0, 14), (14.5, 0), ("many", 0), (True, 0), (None, 0)])
def test_token_count_of_another_type_is_read_where_it_is_a_number(sent: object, counted: int) -> None:
    assert map_span(received(attributes={"gen_ai.usage.input_tokens": sent}), APPLICATION).input_tokens == counted


@pytest.mark.parametrize(("sent", "kept"), [({}, "<UNKNOWN_AGENT>"), ({"gen_ai.agent.name": "triage"}, "triage")])
def test_agent_name_has_a_default(sent: dict[str, str], kept: str) -> None:
    assert map_span(received(attributes=sent), APPLICATION).attributes["gen_ai.agent.name"] == kept


@pytest.mark.parametrize(("sent", "kept"), [({}, TRACE), ({"gen_ai.conversation.id": "conv-1"}, "conv-1")])
def test_conversation_id_defaults_to_the_trace_id(sent: dict[str, str], kept: str) -> None:
    mapped = map_span(received(attributes=sent), APPLICATION)

    assert (mapped.attributes["gen_ai.conversation.id"], mapped.session_id) == (kept, kept)
    assert mapped.groups_by_trace is (kept == TRACE)


def test_input_messages_become_first_system_and_last_user_message() -> None:
    text = messages(("system", "s1"), ("user", "u1"), ("assistant", "a1"), ("system", "s2"), ("user", "u2"))
    attributes = map_span(received(attributes={"gen_ai.input.messages": text}), APPLICATION).attributes

    assert (attributes["gen_ai.llm.input.system"], attributes["gen_ai.llm.input.user"]) == ("s1", "u2")
    assert "gen_ai.input.messages" not in attributes


def test_output_messages_become_the_assistant_message() -> None:
    attributes = map_span(received(attributes={"gen_ai.output.messages": messages(("assistant", "Paris."))}), APPLICATION).attributes

    assert attributes["gen_ai.llm.output"] == "Paris."
    assert "gen_ai.output.messages" not in attributes


def test_without_payloads_there_is_no_text() -> None:
    attributes = map_span(received(attributes={"gen_ai.usage.input_tokens": 14}), APPLICATION).attributes

    assert not {"gen_ai.llm.input.system", "gen_ai.llm.input.user", "gen_ai.llm.output"} & attributes.keys()


def test_mapping_leaves_the_received_span_alone() -> None:
    span = received()
    map_span(span, APPLICATION)

    assert span.attributes == llm_attributes()
