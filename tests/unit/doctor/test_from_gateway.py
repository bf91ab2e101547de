from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from fiddler_kong_operator.doctor.checks import BINDING_CHECKS
from fiddler_kong_operator.doctor.checks.from_gateway import check_from_gateway
from fiddler_kong_operator.doctor.evidence import Case, Look, Pod
from fiddler_kong_operator.doctor.from_gateway import goal_of, server_pod
from fiddler_kong_operator.doctor.reach import Goal, Reach, Stage, read_reach, unread_reason
from fiddler_kong_operator.doctor.report import examine
from fiddler_kong_operator.kube.execution import Ran
from fiddler_kong_operator.plan.acceptance.endpoint import Endpoint
from tests.unit.doctor.cases import BROKEN, POD, make_case, make_evidence, names, snapshot_of
from tests.unit.plan.situations import make_binding, make_container, make_spec

GOAL = Goal(Endpoint("https", "acme.fiddler.ai", 443))


def reached(stage: Stage, error: str = "", status: int | None = None, goal: Goal = GOAL) -> Case:
    return make_case(reach=Look(Reach(POD, "proxy", goal, stage, error, status)))


def at(url: str) -> Case:
    return make_case(snapshot_of(binding=make_binding(make_spec(url=url))))


def test_without_the_flag_there_is_no_such_line() -> None:
    asked, unasked = (make_evidence(cases=(case,)) for case in (reached(Stage.ANSWER, status=401), make_case()))

    assert len(examine(asked).lines) == len(examine(unasked).lines) + 1
    assert [check.run for check in BINDING_CHECKS if check.area == "13"][1] is check_from_gateway


@pytest.mark.parametrize("status", [200, 401, 403, 429])
def test_an_answer_of_the_endpoint_is_success(status: int) -> None:
    outcome = check_from_gateway(reached(Stage.ANSWER, status=status))

    assert (outcome.state, names(outcome)) == ("fine", [])
    assert f"with {status}" in outcome.said


@pytest.mark.parametrize("status", [204, 301, 400, 404, 407, 502])
def test_another_answer_is_a_warning(status: int) -> None:
    outcome = check_from_gateway(reached(Stage.ANSWER, status=status))

    assert (outcome.state, names(outcome)) == ("warning", ["GatewayAnswerUnexpected"])
    assert f"with {status}" in outcome.diagnoses[0].cause
    assert "fiddler.url must be your Fiddler instance" in outcome.diagnoses[0].fix


@pytest.mark.parametrize(
    ("stage", "error", "name", "advice"),
    [
        (Stage.RESOLVE, "acme.fiddler.ai could not be resolved (3: Host not found)", "GatewayCannotResolve", "-- cat /etc/resolv.conf"),
        (Stage.CONNECT, "connection refused", "GatewayCannotConnect", "Nothing listens there"),
        (Stage.CONNECT, "timeout", "GatewayCannotConnect", "kubectl --namespace kong get networkpolicies"),
        (Stage.CONNECT, "no route to host", "GatewayCannotConnect", "Allow egress from namespace kong to acme.fiddler.ai:443"),
        (Stage.HANDSHAKE, "20: unable to get local issuer certificate", "GatewayTlsFails", "KONG_LUA_SSL_TRUSTED_CERTIFICATE=system,"),
        (Stage.HANDSHAKE, "20: unable to get local issuer certificate", "GatewayTlsFails", "KONG_LUA_SSL_VERIFY_DEPTH"),
        (Stage.HANDSHAKE, "21: unable to verify the first certificate", "GatewayTlsFails", "Mount its certificate into Kong's pods"),
        (Stage.HANDSHAKE, "19: self-signed certificate in certificate chain", "GatewayTlsFails", "the proxy's CA"),
        (Stage.HANDSHAKE, "certificate host mismatch", "GatewayTlsFails", "another name than acme.fiddler.ai"),
        (Stage.HANDSHAKE, "10: certificate has expired", "GatewayTlsFails", "Renew"),
        (Stage.HANDSHAKE, "22: certificate chain too long", "GatewayTlsFails", "KONG_LUA_SSL_VERIFY_DEPTH"),
        (Stage.HANDSHAKE, "timeout", "GatewayTlsFails", "silent"),
        (Stage.HANDSHAKE, "handshake failed", "GatewayTlsFails", "http:// in fiddler.url"),
        (Stage.REQUEST, "closed", "GatewayGetsNoAnswer", "must begin with https://"),
    ],
)
def test_each_stage_has_a_cause_and_a_fix(stage: Stage, error: str, name: str, advice: str) -> None:
    outcome = check_from_gateway(reached(stage, error))

    assert (outcome.state, names(outcome)) == ("error", [name])
    assert error in outcome.diagnoses[0].cause
    assert str(POD) in outcome.diagnoses[0].cause
    assert advice in outcome.diagnoses[0].fix


def test_a_collector_is_advised_on_as_one() -> None:
    spec = make_spec()
    export = {"endpoint": "http://collector.observability:4317", "credentials": "Omit"}
    fiddler = type(spec.fiddler).model_validate({**spec.fiddler.model_dump(by_alias=True), "export": export})
    goal = Goal.of(fiddler)

    [grpc] = check_from_gateway(reached(Stage.REQUEST, "no HTTP", goal=goal)).diagnoses
    [unknown] = check_from_gateway(reached(Stage.RESOLVE, "x could not be resolved", goal=goal)).diagnoses

    assert str(goal) == "http://collector.observability:4317/v1/traces"
    assert "OTLP/gRPC" in grpc.fix
    assert "collector.observability.svc" in unknown.fix


