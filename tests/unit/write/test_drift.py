from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime

import pytest

from fiddler_kong_operator.errors import Denial, Refused, Stale, Stalled, Transient
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.plan.kinds import KINDS
from fiddler_kong_operator.plan.objects.desired import BindingPlan, Desired
from fiddler_kong_operator.plan.objects.digest import content_digest
from fiddler_kong_operator.write.ownership import COLLECTED
from tests.unit.observe.objects import WRITTEN, at, ours, owners, plugin, secret
from tests.unit.write.bench import Bench

OWN = ObjectKey("KongPlugin", "ai", "assistant-opentelemetry")


def add_default(raw: Manifest) -> None:
    raw.setdefault("protocols", ["http"])


async def test_drift_is_repaired_exactly() -> None:
    bench = Bench()
    wanted = bench.plugin(endpoint="https://acme", nested={"a": 1})
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"endpoint": "https://evil", "nested": {"a": 1, "b": 2}, "extra": []}, disabled=True)
    assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)
    assert content_digest(bench.live(wanted)) == wanted.digest
    assert bench.cluster.bodies[-1]["config"] == {"endpoint": "https://acme", "nested": {"b": None}, "extra": None}


async def test_labels_and_annotations_of_others_survive_a_repair() -> None:
    bench = Bench()
    wanted = bench.service({"konghq.com/protocol": "https"})
    await bench.apply(BindingPlan((wanted,)))
    metadata = copy.deepcopy(bench.live(wanted)["metadata"])
    metadata["labels"]["team"] = "ml"
    metadata["annotations"] = {"note": "theirs", "konghq.com/plugins": "theirs"}
    bench.drift(wanted, metadata=metadata)
    await bench.apply(BindingPlan((wanted,)))
    repaired = bench.live(wanted)["metadata"]
    assert repaired["annotations"] == {"note": "theirs", "konghq.com/protocol": "https"}
    assert repaired["labels"]["team"] == "ml"


async def test_a_repair_is_pinned_to_what_was_read() -> None:
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"x": 1})

    def interfere(verb: str, _: ObjectKey) -> None:
        if verb == "merge_patch":
            bench.cluster.put({**bench.live(wanted), "config": {"x": 2}})

    bench.cluster.before = interfere
    with pytest.raises(Stale):
        await bench.apply(BindingPlan((wanted,)))
    bench.cluster.before = None
    await bench.apply(BindingPlan((wanted,)))
    assert bench.live(wanted)["config"] == {}


async def test_nothing_is_written_where_only_the_cache_was_behind() -> None:
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    good = copy.deepcopy(bench.live(wanted))
    bench.drift(wanted, config={"x": 1})
    bench.cluster.put(good)
    bench.cluster.calls.clear()
    assert await bench.apply(BindingPlan((wanted,))) == ()
    assert bench.cluster.writes == []
    assert (await bench.snapshot()).children[wanted.key].digest == wanted.digest


async def test_an_object_found_deleted_is_created_at_once() -> None:
    """Seen: the next pass waited out a pause that had grown while the former object was about to go, and no event cut it short."""
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"x": 1})
    del bench.cluster.objects[wanted.key]
    assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)


async def test_an_object_deleted_between_read_and_patch_is_created_on_the_next_pass() -> None:
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"x": 1})

    def delete_first(verb: str, key: ObjectKey) -> None:
        if verb == "merge_patch":
            del bench.cluster.objects[key]

    bench.cluster.before = delete_first
    with pytest.raises(Stale):
        await bench.apply(BindingPlan((wanted,)))
    assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)


