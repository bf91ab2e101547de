from __future__ import annotations

from typing import Any

import pytest

from devcluster.gateway.process import newest_settings
from devcluster.gateway.process_settings import NotStartedError, process_settings

LATEST = "kong/kong-gateway:3.15.0.1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", {"all"}),
        ("all,request", {"all"}),
        ("request,all", {"request"}),
        (" request , router ", {"request", "router"}),
        ("off", {"off"}),
        ("", {"off"}),
        ("  ", {"off"}),
    ],
)
def test_of_several_instrumentations_all_counts_only_as_the_first(text: str, expected: set[str]) -> None:
    assert process_settings(LATEST, {"KONG_TRACING_INSTRUMENTATIONS": text}).instrumentations == expected


def test_the_root_span_is_made_with_any_instrumentation() -> None:
    settings = process_settings(LATEST, {"KONG_TRACING_INSTRUMENTATIONS": "router"})
    assert [settings.instruments(name) for name in ("request", "router", "balancer")] == [True, True, False]


@pytest.mark.parametrize(("image", "mode"), [("kong/kong-gateway:3.13", "sandbox"), ("kong/kong-gateway:3.14", "strict")])
@pytest.mark.parametrize(
    "env", [{}, {"KONG_UNTRUSTED_LUA": "", "KONG_TRACING_SAMPLING_RATE": "", "KONG_PLUGINS": ""}], ids=["unset", "empty"]
)
def test_an_empty_variable_is_unset(image: str, mode: str, env: dict[str, str]) -> None:
    settings = process_settings(image, env)
    assert (settings.untrusted_lua, settings.sampling_rate, set(settings.plugins)) == (mode, 0.01, {"bundled"})


REFUSED: list[Any] = [
    ("KONG_TRACING_INSTRUMENTATIONS", "everything", "invalid tracing type: everything"),
    ("KONG_TRACING_INSTRUMENTATIONS", "request,,router", "invalid tracing type: "),
    ("KONG_TRACING_INSTRUMENTATIONS", "request,off", "invalid tracing types: off, other types are mutually exclusive"),
    ("KONG_TRACING_SAMPLING_RATE", "often", "tracing_sampling_rate is not a number: 'often'"),
    ("KONG_TRACING_SAMPLING_RATE", "1.5", "tracing_sampling_rate must be between 0 and 1"),
    ("KONG_TRACING_SAMPLING_RATE", "nan", "tracing_sampling_rate must be between 0 and 1"),
    ("KONG_UNTRUSTED_LUA", "yes", "untrusted_lua has an invalid value: 'yes' (off, on, sandbox, strict, lax)"),
    ("KONG_TLS_CERTIFICATE_VERIFY", "maybe", "tls_certificate_verify is not a boolean: 'maybe'"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_with_nonsense_kong_does_not_start(name: str, value: str, message: str) -> None:
    with pytest.raises(NotStartedError) as error:
        process_settings(LATEST, {name: value})
    assert str(error.value) == message


@pytest.mark.parametrize("mode", ["strict", "lax"])
def test_new_lua_modes_do_not_start_an_older_kong(mode: str) -> None:
    assert process_settings(LATEST, {"KONG_UNTRUSTED_LUA": mode}).untrusted_lua == mode
    with pytest.raises(NotStartedError):
        process_settings("kong/kong-gateway:3.13.0.7", {"KONG_UNTRUSTED_LUA": mode})


@pytest.mark.parametrize(("text", "known"), [("bundled,own", True), ("ai-proxy, own", True), ("own", False), ("off", False)])
def test_the_list_of_plugins_limits_what_a_configuration_may_use(text: str, known: bool) -> None:  # noqa: FBT001 - a parameter
    assert process_settings(LATEST, {"KONG_PLUGINS": text}).enables("ai-proxy") == known


@pytest.mark.parametrize(
    ("image", "env", "verified"),
    [("3.13.0.7", {}, False), ("3.14.0.7", {}, True), ("3.14.0.7", {"KONG_TLS_CERTIFICATE_VERIFY": "off"}, False)],
)
def test_certificates_of_services_are_verified_from_314(image: str, env: dict[str, str], verified: bool) -> None:  # noqa: FBT001 - as above
    assert process_settings(f"kong/kong-gateway:{image}", env).verifies_services == verified


def _pod(hour: int, rate: str, ready: str = "True") -> dict[str, Any]:
    container = {"name": "proxy", "image": LATEST, "env": [{"name": "KONG_TRACING_SAMPLING_RATE", "value": rate}]}
    metadata = {"name": f"pod-{hour}", "creationTimestamp": f"2026-01-01T{hour:02}:00:00Z"}
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "sidecar", "image": "x"}, container]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("pods", "rate"),
    [
        ([_pod(1, "0.1"), _pod(2, "0.2")], 0.2),
        ([_pod(1, "0.1"), _pod(2, "0.2", ready="False")], 0.1),
        ([_pod(1, "0.1"), _pod(2, "often")], 0.1),
        ([_pod(2, "often")], None),
        ([], None),
    ],
    ids=["newest", "newest not ready", "newest does not start", "none starts", "none"],
)
def test_the_newest_ready_pod_that_starts_serves(pods: list[dict[str, Any]], rate: float | None) -> None:
    settings = newest_settings(pods, "proxy")
    assert (settings.sampling_rate if settings else None) == rate
