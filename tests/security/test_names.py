"""Colliding names, and objects that claim to be ours: the operator never fights, overwrites or deletes others' objects."""

from __future__ import annotations

from typing import Any, Final

import pytest

from fiddler_kong_operator import names
from tests.integration.arena import Arena, Manifest
from tests.integration.children import children
from tests.integration.targets import foreign_plugin, service

OURS: Final = {names.MANAGED_BY_LABEL: names.APPLICATION, names.BINDING_LABEL: "assistant"}


def route(arena: Arena, binding: str, name: str) -> Manifest:
    return arena.binding({"routes.0.name": name, "routes.0.expose.path": f"/{arena.namespace}/{binding}"}, binding)


def bearing(manifest: Manifest, labels: dict[str, str] | None = None, owners: list[Manifest] | None = None) -> Manifest:
    """The same object with labels and ownerReferences."""
    given: dict[str, Any] = {"labels": labels} if labels else {}
    given |= {"ownerReferences": owners} if owners else {}
    return {**manifest, "metadata": {**manifest["metadata"], **given}}


def reference(binding: Manifest, **more: Any) -> Manifest:
    """An ownerReference to a binding, like the operator's."""
    whose = {field: binding["metadata"][field] for field in ("name", "uid")}
    return {"apiVersion": binding["apiVersion"], "kind": names.KIND, **whose, "controller": True, **more}


def content(item: Manifest) -> Manifest:
    """The fields that their owner must keep."""
    return {k: v for k, v in item.items() if k not in {"metadata", "status"}} | {"labels": item["metadata"].get("labels")}


def test_the_younger_of_two_bindings_with_the_same_names_gives_way(arena: Arena) -> None:
    """`a` with route `b-c` and `a-b` with route `c` both need `a-b-c`."""
    arena.put(route(arena, "a", "b-c"))
    arena.until_ready("a")
    mine = children(arena, "a")

    arena.put(route(arena, "a-b", "c"))

    condition = arena.until_condition("Accepted", "False", "NameTaken", "a-b")
    assert "do not belong to this binding: KongPlugin a-b-c-ai-proxy; Service a-b-c; Ingress a-b-c." in condition["message"]
    mark = arena.mark()
    arena.until_quiet()
    written = (write for write in arena.writes(mark) if write.namespace == arena.namespace and write.resource != "events")
    assert list(map(str, written)) == []
    assert children(arena, "a") == mine
    assert arena.conditions("a")["Ready"]["status"] == "True"


def test_the_younger_is_served_when_the_older_is_gone(arena: Arena) -> None:
    arena.put(route(arena, "a", "b-c"))
    arena.until_ready("a")
    arena.put(route(arena, "a-b", "c"))
    arena.until_condition("Accepted", "False", "NameTaken", "a-b")

    arena.delete("FiddlerKongBinding", "a")

    arena.until_ready("a-b")


@pytest.mark.parametrize("labels", [None, OURS], ids=["plain", "with our labels"])
@pytest.mark.parametrize("kind", ["Secret", "KongPlugin", "Service"])
def test_a_users_object_with_a_childs_name_is_not_overwritten(arena: Arena, kind: str, labels: dict[str, str] | None) -> None:
    theirs = {
        "Secret": arena.secret("assistant-kong-keys", "my own"),
        "KongPlugin": foreign_plugin(arena, "assistant-pre-function", "cors"),
        "Service": service(arena, "assistant-openai"),
    }[kind]
    arena.put(bearing(theirs, labels))
    name = theirs["metadata"]["name"]
    before = content(arena.existing(kind, name))

    arena.put(arena.binding())

    assert f"do not belong to this binding: {kind} {name}." in arena.until_condition("Accepted", "False", "NameTaken")["message"]
    arena.delete("FiddlerKongBinding", "assistant")
    arena.until_gone("FiddlerKongBinding", "assistant")
    arena.until_quiet()
    assert content(arena.existing(kind, name)) == before


def test_what_people_label_or_own_by_a_binding_is_not_pruned(arena: Arena) -> None:
    """Kubernetes itself deletes every object with an ownerReference to a binding together with the binding. The operator does not
    delete it earlier, unless it also has our labels: then it is our child in every respect, such as that of a former route."""
    arena.put(arena.binding())
    arena.until_ready()
    owner = reference(arena.existing("FiddlerKongBinding", "assistant"))
    arena.put(
        bearing(arena.secret("labelled", "x"), OURS),
        bearing(arena.secret("owned", "x"), None, [owner]),
        bearing(arena.secret("owned-not-controlled", "x"), OURS, [owner | {"controller": False}]),
        bearing(arena.secret("of-another-uid", "x"), OURS, [owner | {"uid": "00000000-0000-4000-8000-000000000000", "controller": False}]),
        bearing(foreign_plugin(arena, "assistant-former-ai-proxy"), OURS),
    )

    arena.put(arena.binding({"routes.0.name": "renamed"}))
    arena.until_gone("KongPlugin", "assistant-openai-ai-proxy")
    arena.until_ready()
    arena.until_quiet()

    assert [name for name in ("labelled", "owned", "owned-not-controlled") if arena.get("Secret", name) is None] == []
    assert arena.get("KongPlugin", "assistant-former-ai-proxy") is not None


def test_a_uid_copied_into_another_namespace_has_no_effect_there(arena: Arena, neighbour: Arena) -> None:
    """The garbage collector deletes objects whose owner is in another namespace, so the test keeps one with a finalizer and checks uids."""
    arena.put(arena.binding())
    arena.until_ready()
    owner = reference(arena.existing("FiddlerKongBinding", "assistant"))
    mark = arena.mark()

    held = bearing(neighbour.secret("assistant-old", "x"), OURS, [owner])
    held["metadata"]["finalizers"] = ["example.com/held"]
    neighbour.put(held)
    arena.put(arena.binding({"payloads": "Disabled"}))
    arena.until_ready()
    arena.until_quiet()

    assert [str(write) for write in arena.writes(mark) if write.namespace == neighbour.namespace] == []
    neighbour.patch("Secret", "assistant-old", {"metadata": {"finalizers": None}})
    neighbour.until_gone("Secret", "assistant-old")


EDITS: Final[dict[str, tuple[str, str, Manifest]]] = {
    "the trace endpoint": ("KongPlugin", "assistant-opentelemetry", {"config": {"traces_endpoint": "https://evil.example/v1/traces"}}),
    "a further header": ("KongPlugin", "assistant-opentelemetry", {"config": {"headers": {"X-Copy": "1"}}}),
    "another key": ("KongPlugin", "assistant-opentelemetry", {"configPatches": None}),
    "other Lua": ("KongPlugin", "assistant-pre-function", {"config": {"access": ["os.exit()"]}}),
    "the provider's address": ("Service", "assistant-openai", {"spec": {"externalName": "evil.example"}}),
    "the Service's plugins": ("Service", "assistant-openai", {"metadata": {"annotations": {"konghq.com/plugins": "x"}}}),
    "the class": ("Ingress", "assistant-openai", {"spec": {"ingressClassName": "evil"}}),
    "the keys": ("Secret", "assistant-kong-keys", {"data": {"opentelemetry": "ImV2aWwi"}}),
}


def test_what_is_edited_to_lead_elsewhere_is_put_back_at_once(arena: Arena) -> None:
    arena.put(arena.binding())
    arena.until_ready()
    before = children(arena)

    for title, (kind, name, body) in EDITS.items():
        arena.patch(kind, name, body)
        arena.until(lambda: children(arena) == before, f"{title} put back", seconds=5)
