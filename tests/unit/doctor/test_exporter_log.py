from __future__ import annotations

import pytest

from fiddler_kong_operator.doctor.exporter_log import read_log
from tests.unit.doctor.cases import POD

LINE = "2026/01/01 00:00:00 [warn] 1#0: *1 [kong] queue.lua:422 [opentelemetry] handler could not process entries: "
LOST = "2026/01/01 00:01:00 [error] 1#0: *1 [kong] queue.lua:398 [opentelemetry] could not send entries, giving up after 9 retries.  "


@pytest.mark.parametrize(
    ("line", "name", "status"),
    [
        (f"{LINE}response error: 401, body: {{}}", "ExportUnauthorized", "401"),
        (f"{LINE}response error: 403, body: no", "ExportUnauthorized", "403"),
        (f"{LINE}response error: 404, body: page not found", "ExportRefused", "404"),
        (f"{LINE}response error: 202, body:", "ExportNotTaken", "202"),
        (f"{LINE}response error: 302, body: <html>", "ExportNotTaken", "302"),
        (f"{LINE}response error: 429, body:", "ExportFailing", "429"),
        (f"{LINE}response error: 503, body:", "ExportFailing", "503"),
        (f"{LINE}failed to send request: connection refused", "ExportUnreachable", None),
        (f"{LOST}40 queue entries were lost", "SpansDropped", None),
        ("[warn] [opentelemetry] queue full, dropping 3 entries", "SpansDropped", None),
    ],
)
def test_each_trouble_of_the_exporter_is_found(line: str, name: str, status: str | None) -> None:
    found = read_log(POD, f"an ordinary line\n{line}\n")

    assert (found.troubles, found.statuses) == ({name: 1}, {name: status} if status else {})


def test_troubles_of_other_plugins_and_successes_are_no_trouble() -> None:
    lines = [
        "[http-log] handler could not process entries: response error: 401",
        "[opentelemetry] handler processed 5 entries successfully",
    ]

    assert read_log(POD, "\n".join(lines)).troubles == {}


def test_nothing_of_a_line_is_kept_but_the_status() -> None:
    found = read_log(POD, f"{LINE}response error: 401, body: Bearer canary-key is not valid\n" * 3)

    assert found.troubles == {"ExportUnauthorized": 3}
    assert "canary" not in repr(found)
