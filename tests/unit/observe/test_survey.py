from __future__ import annotations

import pytest

from fiddler_kong_operator.errors import Gone, Refused, Transient
from fiddler_kong_operator.observe.kinds import WATCHED
from fiddler_kong_operator.observe.survey import Survey
from fiddler_kong_operator.plan.decision import decide
from fiddler_kong_operator.plan.kinds import BINDING, HTTP_ROUTE, SECRET
from fiddler_kong_operator.plan.snapshot import Snapshot
from tests.unit.observe.objects import ASSISTANT, binding, deployment, secret
from tests.unit.runtime.apis import WatchableCluster


async def seen(survey: Survey) -> Snapshot:
    found = await survey.reader.gather(ASSISTANT)
    assert found
    return found


async def test_every_kind_is_listed_once_the_bindings_first_and_nothing_is_written() -> None:
    cluster = WatchableCluster(binding(), deployment(), secret("fiddler"), secret("openai"))

    snapshot = await seen(await Survey.take(cluster))

    assert (cluster.lists[0], sorted(cluster.lists)) == (BINDING.name, sorted(WATCHED))
    assert snapshot.workload is not None
    assert snapshot.secrets["fiddler"] is not None
    assert {finding.status for finding in decide(snapshot).findings.values()} > {"True"}
    assert cluster.writes == []


async def test_a_user_who_may_not_list_everywhere_sees_the_namespaces_that_remain() -> None:
    cluster = WatchableCluster(binding(), binding("other", namespace="kong"), deployment())
    for kind in (BINDING, SECRET):
        cluster.errors[kind.name] = [Refused(f"list {kind.name}: forbidden", 403)]
    cluster.errors["Secret in ai"] = [Refused("list Secret ai: forbidden", 403)]

    survey = await Survey.take(cluster, ["ai"])

    assert survey.cache.keys(BINDING) == {ASSISTANT}
    assert survey.partial == {"FiddlerKongBinding", "Secret"}
    assert survey.unread == ["Secret in ai cannot be listed: list Secret ai: forbidden"]
    assert not survey.cache.readable(SECRET, "ai")
    assert (await seen(survey)).workload is not None


async def test_kinds_that_are_not_installed_or_not_readable_are_noted_and_the_rest_is_read() -> None:
    cluster = WatchableCluster(binding(), deployment())
    cluster.errors["HTTPRoute"] = [Gone("list HTTPRoute: not found")]
    cluster.errors["Secret"] = [Refused("list Secret: secrets is forbidden", 403)]

    survey = await Survey.take(cluster)

    assert not survey.cache.installed(HTTP_ROUTE)
    assert not survey.cache.readable(SECRET)
    assert survey.unread == ["Secret cannot be listed: list Secret: secrets is forbidden"]
    assert (await seen(survey)).workload is not None


async def test_an_api_server_that_does_not_answer_is_no_look() -> None:
    cluster = WatchableCluster()
    cluster.errors["FiddlerKongBinding"] = [Transient("list FiddlerKongBinding: no answer")]

    with pytest.raises(Transient):
        await Survey.take(cluster)


async def test_a_kind_whose_webhook_fails_hides_no_other() -> None:
    cluster = WatchableCluster(binding(), deployment())
    cluster.errors["Secret"] = [Transient("list Secret: the webhook failed")]

    survey = await Survey.take(cluster)

    assert survey.unread == ["Secret cannot be listed: list Secret: the webhook failed"]
    assert (await seen(survey)).workload is not None
