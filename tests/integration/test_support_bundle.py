"""A support bundle of a real cluster holds what helps, and no key."""

from __future__ import annotations

import base64
import tarfile
from pathlib import Path

from tests.integration.arena import Arena
from tests.integration.commands import fiddler_kong, namespace_reader


def bundle(arena: Arena, folder: Path, kubeconfig: Path | None = None) -> dict[str, str]:
    """The files of the archive by name."""
    result = fiddler_kong(arena, "support-bundle", "-o", str(folder / "b.tar.gz"), kubeconfig=kubeconfig)
    assert result.exit_code == 0, result.output
    with tarfile.open(folder / "b.tar.gz") as archive:
        files = {member.name.removeprefix("b/"): archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file}


def with_keys_everywhere(arena: Arena) -> list[str]:
    """A ready binding in a cluster with keys in odd places; returns the texts that must not come out."""
    odd = "canary-4b1d77e0-odd"
    noted = {"metadata": {"annotations": {"note": odd, "kubectl.kubernetes.io/last-applied-configuration": odd}}}
    arena.put(arena.gateway(env={"KONG_PG_PASSWORD": odd}), arena.binding({"attributes": [{"name": "gen_ai.agent.name", "value": odd}]}))
    arena.until_ready()
    for kind, name in (
        ("FiddlerKongBinding", "assistant"),
        ("Deployment", "kong-gateway"),
        ("Secret", "fiddler"),
        ("Ingress", "assistant-openai"),
    ):
        arena.patch(kind, name, noted)
    about = {
        "apiVersion": "configuration.konghq.com/v1",
        "kind": "KongPlugin",
        "namespace": arena.namespace,
        "name": "assistant-opentelemetry",
    }
    told = f"it quotes {odd} and {arena.stage.keys.fiddler}"
    event = arena.manifest("v1", "Event", "quoting", involvedObject=about, reason="Quoted", message=told, type="Warning")
    arena.stage.cluster.api.request("POST", f"/api/v1/namespaces/{arena.namespace}/events", event)
    keys = [arena.stage.keys.fiddler, arena.stage.keys.provider]
    return [odd, *keys, *(base64.b64encode(key.encode()).decode() for key in keys)]


def test_no_key_of_a_cluster_comes_out_and_what_helps_does(arena: Arena, tmp_path: Path) -> None:
    keys = with_keys_everywhere(arena)

    files = bundle(arena, tmp_path)

    assert [(name, key) for name, text in files.items() for key in keys if key in text] == []
    kinds = ("FiddlerKongBinding", "KongPlugin", "Secret", "Service", "Ingress", "Deployment", "Event", "CustomResourceDefinition")
    assert [kind for kind in kinds if f"objects/{kind}.yaml" not in files] == []
    assert "it quotes [redacted]" in files["objects/Event.yaml"]
    assert "KONG_TRACING_INSTRUMENTATIONS" in files["objects/Deployment.yaml"]
    assert "gitVersion: v1." in files["versions.yaml"]


def test_a_user_without_most_rights_gets_the_rest_and_the_index_says_what_is_missing(arena: Arena, tmp_path: Path) -> None:
    keys = with_keys_everywhere(arena)

    files = bundle(arena, tmp_path, namespace_reader(arena, without=("secrets",)))

    assert [(name, key) for name, text in files.items() for key in keys if key in text] == []
    assert f"Secrets of {arena.namespace}, so texts are left out" in files["index.txt"]
    assert "message: <redacted>" in files["objects/Event.yaml"]
    assert "objects/FiddlerKongBinding.yaml" in files
