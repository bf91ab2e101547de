"""The count of served routes, decided from one snapshot and the writes that follow it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.decision import decide
from fiddler_kong_operator.plan.objects.desired import BindingPlan
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Child, KongWarning, Parent, Snapshot
from fiddler_kong_operator.plan.status.served import count_served
from fiddler_kong_operator.plan.status.warnings import APPLY_FAILED, TRANSLATION_FAILED
from tests.unit.plan.situations import ATTACHED, EXPOSED, make_binding, make_snapshot, make_spec

CHAT = ObjectKey("Service", "kong", "chat")
SERVICE = ObjectKey("Service", "kong", "assistant-openai")
INGRESS = ObjectKey("Ingress", "kong", "assistant-openai")
AI_PROXY = ObjectKey("KongPlugin", "kong", "assistant-openai-ai-proxy")
OPENTELEMETRY = ObjectKey("KongPlugin", "kong", "assistant-opentelemetry")
KEYS = ObjectKey("Secret", "kong", "assistant-kong-keys")
SECRETS = {"fiddler": {"api-key": b"id.secret"}, "openai": {"api-key": b"sk-test"}}
BOTH = make_binding(make_spec(EXPOSED, ATTACHED))
NOW = make_snapshot().now
EMPTY = BindingPlan()


def fresh(binding: Binding = BOTH, **more: Any) -> Snapshot:
    """Nothing was made yet."""
    return make_snapshot(binding, secrets=SECRETS, targets={CHAT: Attachable(CHAT, "uid-target", "4")}, **more)


def settled(binding: Binding = BOTH, **more: Any) -> Snapshot:
    """Everything that the binding wants exists and is attached."""
    plan = decide(fresh(binding)).plan
    children = {
        d.key: Child(d.key, f"uid-{d.key.name}", "5", binding.uid, "assistant", d.digest, applied_at=NOW - 60) for d in plan.objects
    }
    lists = {a.target: a.plugins for a in plan.attachments} | {d.key: listed(d.manifest) for d in plan.objects if d.key.kind == "Service"}
    targets = {key: Attachable(key, f"uid-{key.name}", "5", plugins) for key, plugins in lists.items()}
    targets |= {key: Attachable(key, f"uid-{key.name}", "5") for key in children if key.kind == "Ingress"}
    return make_snapshot(binding, secrets=SECRETS, targets=targets, children=children, **more)


def listed(manifest: Any) -> tuple[str, ...]:
    return tuple(manifest["metadata"]["annotations"]["konghq.com/plugins"].split(","))


def without(seen: Snapshot, *keys: ObjectKey) -> Snapshot:
    """These objects were deleted."""
    targets = {key: target for key, target in seen.targets.items() if key not in keys}
    children = {key: child for key, child in seen.children.items() if key not in keys}
    return replace(seen, targets=targets, children=children)


def carrying(seen: Snapshot, key: ObjectKey, *names: str) -> Snapshot:
    return replace(seen, targets={**seen.targets, key: replace(seen.targets[key], plugins=names)})


def test_everything_counts_once_it_is_made() -> None:
    seen = fresh()
    assert (count_served(seen, EMPTY), count_served(seen, decide(seen).plan), count_served(settled(), EMPTY)) == ("0/2", "2/2", "2/2")


def test_of_a_pass_that_failed_only_what_was_written_counts() -> None:
    seen = fresh()
    plan = decide(seen).plan
    written = [d.key for d in plan.objects if d.key.kind != "Ingress"]
    assert (count_served(seen, plan.part(written)), count_served(seen, plan.part([*written, CHAT]))) == ("0/2", "1/2")


@pytest.mark.parametrize(
    "refusal",
    [{"binding": replace(BOTH, spec=make_spec(EXPOSED, ATTACHED, suspend=True))}, {"secrets": {}}, {"workload": None}],
    ids=["suspended", "keys missing", "gateway gone"],
)
def test_a_binding_that_is_left_as_it_is_counts_what_it_has(refusal: dict[str, Any]) -> None:
    seen = replace(settled(), **refusal)
    decision = decide(seen)
    assert count_served(seen, decision.plan, decision.prune) == "2/2"


def test_suspended_before_anything_was_made_nothing_counts() -> None:
    seen = fresh(make_binding(make_spec(EXPOSED, ATTACHED, suspend=True)))
    assert count_served(seen, decide(seen).plan) == "0/2"


def test_a_route_whose_plugins_a_clash_takes_off_does_not_count() -> None:
    seen = settled()
    seen = replace(carrying(seen, CHAT, *seen.targets[CHAT].plugins, "theirs"), plugin_types={"theirs": "opentelemetry"})
    seen = replace(seen, plugin_types={**seen.plugin_types, OPENTELEMETRY.name: "opentelemetry"})
    decision = decide(seen)
    assert count_served(seen, decision.plan, decision.prune) == "1/2"


@pytest.mark.parametrize("missing", [AI_PROXY, SERVICE, INGRESS], ids=lambda key: key.kind)
def test_a_route_lacks_what_only_it_needs(missing: ObjectKey) -> None:
    assert count_served(without(settled(), missing), EMPTY) == "1/2"


@pytest.mark.parametrize("missing", [OPENTELEMETRY, KEYS], ids=lambda key: key.kind)
def test_every_route_needs_what_they_share(missing: ObjectKey) -> None:
    assert count_served(without(settled(), missing), EMPTY) == "0/2"


def test_a_list_that_lacks_one_name_does_not_count() -> None:
    seen = settled()
    assert count_served(carrying(seen, CHAT, *seen.targets[CHAT].plugins[:-1]), EMPTY) == "1/2"


def test_a_name_with_its_namespace_is_the_same_plugin() -> None:
    seen = settled()
    assert count_served(carrying(seen, CHAT, "cors", *(f"kong:{name}" for name in seen.targets[CHAT].plugins)), EMPTY) == "2/2"


def test_objects_of_others_with_these_names_are_not_the_routes() -> None:
    seen = settled()
    children = {key: replace(child, owner_uid="uid-of-another") for key, child in seen.children.items()}
    assert count_served(replace(seen, children=children), EMPTY) == "0/2"


def test_what_is_about_to_be_deleted_does_not_count() -> None:
    assert count_served(settled(), EMPTY, (INGRESS, SERVICE)) == "1/2"


# Signs that Kong may not have a route


def confirmed(seen: Snapshot) -> Snapshot:
    """Kong's controller has given the Ingress an address."""
    return replace(seen, targets={**seen.targets, INGRESS: replace(seen.targets[INGRESS], published=True)})


