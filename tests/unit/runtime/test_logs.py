from __future__ import annotations

import io
import json
import logging
from typing import Literal

import pytest

from fiddler_kong_operator.runtime.logs import configure_logging

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_json_line_has_fixed_fields_and_the_extras(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    logging.getLogger("fiddler_kong_operator.x").info("applied %d objects", 5, extra={"binding": "ai/assistant", "workload": ("kong", 1)})
    line = json.loads(stream.getvalue())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "fiddler_kong_operator.x",
        "message": "applied 5 objects",
        "binding": "ai/assistant",
        "workload": ["kong", 1],
    }


def test_a_json_line_stays_one_line_with_a_traceback(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    try:
        int("missing")
    except ValueError:
        logging.getLogger("x").exception("a\nb", extra={"odd": object})
    assert stream.getvalue().count("\n") == 1
    line = json.loads(stream.getvalue())
    assert line["message"] == "a\nb"
    assert "ValueError: invalid literal" in line["exception"]


def test_a_line_of_kopf_does_not_carry_its_settings(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream)
    logging.getLogger("kopf.activities").error("failed", extra={"settings": object(), "k8s_skip": True, "k8s_ref": {"name": "assistant"}})
    line = json.loads(stream.getvalue())
    assert line.keys() == {"ts", "level", "logger", "message", "k8s_ref"}


def test_a_text_line_is_for_people(stream: io.StringIO) -> None:
    configure_logging("text", "info", stream)
    logging.getLogger("x").warning("first\nsecond", extra={"binding": "ai/assistant"})
    assert stream.getvalue().endswith("WARNING x: first\\nsecond binding=ai/assistant\n")
    assert stream.getvalue().count("\n") == 1


def test_a_text_line_is_followed_by_its_traceback(stream: io.StringIO) -> None:
    configure_logging("text", "info", stream)
    try:
        int("missing")
    except ValueError:
        logging.getLogger("x").exception("broken")
    assert "ERROR   x: broken\n  Traceback" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_foreign_text_makes_neither_lines_nor_colours(stream: io.StringIO, log_format: Literal["text", "json"]) -> None:
    configure_logging(log_format, "info", stream)
    foreign = "x\n2026-01-01T00:00:00Z ERROR forged: \x1b[31m\x9b1m\u2028\u202e\x00\x7f"
    logging.getLogger("x").error("%s", foreign, extra={"object": foreign}, exc_info=ValueError(foreign))

    shown = stream.getvalue()
    assert [line for line in shown.splitlines() if "forged" in line and line.startswith("2026-01-01T00:00:00Z")] == []
    assert shown.replace("\n", "").isprintable()


def test_the_level_and_the_last_configuration_count(stream: io.StringIO) -> None:
    configure_logging("text", "debug", io.StringIO())
    configure_logging("json", "error", stream)
    logging.getLogger("x").warning("unseen")
    logging.getLogger("x").error("seen")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["seen"]