async def test_an_object_recreated_while_its_absence_was_reported_is_not_lost() -> None:
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"x": 1})
    del bench.cluster.objects[wanted.key]
    recreated = ours(plugin("assistant-opentelemetry", 900, uid="new"))

    def overtake(verb: str, key: ObjectKey) -> None:
        if verb == "get" and key == wanted.key:
            bench.cache.apply_event(KINDS["KongPlugin"], "ADDED", bench.cluster.put(at(recreated, 900)))

    bench.cluster.after = overtake
    with pytest.raises(Stale):
        await bench.apply(BindingPlan((wanted,)))
    child = bench.cache.child(wanted.key)
    assert child is not None
    assert child.uid == "new"


@pytest.mark.parametrize("whose", [[], owners("bot")], ids=["no owner", "another binding"])
async def test_an_object_that_is_no_longer_ours_is_left_alone(whose: list[Manifest]) -> None:
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    metadata = {**bench.live(wanted)["metadata"], "labels": {}, "ownerReferences": whose}
    bench.drift(wanted, metadata=metadata)
    bench.cluster.calls.clear()
    with pytest.raises(Stalled, match="has another owner") as caught:
        await bench.apply(BindingPlan((wanted,)))
    assert (caught.value.reason, bench.cluster.writes) == ("NameTaken", [])


async def test_an_object_that_lost_its_owner_but_not_our_labels_gets_it_back() -> None:
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, metadata={**bench.live(wanted)["metadata"], "ownerReferences": [], "managedFields": WRITTEN})
    await bench.apply(BindingPlan((wanted,)))
    assert [owner["uid"] for owner in bench.live(wanted)["metadata"]["ownerReferences"]] == ["uid-assistant"]


async def test_labels_put_on_by_hand_do_not_make_an_object_ours() -> None:
    bench = Bench(ours(plugin("assistant-opentelemetry"), ownerReferences=[]))
    with pytest.raises(Stalled, match="has another owner"):
        await bench.apply(BindingPlan((bench.plugin(),)))
    assert bench.cluster.writes == []


async def test_a_plugin_of_another_type_is_recreated() -> None:
    bench = Bench(ours(plugin("assistant-opentelemetry", type_="prometheus")))
    wanted = bench.plugin()
    assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)
    assert bench.cluster.writes == [("delete", wanted.key), ("create", wanted.key)]
    assert (bench.live(wanted)["plugin"], bench.live(wanted)["metadata"]["uid"] != "uid-KongPlugin-assistant-opentelemetry") == (
        "opentelemetry",
        True,
    )


async def test_a_secret_of_another_type_is_recreated() -> None:
    bench = Bench(ours({**secret("assistant-kong-keys"), "type": "kubernetes.io/tls"}))
    wanted = bench.secret()
    await bench.apply(BindingPlan((wanted,)))
    assert [verb for verb, _ in bench.cluster.writes] == ["delete", "create"]
    assert (await bench.snapshot()).children[wanted.key].digest == wanted.digest


@pytest.mark.parametrize("read", [True, False], ids=["drift", "changed spec"])
async def test_an_ingress_of_another_class_is_recreated_without_the_address_of_that_class(*, read: bool) -> None:
    bench = Bench()
    wanted = bench.ingress()
    await bench.apply(BindingPlan((wanted,)))
    more = {"defaultBackend": {"service": {"name": "theirs"}}} if read else {}
    bench.drift(wanted, spec={"ingressClassName": "internal", **more}, status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
    bench.cluster.calls.clear()
    await bench.apply(BindingPlan((wanted,)))
    assert [verb for verb, _ in bench.cluster.writes] == ["delete", "create"]
    assert bench.live(wanted)["spec"] == {"ingressClassName": "kong"}
    assert "status" not in bench.live(wanted)


# Defaults of the server


async def test_a_default_added_on_creation_is_not_repaired() -> None:
    bench = Bench()
    bench.cluster.defaults = add_default
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    bench.cluster.calls.clear()
    await bench.apply(BindingPlan((wanted,)))
    assert bench.cluster.writes == []


async def test_drift_beside_a_default_is_still_repaired() -> None:
    bench = Bench()
    bench.cluster.defaults = add_default
    wanted = bench.plugin(endpoint="https://acme")
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"endpoint": "https://evil"})
    await bench.apply(BindingPlan((wanted,)))
    assert bench.live(wanted)["config"] == {"endpoint": "https://acme"}


