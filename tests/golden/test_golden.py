"""Each directory is a case: `binding.yaml` (with its Secrets and foreign targets) -> `expected.yaml`, everything the plan holds."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fiddler_kong_operator.api import BindingSpec
from fiddler_kong_operator.kube.objects import ObjectKey
from fiddler_kong_operator.plan.objects.build import build
from fiddler_kong_operator.plan.secrets import ResolvedKeys, resolve_keys
from fiddler_kong_operator.plan.snapshot import Attachable, Binding, Snapshot

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/binding.yaml"))


class Dumper(yaml.SafeDumper):
    """Lua is shown as it is, line by line."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _text)


def observed(documents: list[dict[str, Any]]) -> Snapshot:
    """A snapshot of the binding, its Secrets and the foreign Services and Ingresses of a case."""
    binding, secrets, targets = None, {}, {}
    for document in documents:
        meta = document["metadata"]
        key = ObjectKey(document["kind"], meta["namespace"], meta["name"])
        if key.kind == "FiddlerKongBinding":
            binding = Binding(key, meta["uid"], 1, "2026-01-01T00:00:00Z", "1", BindingSpec.model_validate(document["spec"]))
        elif key.kind == "Secret":
            secrets[key.name] = {name: base64.b64decode(value) for name, value in document["data"].items()}
        else:
            listed = meta.get("annotations", {}).get("konghq.com/plugins", "")
            targets[key] = Attachable(key, meta["uid"], meta["resourceVersion"], tuple(n.strip() for n in listed.split(",") if n.strip()))
    assert binding is not None
    return Snapshot(binding, 0.0, secrets=secrets, targets=targets)


def planned(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Everything the plan of a case holds, in order."""
    spec = snapshot.binding.spec
    assert spec is not None
    keys = resolve_keys(spec, snapshot.secrets)
    assert isinstance(keys, ResolvedKeys), keys
    plan = build(snapshot, keys, attach_pre_function=True)
    yield from (desired.manifest for desired in plan.objects)
    for a in plan.attachments:
        yield {"attach": str(a.target), "uid": a.uid, "resourceVersion": a.resource_version, "plugins": list(a.plugins)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plan(case: Path, update_golden: bool) -> None:  # noqa: FBT001
    snapshot = observed(list(yaml.safe_load_all((case / "binding.yaml").read_text(encoding="utf-8"))))
    text = yaml.dump_all(planned(snapshot), Dumper=Dumper, sort_keys=False, width=140, allow_unicode=True)
    expected = case / "expected.yaml"
    if update_golden:
        expected.write_text(text, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == text, "run `pytest tests/golden --update-golden` and review the difference"


def test_every_directory_is_a_case() -> None:
    directories = {path for path in HERE.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert directories == set(CASES)
