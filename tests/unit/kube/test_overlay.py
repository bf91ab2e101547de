from __future__ import annotations

import pytest

from fiddler_kong_operator.errors import Conflict, Gone, Stale
from fiddler_kong_operator.kube.field_ownership import created_by
from fiddler_kong_operator.kube.objects import Manifest, ObjectKey
from fiddler_kong_operator.kube.overlay import Overlay
from fiddler_kong_operator.plan.kinds import BINDING, DEPLOYMENT, SECRET, SERVICE
from tests.unit.observe.objects import binding, deployment, secret, service
from tests.unit.write.fake_cluster import FakeCluster


def overlay_of(*objects: Manifest) -> tuple[Overlay, FakeCluster]:
    cluster = FakeCluster(*objects)
    return Overlay(cluster), cluster


async def test_a_write_is_read_back_and_never_sent() -> None:
    overlay, cluster = overlay_of(service(plugins="mine"))
    body = {"metadata": {"uid": "uid-Service-chat", "annotations": {"konghq.com/plugins": None}}}

    await overlay.merge_patch(SERVICE, "ai", "chat", body)

    assert (await overlay.get(SERVICE, "ai", "chat"))["metadata"]["annotations"] == {}
    assert cluster.writes == []
    [change] = overlay.changes()
    assert change.before is not None
    assert change.before["metadata"]["annotations"] == {"konghq.com/plugins": "mine"}


async def test_a_null_in_an_assumed_object_deletes_the_field_as_the_api_server_does() -> None:
    overlay, _ = overlay_of(service(plugins="mine"))
    manifest = service()

    assumed = await overlay.assume(SERVICE, {**manifest, "metadata": {**manifest["metadata"], "annotations": {"konghq.com/plugins": None}}})

    assert assumed["metadata"]["annotations"] == {}


async def test_what_is_put_back_is_no_change() -> None:
    overlay, _ = overlay_of(service(plugins="mine"))
    for plugins in ("mine,ours", "mine"):
        body = {"metadata": {"annotations": {"konghq.com/plugins": plugins}, "managedFields": []}}
        await overlay.merge_patch(SERVICE, "ai", "chat", body)

    assert (await overlay.get(SERVICE, "ai", "chat"))["metadata"]["annotations"] == {"konghq.com/plugins": "mine"}


async def test_an_object_is_created_once_and_gone_after_its_deletion() -> None:
    overlay, _ = overlay_of()
    manifest = {key: value for key, value in secret().items() if key != "status"}
    made = await overlay.create(SECRET, manifest)

    with pytest.raises(Stale):
        await overlay.create(SECRET, manifest)
    await overlay.delete(SECRET, "ai", "fiddler", uid=made["metadata"]["uid"])
    with pytest.raises(Gone):
        await overlay.get(SECRET, "ai", "fiddler")
    assert [*overlay.changes()] == []


async def test_preconditions_hold() -> None:
    overlay, _ = overlay_of(service(), secret())

    with pytest.raises(Stale):
        await overlay.merge_patch(SERVICE, "ai", "chat", {"metadata": {"resourceVersion": "7"}})
    with pytest.raises(Stale):
        await overlay.delete(SECRET, "ai", "fiddler", uid="another")
    with pytest.raises(Gone):
        await overlay.merge_patch(SERVICE, "ai", "none", {"metadata": {}})


async def test_an_apply_gives_way_to_other_managers_unless_it_is_forced() -> None:
    overlay, _ = overlay_of(created_by("helm", deployment(1, {"name": "KONG_LOG_LEVEL", "value": "info"})))
    entry = {"containers": [{"name": "proxy", "env": [{"name": "KONG_LOG_LEVEL", "value": "debug"}]}]}
    metadata = {"name": "gateway", "namespace": "kong"}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": entry}}}

    with pytest.raises(Conflict):
        await overlay.apply(DEPLOYMENT, manifest)
    applied = await overlay.apply(DEPLOYMENT, manifest, force=True)

    assert applied["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "KONG_LOG_LEVEL", "value": "debug"}]


async def test_an_assumed_object_is_no_change_and_a_binding_goes_with_its_last_finalizer() -> None:
    overlay, _ = overlay_of(binding(finalizers=["one"]))

    deleted = await overlay.assume_deletion(BINDING, "ai", "assistant")
    assert [*overlay.changes()] == []
    await overlay.merge_patch(BINDING, "ai", "assistant", {"metadata": {"finalizers": [], "uid": deleted["metadata"]["uid"]}})

    assert [(change.key, change.after) for change in overlay.changes()] == [(ObjectKey("FiddlerKongBinding", "ai", "assistant"), None)]