async def test_a_change_of_what_is_wanted_is_written_in_spite_of_a_default() -> None:
    bench = Bench()
    bench.cluster.defaults = add_default
    await bench.apply(BindingPlan((bench.plugin(a=1),)))
    await bench.apply(BindingPlan((bench.plugin(a=2),)))
    assert bench.cluster.objects[OWN]["config"] == {"a": 2}


async def with_left_over(*more: Manifest) -> tuple[Bench, Desired]:
    """A plugin left from an earlier binding of the name; `more` are its further owners."""
    bench = Bench()
    wanted = bench.plugin()
    await bench.apply(BindingPlan((wanted,)))
    former = {**owners("assistant")[0], "uid": "uid-before"}
    metadata = {**bench.live(wanted)["metadata"], "ownerReferences": [former, *more], "managedFields": WRITTEN}
    bench.drift(wanted, metadata=metadata)
    bench.cluster.calls.clear()
    return bench, wanted


async def test_an_object_left_from_an_earlier_binding_of_the_name_is_waited_for() -> None:
    bench, wanted = await with_left_over()

    with pytest.raises(Stale, match="left from a deleted binding"):
        await bench.apply(BindingPlan((wanted,)))

    assert bench.cluster.writes == []


async def test_an_object_left_over_that_is_not_collected_is_recreated_in_the_end() -> None:
    """Seen: the garbage collector forgets what belonged to a definition that was deleted soon after it came, and installed again."""
    bench, wanted = await with_left_over()
    snapshot = await bench.snapshot()
    late = datetime.fromisoformat(bench.binding.created).timestamp() + COLLECTED + 1

    written: list[ObjectKey] = []

    await bench.applier.apply(BindingPlan((wanted,)), replace(snapshot, now=late), on_write=written.append)

    assert (written, [verb for verb, _ in bench.cluster.writes]) == ([wanted.key], ["delete", "create"])
    assert [owner["uid"] for owner in bench.live(wanted)["metadata"]["ownerReferences"]] == ["uid-assistant"]


async def test_an_object_left_over_that_has_another_owner_is_never_deleted() -> None:
    bench, wanted = await with_left_over({"kind": "ConfigMap", "name": "theirs", "uid": "uid-theirs"})
    snapshot = await bench.snapshot()

    with pytest.raises(Stale, match="left from a deleted binding"):
        await bench.applier.apply(BindingPlan((wanted,)), replace(snapshot, now=4e9))

    assert bench.cluster.writes == []


# An immutable Secret


async def test_a_right_secret_that_somebody_made_immutable_is_left_alone() -> None:
    bench = Bench()
    wanted = bench.secret()
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, immutable=True)
    assert await bench.apply(BindingPlan((wanted,))) == ()
    bench.cluster.calls.clear()
    assert await bench.apply(BindingPlan((wanted,))) == ()
    assert bench.cluster.calls == []


async def test_an_immutable_secret_is_recreated_where_a_key_is_rotated() -> None:
    bench = Bench()
    await bench.apply(BindingPlan((bench.secret("b2xk"),)))
    bench.drift(bench.secret(), immutable=True)
    wanted = bench.secret("bmV3")
    assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)
    assert [verb for verb, _ in bench.cluster.writes[-2:]] == ["delete", "create"]
    assert (bench.live(wanted)["data"], "immutable" in bench.live(wanted)) == ({"openai": "bmV3"}, False)