def test_a_route_waits_for_its_address_where_others_of_the_class_have_one() -> None:
    seen = settled(class_published=True)
    assert (count_served(seen, EMPTY), count_served(confirmed(seen), EMPTY)) == ("1/2", "2/2")


def test_while_somebody_freezes_the_gateway_only_an_address_counts() -> None:
    seen = settled(frozen_by=((ObjectKey("Ingress", "shop", "web"), "cors"),))
    assert (count_served(seen, EMPTY), count_served(confirmed(seen), EMPTY)) == ("0/2", "1/2")


@pytest.mark.parametrize("reason", [APPLY_FAILED, TRANSLATION_FAILED])
@pytest.mark.parametrize(
    ("about", "served"),
    [((CHAT,), "1/2"), ((INGRESS,), "1/2"), ((AI_PROXY,), "1/2"), ((OPENTELEMETRY,), "0/2"), ((ObjectKey("Pod", "kong", "kic"),), "2/2")],
    ids=str,
)
def test_a_warning_takes_away_the_routes_that_need_its_object(about: Collection[ObjectKey], served: str, reason: str) -> None:
    seen = settled(warnings=tuple(KongWarning(key, reason, "no such field", NOW - 5) for key in about))
    assert count_served(seen, EMPTY) == served


def test_a_warning_about_what_was_written_since_is_over() -> None:
    seen = settled(warnings=(KongWarning(AI_PROXY, TRANSLATION_FAILED, "no such field", NOW - 5),))
    drifted = replace(seen, children={**seen.children, AI_PROXY: replace(seen.children[AI_PROXY], digest=b"other")})
    assert (count_served(drifted, EMPTY), count_served(drifted, decide(drifted).plan)) == ("1/2", "2/2")


def test_an_invalid_spec_has_no_count() -> None:
    assert count_served(make_snapshot(replace(BOTH, spec=None, invalid="no")), EMPTY) is None


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ((), "0/1"),
        ((Parent("kong/kong", accepted=True, programmed="Unknown"),), "0/1"),
        ((Parent("kong/kong", accepted=True),), "1/1"),
        ((Parent("kong/kong", accepted=True, programmed="True"),), "1/1"),
    ],
    ids=["nobody", "not yet programmed", "a controller that does not say", "programmed"],
)
def test_an_http_route_counts_unless_kong_may_not_have_it(parents: tuple[Parent, ...], expected: str) -> None:
    key = ObjectKey("HTTPRoute", "kong", "chat")
    binding = make_binding(make_spec({"name": "chat", "attachTo": {"kind": "HTTPRoute", "name": "chat"}}))
    published = any(parent.programmed == "True" for parent in parents)
    route = Attachable(key, "uid-chat", "4", parents=parents, published=published)
    seen = make_snapshot(binding, secrets=SECRETS, targets={key: route})
    assert count_served(seen, decide(seen).plan) == expected