def test_a_user_without_the_right_is_told_the_right() -> None:
    outcome = check_from_gateway(make_case(reach=BROKEN))

    assert (outcome.state, names(outcome)) == ("unread", ["NotReadable"])


def test_a_probe_that_could_not_run_is_no_failure_but_said() -> None:
    outcome = check_from_gateway(make_case(reach=Look(missing="the container has no resty")))

    assert (outcome.state, names(outcome)) == ("unread", [])
    assert outcome.said == "From the gateway: could not look: the container has no resty"


@pytest.mark.parametrize(
    ("pods", "url", "words"),
    [
        (Look((Pod(POD, ready=False, container=make_container()),)), "https://acme.fiddler.ai", "no ready pod with the container proxy"),
        (Look((Pod(POD, ready=True),)), "https://acme.fiddler.ai", "no ready pod with the container proxy"),
        (Look(()), "https://acme.fiddler.ai", "no ready pod with the container proxy"),
        (BROKEN, "https://acme.fiddler.ai", "no ready pod with the container proxy"),
        (None, "http://169.254.169.254", "the binding is not accepted"),
    ],
    ids=["not ready", "another container", "no pod", "pods are not readable", "a refused endpoint"],
)
def test_where_nothing_can_be_asked_that_is_said(pods: Look[tuple[Pod, ...]] | None, url: str, words: str) -> None:
    more: dict[str, Any] = {"pods": pods} if pods else {}
    case = make_case(snapshot_of(binding=make_binding(make_spec(url=url))), None, reach=Look(), **more)

    outcome = check_from_gateway(case)

    assert outcome.state == "skipped"
    assert words in outcome.said
    assert goal_of(case) is None or server_pod(case) is None


def test_the_first_ready_pod_is_asked() -> None:
    other = Pod(POD._replace(name="second"), ready=True, container=make_container())
    case = make_case(pods=Look((Pod(POD, ready=False, container=make_container()), other)))

    assert server_pod(case) == other


def test_what_a_user_wrote_is_no_part_of_the_program() -> None:
    plain, odd = Goal(Endpoint("https", "a.example", 443)), Goal(Endpoint("http", '$(id)";os.exit()', 80))

    assert plain.command[:4] == odd.command[:4]
    assert plain.command[4:] == ("https", "a.example", "443", "/v1/traces")
    assert odd.command[4:] == ("http", '$(id)";os.exit()', "80", "/v1/traces")
    assert Goal(Endpoint("https", "::1", 443)).command[5] == "[::1]"


def test_the_command_fits_into_the_urls_that_proxies_let_pass() -> None:
    assert len(urlencode([("command", word) for word in GOAL.command])) < 7000


def test_no_word_of_the_command_holds_a_key() -> None:
    goal = goal_of(at("https://acme.fiddler.ai"))

    assert goal is not None
    assert not any("the-key" in word for word in goal.command)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({"stage": "answer", "status": 401}, Reach(POD, "proxy", GOAL, Stage.ANSWER, "", 401)),
        ({"stage": "connect", "error": "timeout"}, Reach(POD, "proxy", GOAL, Stage.CONNECT, "timeout")),
        ({"stage": "connect", "error": "x" * 999}, Reach(POD, "proxy", GOAL, Stage.CONNECT, "x" * 200)),
        ({"stage": "answer"}, None),
        ({"stage": "connect", "status": 200}, None),
        ({"stage": "answer", "status": "200"}, None),
        ({"stage": "elsewhere"}, None),
        ({"stage": ["connect"]}, None),
        ([], None),
        ("", None),
    ],
)
def test_only_the_programs_own_line_counts(line: Any, found: Reach | None) -> None:
    assert read_reach(POD, "proxy", GOAL, Ran(f"a warning\n{json.dumps(line)}\n", "", 0)) == found
    assert read_reach(POD, "proxy", GOAL, Ran(json.dumps(line), "", 1)) is None


def test_no_output_is_no_line() -> None:
    assert read_reach(POD, "proxy", GOAL, Ran("", "", 0)) is None
    assert read_reach(POD, "proxy", GOAL, Ran("{", "", 0)) is None


@pytest.mark.parametrize(
    ("ran", "words"),
    [
        (Ran("", "", 97), "has no resty"),
        (Ran("", "/usr/local/kong/nginx-kong.conf\n", 98), "no readable /usr/local/kong/nginx-kong.conf"),
        (Ran("", "", None, "no sh in $PATH"), "no sh in $PATH. The image must have sh"),
        (Ran("", "first\nenv: 'perl': No such file\n", 127), "exit code 127: env: 'perl': No such file"),
        (Ran("", "", 0), "exit code 0: it printed nothing"),
    ],
)
def test_why_there_is_no_line_is_said(ran: Ran, words: str) -> None:
    reason = unread_reason(POD, "proxy", ran)

    assert words in reason
    assert f"container proxy of {POD}" in reason
