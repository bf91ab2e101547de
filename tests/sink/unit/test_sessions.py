from __future__ import annotations

from typing import Any

from fiddler_kong_sink.mapping import MappedSpan, map_span
from fiddler_kong_sink.sessions import SessionStore
from tests.sink.exports import APPLICATION, OTHER_APPLICATION, START, llm_attributes, messages, received


def mapped(number: int, conversation: str = "c1", application: str = APPLICATION, **attributes: Any) -> MappedSpan:
    start = START + number * 10**9
    values = llm_attributes(f"prompt {number}", f"answer {number}", **{"gen_ai.conversation.id": conversation}, **attributes)
    return map_span(
        received(attributes=values, trace_id=f"{number:032x}", span_id=f"{number:016x}", start_ns=start, end_ns=start + 1), application
    )


def store_of(*spans: MappedSpan, limit: int = 100) -> SessionStore:
    store = SessionStore(limit)
    for span in spans:
        store.add(span)
    return store


def test_spans_of_one_conversation_are_one_session_in_order() -> None:
    [session] = store_of(mapped(3), mapped(1), mapped(2)).sessions()

    assert session.session_id == "c1"
    assert [span.received.start_ns for span in session.spans] == [START + n * 10**9 for n in (1, 2, 3)]
    assert (session.input, session.output) == ("prompt 1", "answer 3")


def test_tokens_are_summed() -> None:
    [session] = store_of(mapped(1), mapped(2)).sessions()

    assert (session.input_tokens, session.output_tokens, session.total_tokens) == (28, 14, 42)


def test_models_and_providers_are_listed_once() -> None:
    other = {"gen_ai.response.model": "", "gen_ai.provider.name": "anthropic"}
    [session] = store_of(mapped(1), mapped(2), mapped(3, **other)).sessions()

    assert session.models == ("gpt-4o-mini-2024-07-18", "gpt-4o-mini")
    assert session.providers == ("openai", "anthropic")


def test_newest_session_is_first() -> None:
    assert [session.session_id for session in store_of(mapped(1, "old"), mapped(2, "new")).sessions()] == ["new", "old"]


def test_applications_do_not_share_sessions() -> None:
    store = store_of(mapped(1), mapped(2, application=OTHER_APPLICATION))

    assert {session.application_id for session in store.sessions()} == {APPLICATION, OTHER_APPLICATION}


def test_span_that_is_sent_again_counts_once() -> None:
    store = SessionStore(100)

    assert [store.add(mapped(1)), store.add(mapped(1)), len(store)] == [True, False, 1]


def test_span_that_is_sent_again_may_move_to_another_session() -> None:
    assert [session.session_id for session in store_of(mapped(1, "c1"), mapped(1, "c2")).sessions()] == ["c2"]


def test_oldest_arrivals_leave_first() -> None:
    store = store_of(*(mapped(number, f"c{number}") for number in range(5)), limit=3)

    assert {session.session_id for session in store.sessions()} == {"c2", "c3", "c4"}
    assert len(store) == 3


def test_one_session_is_found_by_application_and_id() -> None:
    store = store_of(mapped(1))

    assert store.session(APPLICATION, "c1") == store.sessions()[0]
    assert store.session(OTHER_APPLICATION, "c1") is None


def test_nothing_is_left_after_clear() -> None:
    store = store_of(mapped(1))
    store.clear()

    assert (store.sessions(), store.spans(), len(store)) == ((), (), 0)


def test_text_of_a_session_skips_calls_without_text() -> None:
    [session] = store_of(mapped(1, **{"gen_ai.input.messages": messages()}), mapped(2)).sessions()

    assert session.input == "prompt 2"