@pytest.mark.parametrize(
    ("refusal", "replaced"),
    [
        (Refused("create Secret: denied by policy", 403), False),
        (Transient("create Secret: a webhook is down"), False),
        (Refused("create Secret: exceeded quota", 403, Denial.QUOTA), False),
        (Refused("create Secret: the webhook does not support dry run", 400, Denial.DRY_RUN), True),
    ],
    ids=["policy", "webhook down", "quota", "no dry runs"],
)
async def test_an_object_stays_where_it_could_not_be_created_again(refusal: Exception, *, replaced: bool) -> None:
    bench = Bench()
    await bench.apply(BindingPlan((bench.secret("b2xk"),)))
    bench.drift(bench.secret(), immutable=True)

    def answer(verb: str, _key: ObjectKey) -> None:
        if verb == "dry run":
            raise refusal

    bench.cluster.before = answer
    if replaced:
        await bench.apply(BindingPlan((bench.secret("bmV3"),)))
    else:
        with pytest.raises(type(refusal)):
            await bench.apply(BindingPlan((bench.secret("bmV3"),)))

    assert bench.live(bench.secret())["data"] == {"openai": "bmV3" if replaced else "b2xk"}


async def test_a_policy_that_makes_every_secret_immutable_stops_no_rotation() -> None:
    bench = Bench()
    bench.cluster.defaults = lambda raw: raw.setdefault("immutable", True) if raw["kind"] == "Secret" else None
    for value in ("b2xk", "bmV3"):
        wanted = bench.secret(value)
        assert await bench.apply(BindingPlan((wanted,))) == (wanted.key,)
        assert await bench.apply(BindingPlan((wanted,))) == ()
    assert bench.live(wanted)["data"] == {"openai": "bmV3"}


async def test_the_labels_of_an_immutable_secret_are_repaired_in_place() -> None:
    bench = Bench()
    wanted = bench.secret()
    await bench.apply(BindingPlan((wanted,)))
    live = bench.live(wanted)
    bench.drift(wanted, immutable=True, metadata={**live["metadata"], "labels": {}})
    await bench.apply(BindingPlan((wanted,)))
    assert bench.cluster.writes[-1][0] == "merge_patch"
    assert bench.live(wanted)["metadata"]["labels"] == wanted.manifest["metadata"]["labels"]


@pytest.mark.parametrize("changed", [{"config": {}}, {"protocols": ["http"]}], ids=["other fields", "other values"])
async def test_after_a_restart_what_a_webhook_made_of_a_write_is_left_alone(changed: Manifest) -> None:
    bench = Bench()
    wanted = bench.plugin(x=1)
    bench.cluster.defaults = lambda raw: raw.update(changed)
    await bench.apply(BindingPlan((wanted,)))

    again = bench.restarted()

    assert await again.apply(BindingPlan((wanted,))) == ()
    assert await again.apply(BindingPlan((wanted,))) == ()
    assert [verb for verb, _ in again.cluster.calls if verb == "dry run"] == ["dry run"]
    again.drift(wanted, config={"x": 7})
    assert await again.apply(BindingPlan((wanted,))) == (wanted.key,)


async def test_after_a_restart_drift_is_repaired_although_a_webhook_changes_each_write() -> None:
    bench = Bench()
    wanted = bench.plugin(x=1)
    bench.cluster.defaults = add_default
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"x": 7})

    again = bench.restarted()

    assert await again.apply(BindingPlan((wanted,))) == (wanted.key,)
    assert bench.live(wanted)["config"] == {"x": 1}


async def test_a_webhook_that_supports_no_dry_run_keeps_no_object_from_being_repaired() -> None:
    bench = Bench()
    wanted = bench.plugin(x=1)
    await bench.apply(BindingPlan((wanted,)))
    bench.drift(wanted, config={"x": 7})
    again = bench.restarted()

    def refuse(verb: str, _: ObjectKey) -> None:
        if verb == "dry run":
            raise Refused("admission webhook does not support dry run", 400)

    again.cluster.before = refuse

    assert await again.apply(BindingPlan((wanted,))) == (wanted.key,)
    assert bench.live(wanted)["config"] == {"x": 1}
