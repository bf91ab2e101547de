from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fiddler_kong_operator.settings import ArrivalsSettings, ProbeSettings, SecretsSettings, Settings


def test_everything_is_closed_unless_the_administrator_opens_it() -> None:
    assert (ProbeSettings().allow_http, ProbeSettings().allowed_addresses, ProbeSettings().ca_file) == (False, (), None)


def test_by_default_the_whole_cluster_is_watched_without_election() -> None:
    assert (Settings().namespaces, Settings().lease_namespace) == ((), None)


def test_the_drain_ends_before_kopf_and_the_pod_do() -> None:
    assert Settings().drain_timeout < 25


@pytest.mark.parametrize(
    "values",
    [
        {"workers": 0}, {"workers": 65}, {"lease_duration": 1.9}, {"health_port": -1}, {"health_port": 65536}, {"metrics_port": -1},
        {"metrics_port": 65536}, {"log_format": "xml"}, {"log_level": "trace"}, {"resync_interval": 0.5},
        {"drain_timeout": -1}, {"probe": {"timeout": 0}}, {"probe": {"timeout": 61}},
        {"probe": {"interval": 0}}, {"probe": {"retry_interval": 0}}, {"probe": {"concurrency": 0}}, {"probe": {"concurrency": 65}},
        {"secrets": {"access": "list"}}, {"secrets": {"interval": 0.5}}, {"secrets": {"interval": 301}},
        {"arrivals": {"interval": -1}}, {"arrivals": {"interval": 0.5}},
        {"arrivals": {"concurrency": 0}}, {"arrivals": {"concurrency": 65}},
    ],
    ids=str,
)  # fmt: skip
def test_values_out_of_bounds_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(values)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3/8", "10.0.0.0/8"), ("127.0.0.1", "127.0.0.1/32"), ("FD00::1/8", "fd00::/8")],
)
def test_an_address_is_taken_as_the_network_it_means(written: str, meant: str) -> None:
    assert ProbeSettings(allowed_addresses=(written,)).allowed_addresses == (meant,)


@pytest.mark.parametrize("text", ["everything", "10.0.0.0/33", "", "10.0.0.0/8,fd00::/8", "sink.fiddler.svc"])
def test_what_is_no_network_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r"must be a network such as 10\.0\.0\.0/8 or fd00::/8"):
        ProbeSettings(allowed_addresses=(text,))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().workers = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        ProbeSettings().allow_http = True  # type: ignore[misc]


@pytest.mark.parametrize("model", [Settings, ProbeSettings, ArrivalsSettings, SecretsSettings])
def test_every_setting_is_described(model: type[Settings | ProbeSettings | ArrivalsSettings | SecretsSettings]) -> None:
    assert [
        name for name, info in model.model_fields.items() if name not in {"probe", "arrivals", "secrets"} and not info.description
    ] == []
