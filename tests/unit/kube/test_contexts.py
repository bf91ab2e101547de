from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fiddler_kong_operator.kube.contexts import current_namespace


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    work = {"cluster": "c", "user": "u", "namespace": "ai"}
    contexts = [{"name": "work", "context": work}, {"name": "plain", "context": {"cluster": "c", "user": "u"}}]
    content = {"apiVersion": "v1", "kind": "Config", "current-context": "work", "contexts": contexts}
    content |= {"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1"}}], "users": [{"name": "u", "user": {}}]}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return str(file)


@pytest.mark.parametrize(("context", "expected"), [(None, "ai"), ("work", "ai"), ("plain", "default"), ("missing", "default")])
def test_the_namespace_is_that_of_the_context(kubeconfig: str, context: str | None, expected: str) -> None:
    assert current_namespace(kubeconfig, context) == expected


def test_the_environment_names_the_file(kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    assert current_namespace() == "ai"


@pytest.mark.parametrize("content", ["", "3", "[a]", "{", "contexts: 3"])
def test_a_file_that_cannot_be_read_is_left_to_whoever_connects(tmp_path: Path, content: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(content)
    assert current_namespace(str(file)) == "default"
