from __future__ import annotations

from typing import Any

import pytest

from fiddler_kong_sink.admission import EXPLANATIONS, DropReason, admit
from fiddler_kong_sink.settings import Application, SinkSettings, canonical_application_id
from tests.sink.exports import APPLICATION, OTHER_APPLICATION, RESOURCE, received

ONE = SinkSettings(applications=(Application.model_validate({"id": APPLICATION}),))
UNKNOWN = "11111111-2222-4333-8444-555555555555"


def without_attribute() -> dict[str, Any]:
    return {"resource": {"service.name": "kong"}}


@pytest.mark.parametrize(
    ("header", "changes", "reason"),
    [
        (None, {}, DropReason.HEADER_MISSING),
        ("", {}, DropReason.HEADER_MISSING),
        (UNKNOWN, {}, DropReason.HEADER_UNKNOWN),
        ("no uuid", {}, DropReason.HEADER_UNKNOWN),
        (APPLICATION.replace("-", ""), {}, DropReason.HEADER_UNKNOWN),
        (APPLICATION, without_attribute(), DropReason.ATTRIBUTE_MISSING),
        (APPLICATION, {"resource": {**RESOURCE, "application.id": UNKNOWN}}, DropReason.ATTRIBUTE_UNKNOWN),
        (APPLICATION, {"size": 10_000_001}, DropReason.TOO_LARGE),
        (APPLICATION, {"trace_id": "0" * 32}, DropReason.INVALID_IDS),
        (APPLICATION, {"trace_id": "ab"}, DropReason.INVALID_IDS),
        (APPLICATION, {"span_id": "0" * 16}, DropReason.INVALID_IDS),
        (APPLICATION, {"name": "kong.balancer"}, DropReason.INFRASTRUCTURE),
    ],
)
def test_span_is_dropped_with_its_reason(header: str | None, changes: dict[str, Any], reason: DropReason) -> None:
    span = received(**changes)
    admitted = admit([span], header, ONE)

    assert admitted.kept == ()
    assert admitted.dropped == ((reason, span),)


def test_two_known_applications_in_one_request_are_refused() -> None:
    both = SinkSettings(applications=tuple(Application.model_validate({"id": one}) for one in (APPLICATION, OTHER_APPLICATION)))

    assert admit([received()], OTHER_APPLICATION, both).dropped[0][0] is DropReason.IDS_DIFFER


@pytest.mark.parametrize("changes", [{}, {"size": 10_000_000}, {"resource": {**RESOURCE, "application.id": APPLICATION.upper()}}])
def test_span_is_kept(changes: dict[str, Any]) -> None:
    admitted = admit([received(**changes)], APPLICATION.upper(), ONE)

    assert [span.application_id for span in admitted.kept] == [APPLICATION]
    assert admitted.dropped == ()


def test_every_uuid_is_an_application_while_none_is_configured() -> None:
    spans = [received(resource={**RESOURCE, "application.id": UNKNOWN})]

    assert len(admit(spans, UNKNOWN, SinkSettings()).kept) == 1
    assert admit(spans, "no uuid", SinkSettings()).kept == ()


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(DropReason)


@pytest.mark.parametrize("text", ["{" + APPLICATION + "}", "urn:uuid:" + APPLICATION, APPLICATION + "\n", "x"])
def test_only_the_usual_form_is_an_application_id(text: str) -> None:
    assert canonical_application_id(text) is None


def test_an_application_can_be_given_once_only() -> None:
    application = Application.model_validate({"id": APPLICATION})

    with pytest.raises(ValueError, match="give each id once"):
        SinkSettings(applications=(application, application))
