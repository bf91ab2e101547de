"""Validates objects with the API server (dry run) and with `fiddler-kong render`."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from devcluster import Cluster
from devcluster.errors import ApiError
from fiddler_kong_operator.cli.render import render
from fiddler_kong_operator.plan.kinds import KINDS

__all__ = ["Admission", "rendered"]

Manifest = dict[str, Any]


class Admission:
    """Server-side dry runs."""

    def __init__(self, cluster: Cluster) -> None:
        self._api = cluster.api

    def ask(self, manifest: Manifest) -> tuple[Manifest, str]:
        """The object as it is stored and "", or {} and the refusal."""
        path = f"{KINDS[manifest['kind']].path(manifest['metadata']['namespace'])}?dryRun=All&fieldValidation=Strict"
        try:
            return self._api.request("POST", path, manifest), ""
        except ApiError as error:
            return {}, str(error)


def rendered(manifest: Manifest) -> tuple[int, str]:
    """Exit code and output of `fiddler-kong render` for a file with this object."""
    result = CliRunner().invoke(render, ["-", "--probe-allow-http", "--output=json"], input=json.dumps(manifest))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr
