"""For specs with and without a fault, the API server and `fiddler-kong render` give the same verdict and name the same field."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from devcluster import Cluster
from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.observe.kinds.bindings import reduce_binding
from tests.generated.admission import Admission, rendered
from tests.generated.model import Model
from tests.generated.mutations import Mutation, mutations
from tests.generated.pool import STOCK
from tests.generated.valid import PURE, Scenery, Spec, specs
from tests.integration.arena import changed

pytestmark = pytest.mark.usefixtures("stock")

VALID: Final = STOCK.any().map(lambda spec: {**spec, "suspend": False})
PHASES: Final = (Phase.explicit, Phase.generate, Phase.shrink)
QUICK: Final = settings(max_examples=40, deadline=None, derandomize=True, phases=PHASES)
MANY: Final = settings(max_examples=2000, deadline=None, phases=PHASES)
FAULTY: Final[SearchStrategy[Mutation]] = VALID.flatmap(lambda spec: st.sampled_from(list(mutations(spec))))

FREE: Final = Scenery(PURE.targets, 3, {p: s for p, s in PURE.fields.items() if p not in {"routes[].expose.path", "routes[].expose.host"}})
"""Paths and hosts that the schema allows."""


@pytest.fixture(scope="module")
def admission(cluster: Cluster) -> Admission:
    return Admission(cluster)


def binding(spec: Any, name: str = "sample") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "integrations.fiddler.ai/v1alpha1", "kind": "FiddlerKongBinding", "metadata": metadata, "spec": spec}


def check_valid(admission: Admission, spec: Spec) -> None:
    stored, refusal = admission.ask(binding(spec))

    assert refusal == ""
    assert BindingSpec.model_validate(stored["spec"]) == BindingSpec.model_validate(spec)
    assert rendered(binding(spec))[0] == 0


def check_faulty(admission: Admission, fault: Mutation) -> None:
    _, refusal = admission.ask(binding(fault.spec))
    code, said = rendered(binding(fault.spec))

    assert fault.field in refusal
    assert (code, fault.field in said) == (1, True), said
    for text in (refusal, said):
        assert any(words in text for words in fault.says), text


@QUICK
@given(spec=VALID)
def test_a_valid_spec_is_taken_by_both(admission: Admission, spec: Spec) -> None:
    check_valid(admission, spec)


@pytest.mark.exhaustive
@MANY
@given(spec=specs(PURE).map(lambda spec: {**spec, "suspend": False}))
def test_thousands_of_valid_specs_are_taken_by_both(admission: Admission, spec: Spec) -> None:
    check_valid(admission, spec)


@QUICK
@given(fault=FAULTY)
def test_a_spec_with_one_fault_is_refused_by_both_and_the_field_is_named(admission: Admission, fault: Mutation) -> None:
    check_faulty(admission, fault)


@pytest.mark.exhaustive
@MANY
@given(fault=FAULTY)
def test_thousands_of_faults_are_refused_by_both(admission: Admission, fault: Mutation) -> None:
    check_faulty(admission, fault)


WHOLE: Final[Spec] = {
    "fiddler": {
        "url": "https://acme.fiddler.ai",
        "applicationId": "3f0c9a54-8a5e-4c1c-9d53-6d1f6d1b7c11",
        "apiKeySecretRef": {"name": "fiddler", "key": "api-key"},
        "export": {"endpoint": "http://otel.observability.svc:4318", "credentials": "Omit"},
    },
    "gateway": {
        "targetRef": {"kind": "Deployment", "name": "kong-gateway", "namespace": "ai"},
        "container": "proxy",
        "ingressClassName": "kong",
        "kongVersion": "3.13.0.7",
        "management": "Apply",
        "conflicts": "Refuse",
        "untrustedLua": "on",
    },
    "routes": [
        {
            "name": "openai",
            "expose": {
                "path": "/openai",
                "host": "llm.example",
                "timeouts": {"connect": "10s", "read": "10m", "write": "1m30s"},
                "retries": 0,
            },
            "llm": {
                "provider": "openai",
                "model": "gpt-4o-mini",
                "routeType": "llm/v1/chat",
                "options": {
                    "maxTokens": 512,
                    "temperature": 0.7,
                    "topP": 1,
                    "topK": 5,
                    "inputCost": 1,
                    "outputCost": 2,
                    "upstreamUrl": "https://llm.example/v1/chat/completions?api-version=1",
                },
                "auth": {"secretRef": {"name": "openai", "key": "api-key"}, "headerName": "X-Key", "headerPrefix": "Bearer "},
            },
        },
        {"name": "chat", "attachTo": {"kind": "Service", "name": "chat"}},
    ],
    "payloads": "Captured",
    "sessions": {"mode": "Header", "headers": ["X-Chat", "X-Thread"]},
    "attributes": [
        {"name": "gen_ai.agent.name", "value": "support-bot"},
        {"name": "fiddler.session.user.team", "fromHeader": "X-Team"},
    ],
    "tracing": {"samplingRate": 0.5, "propagation": "Ignore"},
    "overrides": [{"plugin": "ai-proxy", "route": "openai", "patch": [{"op": "add", "path": "/response_streaming", "value": "deny"}]}],
    "suspend": False,
}
"""A spec with every field."""

EVERY: Final = list(mutations(WHOLE))


@pytest.mark.parametrize("fault", EVERY, ids=str)
def test_every_fault_of_a_spec_that_gives_every_field(admission: Admission, fault: Mutation) -> None:
    check_faulty(admission, fault)


@pytest.mark.parametrize("fault", [f for f in EVERY if f.title != "unknown field"], ids=str)
def test_the_operator_reads_none_of_them(fault: Mutation) -> None:
    """The operator also refuses what an older definition in the API server may accept."""
    binding = reduce_binding(ObjectKey("FiddlerKongBinding", "ai", "faulty"), {"metadata": {}, "spec": fault.spec})

    assert binding.spec is None
    assert fault.field in str(binding.invalid)


def test_each_kind_of_fault_is_there() -> None:
    titles = Counter(fault.title for fault in EVERY)

    assert min(titles[title] for title in ("missing", "wrong type", "no such choice", "too large", "too small", "too long", "too many")) > 0
    assert sum(titles.values()) > 150


@QUICK
@given(spec=specs(FREE).map(lambda spec: {**spec, "suspend": False}))
async def test_what_a_valid_spec_becomes_is_taken_by_the_api_server(admission: Admission, spec: Spec) -> None:
    """An accepted spec must not result in objects that are refused."""
    model = Model()
    model.bind("sample", spec)
    await model.converge()

    made = [child for key, child in model.children("sample").items()]
    refusals = [admission.ask(in_default(child))[1] for child in made]

    assert [refusal for refusal in refusals if refusal] == []


UNFIT: Final = [("routes.0.expose.host", host) for host in ("a..b", "a.-b", "a-.b", "10.0.0.7", "1.2.3", "123")] + [
    ("routes.0.expose.path", path) for path in ("/..", "/a/../b", "/~a", "/a.b")
]
UNFIT_NAMES: Final = [("gateway.ingressClassName", name) for name in ("a..b", "a-.b")]


@pytest.mark.parametrize(("path", "value"), [*UNFIT, *UNFIT_NAMES], ids=str)
def test_known_case_of_a_spec_whose_objects_are_refused(admission: Admission, path: str, value: str) -> None:
    """The spec was once accepted, and the API server or Kong's controller then refused or misread the Ingress."""
    spec = changed({"spec": WHOLE}, {f"spec.{path}": value})["spec"]

    _, refusal = admission.ask(binding(spec))
    code, _ = rendered(binding(spec))

    assert (refusal != "", code) == (True, 1)


def in_default(child: dict[str, Any]) -> dict[str, Any]:
    annotations = {k: ",".join(v) if isinstance(v, list) else v for k, v in child["metadata"].get("annotations", {}).items()}
    metadata = {**child["metadata"], "namespace": "default", "annotations": annotations}
    metadata.pop("ownerReferences", None)
    return {**child, "metadata": metadata}


OPTIONAL: Final = ["payloads", "sessions", "attributes", "tracing", "suspend", "overrides"]


@pytest.mark.parametrize("name", OPTIONAL)
def test_null_means_left_out_to_both(admission: Admission, name: str) -> None:
    """As in every Kubernetes object, a null for an optional field is dropped and the default applies."""
    spec = {**WHOLE, name: None}

    assert admission.ask(binding(spec))[1] == ""
    assert rendered(binding(spec))[0] == 0
