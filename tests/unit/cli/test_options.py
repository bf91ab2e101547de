from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from fiddler_kong_operator.cli.options import read_settings, settings_options
from fiddler_kong_operator.settings import ProbeSettings, Settings


def invoke(*args: str, env: Mapping[str, str] | None = None) -> tuple[Result, list[Settings]]:
    found: list[Settings] = []

    @click.command()
    @settings_options
    def command(**values: Any) -> None:
        found.append(read_settings(values))

    return CliRunner().invoke(command, args, env=dict(env or {}), terminal_width=200), found


def settings(*args: str, env: Mapping[str, str] | None = None) -> Settings:
    result, found = invoke(*args, env=env)
    assert result.exit_code == 0, result.stderr
    return found[0]


@pytest.mark.parametrize("text", ["a,b,c", "a b c", " a, b ,c ", "a,,b  c"])
def test_a_list_takes_commas_and_blanks(text: str) -> None:
    assert settings("--namespaces", text).namespaces == ("a", "b", "c")


def test_a_list_may_be_given_in_several_flags_or_be_empty() -> None:
    assert settings("--namespaces", "a", "--namespaces", "b c").namespaces == ("a", "b", "c")
    assert settings("--namespaces", "").namespaces == ()


def test_a_switch_can_be_put_on_and_off() -> None:
    assert settings("--probe-allow-http").probe.allow_http
    assert not settings("--no-probe-allow-http", env={"FIDDLER_KONG_PROBE_ALLOW_HTTP": "true"}).probe.allow_http


def test_settings_inside_of_settings_have_the_path_as_their_name() -> None:
    found = settings("--probe-interval", "60", env={"FIDDLER_KONG_PROBE_CONCURRENCY": "3"})

    assert found.probe == ProbeSettings(interval=60, concurrency=3)


def test_an_environment_variable_that_is_empty_counts_as_not_given() -> None:
    assert settings(env={"FIDDLER_KONG_WORKERS": "", "FIDDLER_KONG_LEASE_NAMESPACE": ""}) == Settings()


def test_the_help_shows_defaults_and_choices_and_no_markup() -> None:
    text = " ".join(invoke("--help")[0].stdout.split())

    assert "[env var: FIDDLER_KONG_WORKERS; default: 16]" in text
    assert "--log-level [debug|info|warning|error]" in text
    assert "--probe-allow-http / --no-probe-allow-http" in text
    assert "--namespaces LIST" in text
    assert "`" not in text


def test_options_stand_in_the_order_of_the_settings() -> None:
    text = invoke("--help")[0].stdout
    flags = ["--namespaces", "--workers", "--lease-namespace", "--drain-timeout", "--probe-allow-http", "--probe-concurrency"]

    assert sorted(flags, key=lambda flag: text.index(f"  {flag}")) == flags


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--workers", "0"), "--workers: Input should be greater than or equal to 1"),
        (("--lease-duration", "1"), "--lease-duration: Input should be greater than or equal to 2"),
        (("--probe-retry-interval", "0"), "--probe-retry-interval: Input should be greater than or equal to 1"),
        (("--health-port", "x"), "'--health-port' (env var: 'FIDDLER_KONG_HEALTH_PORT'): 'x' is not a valid integer"),
    ],
)
def test_a_value_out_of_bounds_is_a_usage_error_that_names_its_flag(args: tuple[str, ...], says: str) -> None:
    result, found = invoke(*args)

    assert (result.exit_code, found) == (2, [])
    assert says in result.stderr


def test_all_values_out_of_bounds_are_told_at_once() -> None:
    result, _ = invoke("--workers", "0", "--probe-timeout", "0")

    assert "--workers: " in result.stderr
    assert "--probe-timeout: " in result.stderr


def test_a_bad_item_of_a_list_names_the_flag_and_what_is_wanted() -> None:
    result, _ = invoke("--probe-allowed-addresses", "10.0.0.0/8,nonsense")

    assert "--probe-allowed-addresses: must be a network such as 10.0.0.0/8 or fd00::/8" in result.stderr
