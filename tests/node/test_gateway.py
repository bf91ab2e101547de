"""The gateway's two forms, as far as they can be checked without a node."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.node.gateway import Gateway

QUICKSTART = (Path(__file__).resolve().parents[2] / "manifests/samples/quickstart.yaml").read_text()
KONG = Gateway("kong/kong-gateway:3.13.0.7", "{}")


def names(gateway: Gateway) -> set[str]:
    return {variable["name"] for variable in gateway.container["env"]}


def test_the_stand_in_bears_the_name_of_kongs_image_on_the_node() -> None:
    assert Gateway().own_names == ("docker.io/" + Gateway().container["image"],)
    assert KONG.own_names == ()


def test_kong_listens_where_the_stand_in_does() -> None:
    assert names(Gateway()) < names(KONG)
    assert "--admin-port=8444" in Gateway().container["args"]
    assert {"name": "KONG_ADMIN_LISTEN", "value": "0.0.0.0:8444 ssl"} in KONG.container["env"]


def test_only_a_licence_makes_a_reference_to_its_secret() -> None:
    assert "KONG_LICENSE_DATA" in names(KONG)
    assert "KONG_LICENSE_DATA" not in names(Gateway(KONG.image))


def test_kong_calls_the_stand_in_for_the_provider() -> None:
    before, after = ([*yaml.safe_load_all(text)][-1]["spec"]["routes"] for text in (QUICKSTART, KONG.adapt(QUICKSTART)))

    before[0]["llm"]["options"]["upstreamUrl"] = "http://provider.ai.svc.cluster.local:8080/v1/chat/completions"
    assert after == before
    assert Gateway().adapt(QUICKSTART) == QUICKSTART
