from __future__ import annotations

import pytest

from fiddler_kong_operator.doctor.discovery import has_field, read_version, read_versions
from fiddler_kong_operator.errors import Gone, Transient
from fiddler_kong_operator.kube.objects import Manifest
from fiddler_kong_operator.plan.kinds import BINDING, KONG_PLUGIN
from tests.unit.kube.api_server import Answer, answer, connected, refusal


def schemas(**kinds: list[str]) -> Answer:
    published: Manifest = {f"com.{name}": {"properties": {field: {} for field in fields}} for name, fields in kinds.items()}
    return answer({"components": {"schemas": published}})


async def test_the_versions_are_those_that_the_server_tells_everybody() -> None:
    async with connected(answer({"gitVersion": "v1.36.3"}), answer({"versions": [{"version": "v1alpha1"}]})) as (server, client):
        assert await read_version(client) == "v1.36.3"
        assert await read_versions(client, BINDING) == ("v1alpha1",)
    assert server.asked[1].path == "/apis/integrations.fiddler.ai"


@pytest.mark.parametrize(("fields", "expected"), [(["config", "configPatches"], True), (["config"], False)])
async def test_a_field_is_found_in_the_published_schema(fields: list[str], expected: bool) -> None:  # noqa: FBT001 - a value of the table
    async with connected(schemas(KongPlugin=fields, KongPluginList=["configPatches"])) as (server, client):
        assert await has_field(client, KONG_PLUGIN, "configPatches") is expected
    assert server.asked[0].path == "/openapi/v3/apis/configuration.konghq.com/v1"


async def test_a_kind_that_is_not_installed_is_gone() -> None:
    async with connected(refusal(404), schemas(KongConsumer=[])) as (_, client):
        with pytest.raises(Gone):
            await read_versions(client, BINDING)
        with pytest.raises(Gone):
            await has_field(client, KONG_PLUGIN, "configPatches")


async def test_an_answer_that_is_not_json_is_no_answer() -> None:
    async with connected(answer("<html>")) as (_, client):
        with pytest.raises(Transient, match="is not JSON"):
            await read_version(client)
