"""The file of the integration page, imported and applied, is a binding that becomes Ready, with the keys from the secrets file."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from click.testing import CliRunner

from devcluster.stage import APPLICATION_ID
from fiddler_kong_operator.cli import main
from tests.integration.arena import Arena, Manifest, changed
from tests.unit.cli.importing.kong_files import FIDDLER_KEY, PROVIDER_KEY, of_application, page


def page_of(arena: Arena) -> str:
    """The file as one would have it in front of this stage's gateway, under a path of this test."""
    file = page()
    file["services"][0]["routes"][0]["paths"] = [f"/{arena.namespace}"]
    file["plugins"][2]["config"] = of_application(APPLICATION_ID)
    keys = arena.stage.keys
    return json.dumps(file).replace(FIDDLER_KEY, keys.fiddler).replace(PROVIDER_KEY, keys.provider)


def imported(arena: Arena, folder: Path) -> tuple[Manifest, list[Manifest]]:
    """The only binding, and the Secrets."""
    path, gateway = folder / "secrets.yaml", f"{arena.namespace}/kong-gateway"
    arguments = ["import", "-n", arena.namespace, "--gateway", gateway, "--secrets-file", str(path), "-"]
    result = CliRunner().invoke(main, arguments, input=page_of(arena))
    assert (result.exit_code, result.exception) == (0, None), result.stderr
    return yaml.safe_load(result.stdout), list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_the_imported_file_of_the_integration_page_becomes_ready(arena: Arena, tmp_path: Path) -> None:
    binding, secrets = imported(arena, tmp_path)

    arena.put(arena.gateway(), *secrets)
    arena.put(changed(binding, {"spec.fiddler.url": arena.stage.sink.url}))

    arena.until_ready(binding["metadata"]["name"])
    pushed = arena.until_pushed(lambda pushed: len(pushed.plugins) == 3, "its plugins")
    assert sorted(pushed.types()) == ["ai-proxy", "opentelemetry", "pre-function"]
